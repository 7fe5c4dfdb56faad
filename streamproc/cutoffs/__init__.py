"""Cut-offs out of customers' states: which value divides off the share that the rules ask for."""
