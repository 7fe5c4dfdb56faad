"""What comes next for a customer, as people read it."""

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.cli.facts import because
from streamproc.cli.times import Told, minute, relative

#: A line a signal; later ones are in the JSON.
_SHOWN: Final = 10
_KINDS: Final = {
    "entered": "enters",
    "exited": "leaves",
    "churn": "risk is",
    "requested": "request",
    "suppressed": "withheld",
    "ended": "ends",
}
_TRUTHS: Final = {True: "holds", False: "does not hold", None: "unknown"}


def print_outlook(console: Console, profile: dict[str, Any], told: Told, *, why: bool) -> None:
    """What would be published if nothing happened, and the next check; `why`: when which rule can flip."""
    outlook = profile["outlook"]
    console.print()
    console.print(Text("Next, if nothing happens", "bold cyan"))
    if not outlook["same_rules"]:
        console.print(Text("  (these are other rules than those of the last evaluation)", "yellow"))
    signals = outlook["if_silent"]
    if not signals:
        console.print(Text("  nothing changes in the next 365 days", "dim"))
    ages = [relative(signal["at"], profile["as_of"]) for signal in signals[:_SHOWN]]
    width = max(map(len, ages), default=0)
    key_width = max((len(signal["key"]) for signal in signals[:_SHOWN]), default=0)
    for signal, age in zip(signals, ages, strict=False):
        line = f"  {minute(signal['at'])}  {age:>{width}}  {_KINDS[signal['kind']]:8} "
        text = Text.assemble((line, "dim"), f"{signal['key']:{key_width}}", (f"  {_why(signal)}", "dim"))
        text.rstrip()
        console.print(text, soft_wrap=True)
    if len(signals) > _SHOWN:
        console.print(Text("  and so on", "dim"))
    kept_out = [rule["segment"] for rule in outlook["rules"] if rule["holds"] and not rule["inside"]]
    if kept_out:
        told_out = f"  fits as well, but another one of the group is there: {', '.join(kept_out)}"
        console.print(Text(told_out, "dim"), soft_wrap=True)
    if why:
        _print_rules(console, outlook["rules"], told)
    check_at = outlook["check_at"]
    console.print(f"\nnext check: {told(check_at) if check_at else 'none needed'}", soft_wrap=True)


def _why(signal: dict[str, Any]) -> str:
    if decided := signal["abort_type"] or signal["outcome"]:
        return str(decided).replace("_", " ")
    if signal["kind"] == "requested":
        return f"step {signal['step']} by {signal['channel']}"
    return "" if signal["kind"] == "churn" else because(signal["evidence"])


def _print_rules(console: Console, rules: Sequence[dict[str, Any]], told: Told) -> None:
    """Of each segment the rule that decides now: whether it holds, and when in silence it can be otherwise."""
    table = Table("rule", "now", "in silence, not before", box=None, header_style="dim", pad_edge=False)
    for rule in rules:
        which = f"{'stay in' if rule['inside'] else 'enter'} {rule['segment']}"
        at = rule["can_change_at"]
        table.add_row(Text(which), _TRUTHS[rule["holds"]], told(at) if at else "never")
    console.print()
    console.print(table)
