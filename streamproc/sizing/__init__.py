"""How much of everything an installation needs, from what was measured."""
