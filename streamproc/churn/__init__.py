"""Churn risk: the probability that a customer shows no activity in the next H days (docs/churn.md)."""
