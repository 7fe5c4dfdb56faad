"""The verdict: what must have come of the topics' contents, whatever happened on the way, and what did.

It shares no code with the engine: it counts events by id in the source topics, and reads state and signals as their
documentation describes them.
"""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import redis.asyncio
from aiokafka.structs import ConsumerRecord

from streamproc.state.layout import unpack
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import read_topic
from tests.faults.load import BAD, MONEY, TOPICS

OUT: Final = ("segments.changes", "churn.risk", "actions.reactivation")
IDLE_MS: Final = 8_000
STEPS: Final = {"t1": 1, "t5": 5, "t20": 20, "t60": 60}
_EVENT: Final = re.compile(
    rb'"type":"(\w+)".*"userId":"([^"]+)","messageId":"([^"]+)","timestamp":"([^"]+)"(.*)', re.DOTALL
)


#: A record's topic, partition, offset and SHA-256: a topic made anew counts from 0 again.
_Place = tuple[str, int, int, str]


@dataclass
class Life:
    """What the topics hold of one customer."""

    messages: set[bytes] = field(default_factory=set)
    events: int = 0
    orders: int = 0
    last_ms: dict[str, int] = field(default_factory=dict)
    first_ms: int = 2**62
    seen_ms: set[int] = field(default_factory=set)
    consents: bool = False  # also if what said so was deleted unread, or never arrived


@dataclass
class Verdict:
    """What was found. `wrong`: every broken promise, in words; empty if all were kept."""

    events: int = 0
    duplicates: int = 0
    bad: int = 0
    signals: int = 0
    repeats: int = 0
    ghosts: int = 0
    rewinds: int = 0
    restated: int = 0
    wrong: list[str] = field(default_factory=list)

    def says(self, ok: bool, what: str) -> None:
        if not ok and len(self.wrong) < 50:
            self.wrong.append(what)


async def judge(
    bootstrap: str,
    redis_url: str,
    prefix: str,
    group: str,
    partitions: int,
    archive: Sequence[ConsumerRecord] = (),
    lost: Mapping[tuple[str, int], Sequence[range]] = MappingProxyType({}),
    *,
    is_mixed: bool = False,
) -> Verdict:
    """Read everything that is left of a run and compare it.

    `archive`: applied records that Kafka has deleted. `lost`: by topic and partition, offsets deleted unread.
    """
    verdict = Verdict()
    lives, bad = await _read_sources(bootstrap, prefix, partitions, archive, lost, verdict)
    await _check_state(redis_url, prefix, group, partitions, lives, verdict)
    signals = await _read_signals(bootstrap, prefix, partitions, verdict)
    _check_signals(signals, lives, verdict, is_mixed=is_mixed)
    await _check_failed(bootstrap, prefix, partitions, bad, verdict)
    return verdict


async def _read_sources(
    bootstrap: str,
    prefix: str,
    partitions: int,
    archive: Sequence[ConsumerRecord],
    lost: Mapping[tuple[str, int], Sequence[range]],
    verdict: Verdict,
) -> tuple[dict[str, Life], set[_Place]]:
    lives: dict[str, Life] = defaultdict(Life)
    bad: set[_Place] = set()

    def take(record: ConsumerRecord) -> None:
        topic = record.topic.removeprefix(prefix)
        if BAD in record.headers:
            digest = hashlib.sha256(record.value or b"").hexdigest()
            bad.add((topic, record.partition, record.offset, digest))
            return
        verdict.events += 1
        _live(record, topic, lives, verdict)

    for record in archive:
        take(record)
    for topic in TOPICS:
        async for records in read_topic(Brokers(bootstrap), prefix + topic, partitions):
            for record in records:
                if not any(record.offset in gone for gone in lost.get((topic, record.partition), ())):
                    take(record)
    verdict.bad = len(bad)
    return lives, bad


