"""What a step waits for, and until when: somebody who lets its campaign go on, its hour, the end of quiet hours."""

from datetime import UTC, tzinfo
from typing import Final

from streamproc.actions.hours import is_quiet, outside_hour_from, quiet_until_ms
from streamproc.contracts.signal_types import WaitedFor
from streamproc.rules.campaign import BEST_HOUR, ContactPolicy, Step
from streamproc.windows.panes import INF

#: A step that waits for somebody to let its campaign go on looks again so often.
LOOK_AGAIN_MS: Final = 300_000


def wait(
    step: Step,
    policy: ContactPolicy,
    zone: tzinfo,
    best_hour: int,
    now_ms: int,
    *,
    told_to: WaitedFor | None = None,
) -> tuple[WaitedFor | None, int]:
    """For what a step that is due has to wait, and until when it need not be looked at.

    zone, best_hour (of the day in UTC, -1: not known): the customer's. told_to: `paused` or `held`, where somebody or
    the breaker has said so.
    """
    if told_to is not None:
        return told_to, now_ms + LOOK_AGAIN_MS
    quiet = policy.quiet_hours
    slot_ms = _slot_ms(step, zone, best_hour, now_ms)
    # Who is most active at night would never be asked.
    is_reachable = quiet is None or step.at_minute != BEST_HOUR or not is_quiet(quiet, slot_ms, zone)
    if slot_ms > now_ms and is_reachable:
        return "slot", slot_ms
    if quiet is not None and is_quiet(quiet, now_ms, zone):
        return "quiet_hours", quiet_until_ms(quiet, now_ms, zone)
    return None, INF


def _slot_ms(step: Step, zone: tzinfo, best_hour: int, now_ms: int) -> int:
    """When the hour begins in which a step is to ask; now: it is here, or there is none."""
    if step.at_minute is None or (step.at_minute == BEST_HOUR and best_hour < 0):
        return now_ms
    minute = step.at_minute
    if minute == BEST_HOUR:
        minute, zone = best_hour * 60, UTC
    others = outside_hour_from(minute)
    return quiet_until_ms(others, now_ms, zone) if is_quiet(others, now_ms, zone) else now_ms
