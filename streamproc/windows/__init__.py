"""Rolling windows: the columns that are kept for every customer, and how events change them."""