def _live(record: ConsumerRecord, topic: str, lives: dict[str, Life], verdict: Verdict) -> None:
    match = _EVENT.search(record.value)
    assert match is not None, record.value
    kind, customer, message, timestamp, rest = match.groups()
    life = lives[customer.decode()]
    if message in life.messages:
        verdict.duplicates += 1
        return
    life.messages.add(message)
    at_ms = _ms(timestamp.decode())
    life.first_ms = min(life.first_ms, at_ms)
    life.seen_ms.add(at_ms)  # whose first word was no activity is silent since then
    if kind == b"identify":
        life.consents = b'"email":true' in rest
        return
    life.events += 1
    life.orders += b'"revenue"' in rest
    life.last_ms[topic] = max(life.last_ms.get(topic, -1), at_ms)


async def _check_state(
    redis_url: str, prefix: str, group: str, partitions: int, lives: Mapping[str, Life], verdict: Verdict
) -> None:
    client = redis.asyncio.Redis.from_url(redis_url)
    found = {}
    for partition in range(partitions):
        name = f"sp:{prefix}:{group}:{{{partition}}}"
        verdict.rewinds += int(await client.hget(f"{name}:head", "rewinds") or 0)
        stored = await client.hgetall(f"{name}:state")
        table = unpack([key.decode() for key in stored], list(stored.values()))
        verdict.says(not found.keys() & set(table.ids), f"customers in two shards: {partition}")
        found.update(zip(table.ids, table.head, strict=True))
    await client.aclose()
    known = {customer for customer, life in lives.items() if life.messages}
    verdict.says(found.keys() == known, f"customers: {len(found)} in Redis, {len(known)} in Kafka")
    for customer, life in lives.items():
        head = found.get(customer)
        if head is None:
            continue
        got = (
            int(head["events"]),
            int(head["orders"]),
            int(head["money_micros"]),
            int(head["first_seen_ms"]),
        )
        want = (life.events, life.orders, round(life.orders * MONEY * 1e6), life.first_ms)
        verdict.says(
            got == want, f"{customer}: state {got}, events say {want} (events, orders, money, first)"
        )
        last = tuple(life.last_ms.get(topic, -1) for topic in TOPICS)
        verdict.says(
            tuple(head["last_ms"].tolist()) == last, f"{customer}: last {head['last_ms']}, should be {last}"
        )


@dataclass(frozen=True)
class _Signal:
    id: str
    topic: str
    place: tuple[str, int]
    customer: str
    version: int
    body: dict[str, Any]

    @property
    def is_restated(self) -> bool:
        return bool(self.body["context"]["streamproc"]["cause"] == "restored")

    @property
    def epoch(self) -> int:
        return self.version >> 32

    @property
    def counter(self) -> int:
        return self.version & 0xFFFFFFFF


async def _read_signals(bootstrap: str, prefix: str, partitions: int, verdict: Verdict) -> list[_Signal]:
    """All signals in the order of each partition, each once; a repeat must be the same to the byte.

    After Redis lost a commit the same change may be published again under the same id with a later version.
    """
    signals: list[_Signal] = []
    seen: dict[tuple[str, int], tuple[bytes, Any]] = {}
    for topic in OUT:
        async for records in read_topic(Brokers(bootstrap), prefix + topic, partitions):
            for record in records:
                headers = dict(record.headers)
                id_, version = headers["ce_id"].decode(), int(headers["ce_sequence"])
                whole = (record.value, record.headers)
                if (id_, version) in seen:
                    verdict.repeats += 1
                    verdict.says(seen[id_, version] == whole, f"{id_}: sent again with other bytes")
                    continue
                seen[id_, version] = whole
                body = json.loads(record.value)
                signals.append(
                    _Signal(id_, topic, (topic, record.partition), record.key.decode(), version, body)
                )
    verdict.signals = len(signals)
    return signals


