"""Experiments: what the arms of campaigns came to, out of their signals, and what may be claimed of it."""
