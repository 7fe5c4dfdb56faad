"""Features: the named numbers that rules are written in, computed for a whole batch of customers at once."""