def _check_signals(
    signals: list[_Signal], lives: Mapping[str, Life], verdict: Verdict, *, is_mixed: bool
) -> None:
    """`is_mixed`: Redis came back with a history that it had left before."""
    by_customer: dict[str, list[_Signal]] = defaultdict(list)
    last_version: dict[tuple[tuple[str, int], str], int] = {}
    for signal in signals:
        by_customer[signal.customer].append(signal)
        place = (signal.place, signal.customer)
        verdict.says(
            signal.version > last_version.get(place, -1),
            f"{signal.customer}: version {signal.version} came after {last_version.get(place)}",
        )
        last_version[place] = max(signal.version, last_version.get(place, -1))
    verdict.says(by_customer.keys() <= lives.keys(), "signals of customers without events")
    for customer, life in lives.items():
        verdict.restated += any(signal.is_restated for signal in by_customer[customer])
        live = _surviving(by_customer[customer])
        if is_mixed and [s.counter for s in sorted(live, key=_counter)] != list(range(1, len(live) + 1)):
            # Redis went to and fro between histories: the customer's signals do not follow from each other.
            _check_restated(customer, life, by_customer[customer], verdict)
            continue
        # What an outbox still held when Redis lost a later commit is sent again: the same change with a new version.
        again = {signal.id for signal in live}
        superseded = {(s.id, s.version) for s in by_customer[customer]} - {(s.id, s.version) for s in live}
        verdict.ghosts += sum(id_ not in again for id_, _ in superseded)
        verdict.repeats += sum(id_ in again for id_, _ in superseded)
        counters = sorted(signal.counter for signal in live)
        verdict.says(counters == list(range(1, len(live) + 1)), f"{customer}: versions {counters[:10]}...")
        ids = Counter(signal.id for signal in live)
        verdict.says(len(ids) == len(live), f"{customer}: two changes with one id")
        _check_said_anew(customer, live, verdict)
        _check_steps(customer, life, live, verdict)
        _check_idle(customer, life, live, verdict)
        _check_actions(customer, life, live, verdict)


def _check_restated(customer: str, life: Life, signals: list[_Signal], verdict: Verdict) -> None:
    """Redis changed histories, and what holds was said anew: who takes signals by version is right in the end."""
    inside: dict[str, bool] = {}
    settled: set[str] = set()
    for signal in sorted(signals, key=lambda signal: signal.version):
        if signal.topic != "segments.changes":
            continue
        key, entered = signal.body["properties"]["audience_key"], signal.body["event"] == "Audience Entered"
        if key in settled and not signal.is_restated:
            verdict.says(inside[key] != entered, f"{customer}: {key} twice {signal.body['event']}")
        if signal.is_restated:
            settled.add(key)
        inside[key] = entered
    want = {key: life.events >= least for key, least in STEPS.items()}
    want |= {"buyer": life.orders >= 1, "idle": bool(life.messages)}
    got = {key: inside.get(key, False) for key in want}
    verdict.says(got == want, f"{customer}, restated: {got}, should be {want}")


def _surviving(signals: list[_Signal]) -> list[_Signal]:
    """Without those that a later epoch of the shard (after Redis lost a commit) has superseded."""
    kept, below = [], 2**63
    for epoch in sorted({signal.epoch for signal in signals}, reverse=True):
        mine = [signal for signal in signals if signal.epoch == epoch]
        kept += [signal for signal in mine if signal.counter < below]
        below = min([below, *(signal.counter for signal in mine)])
    return kept


def _changes(live: list[_Signal], key: str) -> list[tuple[int, str]]:
    """(entry_seq, event) of one segment, in the order of versions; without what only says anew what holds."""
    return [_said(signal) for signal in _of(live, key) if not signal.is_restated]


def _of(live: list[_Signal], key: str) -> list[_Signal]:
    mine = [s for s in live if s.topic == "segments.changes" and s.body["properties"]["audience_key"] == key]
    return sorted(mine, key=_counter)


