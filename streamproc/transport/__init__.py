"""Records from Kafka to Faust agents, one chunk per partition, from offsets that the state store owns."""
