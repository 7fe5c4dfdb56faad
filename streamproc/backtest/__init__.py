"""Rules tried over history before they go live, by the evaluator that a worker runs."""
