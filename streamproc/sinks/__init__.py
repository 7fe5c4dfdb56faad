"""Other ways out than Kafka."""