def _said(signal: _Signal) -> tuple[int, str]:
    return signal.body["context"]["streamproc"]["entry_seq"], signal.body["event"]


def _counter(signal: _Signal) -> int:
    return signal.counter


def _check_said_anew(customer: str, live: list[_Signal], verdict: Verdict) -> None:
    """What is said to hold is what the changes so far have led to."""
    for key in (*STEPS, "buyer", "idle"):
        state = (0, "Audience Exited")
        for signal in _of(live, key):
            if signal.is_restated:
                verdict.says(
                    _said(signal) == state, f"{customer}: {key} restated {_said(signal)}, it was {state}"
                )
            else:
                state = _said(signal)


def _check_steps(customer: str, life: Life, live: list[_Signal], verdict: Verdict) -> None:
    expected = {key: life.events >= least for key, least in STEPS.items()} | {"buyer": life.orders >= 1}
    for key, reached in expected.items():
        got = _changes(live, key)
        want = [(1, "Audience Entered")] if reached else []
        verdict.says(got == want, f"{customer} ({life.events} events): {key} {got}, should be {want}")


def _check_idle(customer: str, life: Life, live: list[_Signal], verdict: Verdict) -> None:
    """Silence: in and out in turn, never before it was due, and everybody is idle in the end."""
    if not life.messages:
        return
    changes = _changes(live, "idle")
    want = [(1 + i // 2, "Audience Exited" if i % 2 else "Audience Entered") for i in range(len(changes))]
    verdict.says(changes == want, f"{customer}: idle {changes}")
    verdict.says(len(changes) % 2 == 1, f"{customer}: not idle at the end")
    for signal in live:
        if signal.body["event"] != "Audience Entered" or signal.body["properties"]["audience_key"] != "idle":
            continue
        if signal.is_restated:
            continue
        at_ms = _ms(signal.body["timestamp"])
        (evidence,) = signal.body["context"]["streamproc"]["evidence"]
        since_ms = at_ms - evidence["value"]
        verdict.says(evidence["value"] > IDLE_MS, f"{customer}: idle after {evidence['value']} ms")
        verdict.says(since_ms in life.seen_ms, f"{customer}: idle since {since_ms}, when there was no event")


def _check_actions(customer: str, life: Life, live: list[_Signal], verdict: Verdict) -> None:
    asked = [s.body for s in sorted(live, key=_counter) if s.topic == "actions.reactivation"]
    if life.events < STEPS["t5"]:
        verdict.says(not asked, f"{customer}: an action with {life.events} events")
        return
    got = [body["event"] for body in asked]
    want = ["Reactivation Requested", "Reactivation Ended"] if life.consents else ["Reactivation Suppressed"]
    verdict.says(got == want, f"{customer}: {got}, should be {want}")
    closing = [body["properties"]["closes"] for body in asked]
    verdict.says(closing == [False] * (len(want) - 1) + [True], f"{customer}: closed by {closing}")


async def _check_failed(
    bootstrap: str, prefix: str, partitions: int, bad: set[_Place], verdict: Verdict
) -> None:
    found: dict[_Place, set[str]] = defaultdict(set)
    async for records in read_topic(Brokers(bootstrap), f"{prefix}events.failed", partitions):
        for record in records:
            data = json.loads(record.value)["data"]
            source = data["source"]
            place = (source["topic"], source["partition"], source["offset"], data["payload"]["sha256"])
            found[place].add(dict(record.headers)["ce_id"].decode())
    verdict.says(
        found.keys() == bad, f"failed: {sorted(found.keys() ^ bad)[:5]} differ ({len(found)}/{len(bad)})"
    )
    verdict.says(all(len(ids) == 1 for ids in found.values()), "a failed event has two ids")
    ids = Counter(id_ for ids in found.values() for id_ in ids)
    verdict.says(all(count == 1 for count in ids.values()), "two failed events have one id")


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
