"""Rules: the rules file read, checked, evaluated for many customers at once, and asked why and until when."""
