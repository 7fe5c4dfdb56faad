"""The values that rules are written in, and back to text: `14d`, `1d12h`, `9.99 USD`, `3`, `21:00`."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

#: Longest first, as in `1d12h`. Months and years are left out: they have no fixed length.
DURATION_UNITS_MS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
DURATION_EXAMPLES: Final = "a duration is written like `90s`, `5m`, `1h`, `14d`, `2w` or `1d12h`"
MICROS: Final = 1_000_000
HOURS_A_DAY: Final = 24
MINUTES_AN_HOUR: Final = 60
#: Another feature with its value.
_OTHER: Final = re.compile(r"(.*=)(\d+)")

# Far above every real threshold, and small enough that an instant plus a threshold stays inside int64.
MAX_DURATION_MS: Final = 36_500 * DURATION_UNITS_MS["d"]
MAX_NUMBER: Final = 10**12

_DURATION: Final = re.compile("".join(rf"(?:([0-9]{{1,15}}){unit})?" for unit in DURATION_UNITS_MS))
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_TIME: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class LiteralError(ValueError):
    """A value that cannot be read: what is wrong with it, and a hint."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def is_currency(text: str) -> bool:
    """Whether `text` has the shape of an ISO 4217 code, such as `USD`."""
    return _CURRENCY.fullmatch(text) is not None


def parse_duration(text: str) -> int:
    """Milliseconds of a duration: one or more of weeks, days, hours, minutes, seconds, longest first.

    Raises LiteralError.
    """
    match = _DURATION.fullmatch(text)
    if not match or not text:
        raise LiteralError(f"`{text}` is not a duration", _duration_hint(text))
    total_ms = sum(
        int(amount) * unit_ms
        for amount, unit_ms in zip(match.groups(), DURATION_UNITS_MS.values(), strict=True)
        if amount
    )
    if total_ms > MAX_DURATION_MS:
        raise LiteralError(f"`{text}` is longer than a hundred years", "use a shorter duration")
    return total_ms


def _duration_hint(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return f"add a unit: `{text}d` are days; {DURATION_EXAMPLES}"
    if re.fullmatch(r"[0-9.]+ ?(M|y|mo|months?|years?)", text):
        return "months and years have no fixed length: write days, for example `30d` or `365d`"
    if re.fullmatch(r"[0-9]*\.[0-9]+[a-z]", text):
        return "write a fraction in smaller units, for example `1h30m` for one and a half hours"
    if re.fullmatch(r"([0-9]+[wdhms])+", text):
        return "write each unit once, the longest first, for example `1d12h`"
    return DURATION_EXAMPLES


def parse_minute(text: str) -> int:
    """The minute of the day of a time such as `21:00`. Raises LiteralError."""
    match = _TIME.fullmatch(text)
    if not match:
        raise LiteralError(f"`{text}` is not a time of the day", "a time is written like `08:00` or `21:30`")
    hour, minute = map(int, match.groups())
    if len(match[1]) == 1:
        raise LiteralError(f"`{text}` is not a time of the day", f"write `0{text}`")
    if hour == HOURS_A_DAY and not minute:
        raise LiteralError(f"`{text}` is not a time of the day", "midnight is `00:00`")
    if hour >= HOURS_A_DAY or minute >= MINUTES_AN_HOUR:
        raise LiteralError(f"`{text}` is not a time of the day", "a day goes from `00:00` to `23:59`")
    return hour * MINUTES_AN_HOUR + minute


def format_minute(minute: int) -> str:
    """Text that `parse_minute` reads as `minute`: `21:00`."""
    return f"{minute // MINUTES_AN_HOUR:02d}:{minute % MINUTES_AN_HOUR:02d}"


def parse_number(text: str) -> Decimal:
    """A number that is not negative, exactly as written. Raises LiteralError."""
    if not _NUMBER.fullmatch(text):
        raise LiteralError(f"`{text}` is not a number", "write a number such as `3` or `9.99`")
    number = Decimal(text)
    if number > MAX_NUMBER:
        raise LiteralError(f"`{text}` is too large", f"the greatest number is {MAX_NUMBER}")
    return number


def parse_money(text: str) -> int:
    """Millionths of a currency unit. Raises LiteralError."""
    micros = parse_number(text) * MICROS
    if micros != micros.to_integral_value():
        raise LiteralError(f"`{text}` has more than six decimals", "money is kept in millionths")
    return int(micros)


def format_duration(duration_ms: int) -> str:
    """Text that `parse_duration` reads as `duration_ms`, less the rest of a second: `14d`, `36h`, `90s`."""
    duration_ms -= duration_ms % DURATION_UNITS_MS["s"]
    for unit in ("d", "h", "m"):
        amount, rest_ms = divmod(duration_ms, DURATION_UNITS_MS[unit])
        if amount and not rest_ms:
            return f"{amount}{unit}"
    return f"{duration_ms // DURATION_UNITS_MS['s']}s"


def spell_duration(duration_ms: int, parts: int = 4) -> str:
    """`30d 2h`: for people: from the largest unit that is not zero, so many units."""
    whole = timedelta(milliseconds=duration_ms)
    hours, rest_s = divmod(whole.seconds, 3600)
    units = [(whole.days, "d"), (hours, "h"), (rest_s // 60, "m"), (rest_s % 60, "s")]
    first = next((i for i, (amount, _) in enumerate(units) if amount), 3)
    return " ".join(f"{amount}{unit}" for amount, unit in units[first : first + parts] if amount) or "0s"


def spell_other(threshold: str, unit: str, parts: int = 4) -> str:
    """`3 * usual_gap=25d` of `3 * usual_gap=2160000000`: a threshold of evidence that is another feature."""
    found = _OTHER.fullmatch(threshold)
    if found is None or unit not in ("ms", "percent"):
        return threshold
    amount = spell_duration(int(found[2]), parts) if unit == "ms" else f"{found[2]}%"
    return f"{found[1]}{amount}"


def format_money(micros: int) -> str:
    """Currency units without a trailing zero: `9.99`, `100`."""
    units, rest = divmod(micros, MICROS)
    return f"{units}.{rest:06d}".rstrip("0") if rest else str(units)
