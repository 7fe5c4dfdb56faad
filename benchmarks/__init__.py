"""What streamproc costs, beside the limits of its stack and beside others: `make bench`.

One file per measurement: throughput, latency, memory, timers, rule_cost, customers, partitions, workers. Each has a
`measure` that gives its figures as a struct; `targets` says what they should be, `report` writes them down. They are
programs, not tests: a smoke run of all of them, whose figures mean nothing, is in tests/integration.
"""
