"""Transitions: the old against the new, and the signals that tell the difference."""
