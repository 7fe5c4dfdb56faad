"""Churn models and history: which model fits it, how good that is, and what it would have said at past instants."""
