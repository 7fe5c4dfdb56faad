"""State made anew from Kafka: the plan, what it must not begin with, and how far it has come."""
