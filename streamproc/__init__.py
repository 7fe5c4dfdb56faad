"""streamproc: customer segments, churn risk and reactivation requests from a stream of events."""

__version__ = "0.1.0"
