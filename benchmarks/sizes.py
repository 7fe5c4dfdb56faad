"""How much is measured: all of it, a glance of two minutes, or just enough to see that everything works."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers of one kind of run.

    lives: simulated customers whose states are copied. step_ms: events of so much time they do at once. per_s: events
    per second of event time. at_once: programs that run side by side; more than one only where figures do not
    matter. expected_s: of each measurement, for the time left.
    """

    repetitions: int
    at_once: int = 1
    lives: int
    step_ms: int = 21_600_000
    per_s: int = 20_000

    customers: int
    events: int
    partitions: int = 12
    draws: tuple[str, ...] = ("uniform", "zipf")
    #: Else only that of the headline.
    both_populations: bool = True
    #: On which draws the other programs run; the limits run on all of them.
    peer_draws: tuple[str, ...] = ("uniform",)
    #: The least events that a slow peer gets, and how long one may take.
    peer_events: int
    peer_within_s: float = 600

    rates_per_s: tuple[int, ...] = (100, 1_000, 5_000, 20_000)
    latency_customers: int = 100_000
    latency_s: float = 10
    latency_warm_s: float = 3

    memory_lives: int = 1_500
    memory_copies: int = 100_000

    timer_customers: int = 200_000
    #: Under load: how long there are events before the timers fall due, about; and how many a second.
    storm_after_s: float = 30
    storm_per_s: int = 2_000
    storm_watched_s: float = 60

    rules: tuple[int, ...] = (12, 100, 500)
    rule_lives: int = 150
    rule_customers: int = 20_000
    rule_events: int = 60_000

    growth: tuple[int, ...] = (10_000, 300_000, 3_000_000)
    growth_draws: tuple[str, ...] = ("uniform", "cycle")
    growth_events: int = 200_000

    partition_counts: tuple[int, ...] = (1, 4, 12)
    partition_customers: int = 200_000
    partition_events: int = 200_000

    worker_counts: tuple[int, ...] = (1, 2)
    worker_events: int = 400_000

    expected_s: dict[str, int]


FULL: Final = Sizes(
    repetitions=5,
    lives=500,
    customers=1_000_000,
    events=600_000,
    peer_events=20_000,
    expected_s={
        "throughput": 1_800, "latency": 600, "memory": 180, "timers": 500, "rules": 300, "customers": 900,
        "partitions": 350, "workers": 450,
    },
)  # fmt: skip

QUICK: Final = Sizes(
    repetitions=3,
    lives=200,
    customers=200_000,
    events=600_000,  # of fewer, the fetch loop has a quarter in its first answer, and there is nothing to measure
    draws=("uniform",),
    both_populations=False,
    peer_draws=(),
    peer_events=10_000,
    rates_per_s=(1_000, 5_000),
    latency_s=8,
    latency_warm_s=4,
    memory_lives=400,
    memory_copies=20_000,
    timer_customers=50_000,
    storm_after_s=20,
    storm_watched_s=20,
    rules=(12, 100),
    rule_lives=60,
    rule_events=20_000,
    growth=(10_000, 300_000),
    growth_draws=("cycle",),
    growth_events=200_000,
    partition_counts=(1, 12),
    partition_customers=50_000,
    partition_events=100_000,
    worker_events=200_000,
    expected_s={
        "throughput": 120, "latency": 90, "memory": 60, "timers": 150, "rules": 60, "customers": 90,
        "partitions": 60, "workers": 90,
    },
)  # fmt: skip

SMOKE: Final = Sizes(
    repetitions=1,
    at_once=3,
    draws=("uniform",),
    lives=12,
    step_ms=86_400_000,
    customers=2_000,
    events=12_000,
    partitions=2,
    per_s=2_000,
    peer_events=500,
    peer_within_s=100,
    rates_per_s=(200,),
    latency_customers=200,
    latency_s=2,
    latency_warm_s=1,
    memory_lives=60,
    memory_copies=500,
    timer_customers=1_000,
    storm_after_s=12,
    storm_per_s=100,
    storm_watched_s=4,
    rules=(12, 40),
    rule_lives=5,
    rule_customers=200,
    rule_events=6_000,
    growth=(500,),
    growth_draws=("cycle",),
    growth_events=12_000,
    partition_counts=(1,),
    partition_customers=500,
    partition_events=12_000,
    worker_events=12_000,
    expected_s={
        "throughput": 20, "latency": 5, "memory": 3, "timers": 20, "rules": 2, "customers": 3, "partitions": 3,
        "workers": 10,
    },
)  # fmt: skip
