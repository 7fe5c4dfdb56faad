"""What crosses the border: events in, signals and failed events out, and the schemas of all of them."""
