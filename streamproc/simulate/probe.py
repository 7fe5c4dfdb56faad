"""How far a worker is, by its own metrics."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Reading:
    """applied: events so far. times_ms: by shard, how far in event time; shards that have not begun are missing."""

    applied: int = 0
    times_ms: dict[str, int] = field(default_factory=dict)


async def follow_metrics(url: str, interval_s: float) -> AsyncIterator[Reading]:
    """Readings of a worker, one after each interval, as long as it is asked; none while it does not answer."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as http:
        while True:
            await asyncio.sleep(interval_s)
            try:
                async with http.get(url) as response:
                    text = await response.text()
            except (aiohttp.ClientError, TimeoutError):
                continue
            yield read_metrics(text)


def read_metrics(text: str) -> Reading:
    """The figures in a page of metrics."""
    applied = 0.0
    times_ms = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "streamproc_events_accepted_total":
                applied += sample.value
            elif sample.name == "streamproc_shard_time_seconds" and sample.value > 0:
                times_ms[sample.labels["partition"]] = int(sample.value * 1000)
    return Reading(int(applied), times_ms)
