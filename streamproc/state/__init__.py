"""State in Redis: how a customer is packed, which keys exist, and how a shard commits."""
