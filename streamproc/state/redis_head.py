"""The head of a shard as fields of a Redis hash, and the comparison that fences every step."""

from collections.abc import Mapping, Sequence

from streamproc.state.store import RESERVED_FIELDS, Head, StateCorrupt, superseded


def parse_head(partition: int, flat: Sequence[bytes]) -> Head | None:
    """The head in the reply of HGETALL (field, value, field, value ...); None if there is none.

    Raises StateCorrupt if a field is missing or not a number.
    """
    if not flat:
        return None
    stored = dict(zip(flat[::2], flat[1::2], strict=True))
    fields = {field.decode(): value for field, value in stored.items()}
    time_ms = fields.get("time_ms")
    try:
        return Head(
            partition=partition,
            layout=int(fields["layout"]),
            partitions=int(fields["partitions"]),
            epoch=int(fields["epoch"]),
            owner=fields["owner"].decode(),
            generation=int(fields["generation"]),
            member=fields["member"].decode(),
            seq=int(fields["seq"]),
            commit=fields["commit"].decode(),
            rewinds=int(fields["rewinds"]),
            time_ms=None if time_ms is None else int(time_ms),
            offsets=_numbers("off:", fields),
            max_ms=_numbers("max:", fields),
            has=frozenset(fields.get("has", b"").decode().split()),
            extra={
                name: value
                for name, value in fields.items()
                if name not in RESERVED_FIELDS and not name.startswith(("off:", "max:"))
            },
        )
    except (KeyError, ValueError) as error:
        raise StateCorrupt(
            f"partition {partition}: the head of the shard cannot be read ({error!r})",
            fix="something else writes to this Redis; restore the head, or wipe the shard and rebuild it",
        ) from error


def _numbers(prefix: str, fields: Mapping[str, bytes]) -> dict[str, int]:
    return {name[len(prefix) :]: int(value) for name, value in fields.items() if name.startswith(prefix)}


def ownership(head: Head) -> dict[str, bytes]:
    """Field -> value that must be stored for the holder of `head` to own the shard."""
    return {"epoch": b"%d" % head.epoch, "owner": head.owner.encode()}


def fence(head: Head) -> dict[str, bytes]:
    """Field -> value that must be stored for `head` to be true: ownership, and no commit since."""
    return {**ownership(head), "seq": b"%d" % head.seq}


def check(partition: int, expected: Mapping[str, bytes | None], stored: Sequence[bytes | None]) -> None:
    """Raises Superseded, naming the first of the `expected` fields whose stored value is another one."""
    for (name, ours), found in zip(expected.items(), stored, strict=True):
        if found != ours:
            raise superseded(partition, name, found, ours)


def check_owner(head: Head, reply: Sequence[bytes]) -> Sequence[bytes]:
    """What a fenced script returned behind its status. Raises Superseded if the shard is not ours."""
    status, *rest = reply
    if status != b"ok":
        name, stored = rest
        raise superseded(head.partition, name.decode(), stored, fence(head)[name.decode()])
    return rest
