"""Life without production: servers of our own, histories to replay, the demo."""
