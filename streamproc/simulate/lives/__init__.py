"""Lives of invented customers, as events: who they are, when they come, what they do, and how they leave."""
