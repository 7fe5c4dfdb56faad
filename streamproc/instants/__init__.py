"""Instants: in which order events are applied, and at which moments customers are evaluated."""
