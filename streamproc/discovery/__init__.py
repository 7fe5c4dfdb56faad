"""Overlooked segments: groups of customers that no rule names yet, as suggestions in the rule language."""
