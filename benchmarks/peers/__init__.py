"""Programs of others on the work of streamproc, each as its own documentation would write it.

All read the three source topics from their beginning and keep, in the keyed state of their framework, per customer and
minute (of the event's `timestamp`): the number of events, the money of its orders, and the time of its last event. They
do less than streamproc: no deduplication, one window where it keeps three tiers of four series, no rules, no timers, no
signals, and a state that is empty at the beginning.

An hour of grace is given where a framework wants one, and the events are in the order of time, so no event is late.
"""
