"""The fault suite: real workers on real servers, broken on purpose; docs/reliability.md tells what it shows."""
