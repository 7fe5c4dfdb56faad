"""Actions: which reactivation requests follow from what changed, and which are suppressed, and why."""
