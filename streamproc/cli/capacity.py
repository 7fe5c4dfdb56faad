"""`streamproc capacity`: what so many customers and events need."""

import click
import msgspec
import orjson
from rich.console import Console
from rich.markup import escape

from streamproc.cli.numbers import Amount
from streamproc.errors import StreamprocError
from streamproc.sizing.constants import constants
from streamproc.sizing.load import Load, Plan
from streamproc.sizing.plan import plan_for

_AREAS = {
    "events": "Events",
    "workers": "Workers",
    "signals": "Signals",
    "redis": "Redis",
    "shards": "Shards",
    "network": "Network and disks",
    "time": "Time",
}


@click.command("capacity")
@click.option("--customers", type=Amount(), required=True, help="All that are known, such as 10M.")
@click.option(
    "--events-per-second",
    "events_per_s",
    type=Amount(),
    required=True,
    help="At the busiest hour, such as 50k.",
)
@click.option(
    "--rules",
    type=click.IntRange(1, 10_000),
    default=30,
    show_default=True,
    help="Segments of the rules file.",
)
@click.option(
    "--customers-active",
    "active_per_day",
    type=Amount(),
    help="Who do anything on a day.  [default: a third]",
)
@click.option(
    "--history", type=click.Choice(["light", "typical", "heavy"]), default="typical", show_default=True,
    help="Of the average customer: active on 5, 20 or 90 of 90 days.",
)  # fmt: skip
@click.option(
    "--id-bytes",
    type=click.IntRange(1, 400),
    default=36,
    show_default=True,
    help="Of a customer's id; a UUID has 36.",
)
@click.option(
    "--event-bytes",
    type=click.IntRange(1, 1_000_000),
    default=500,
    show_default=True,
    help="Of an event in Kafka.",
)
@click.option(
    "--redis-memory-gb",
    type=click.FloatRange(min=0.5),
    default=16.0,
    show_default=True,
    help="Memory of a Redis node, GiB.",
)
@click.option(
    "--replicas", type=click.IntRange(0, 5), default=1, show_default=True, help="Of each Redis primary."
)
@click.option(
    "--cores", type=click.IntRange(1, 256), default=4, show_default=True, help="Of a machine for workers."
)
@click.option(
    "--busy", type=click.FloatRange(0.05, 0.95), default=0.5, show_default=True,
    help="Share of the workers' CPU at that rate; the rest catches up.",
)  # fmt: skip
@click.option(
    "--kafka-days",
    type=click.FloatRange(min=0.04),
    default=7.0,
    show_default=True,
    help="Retention, for the disks.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: load, results, every line, the constants used."
)
def capacity_command(as_json: bool, **load: object) -> None:
    """How many shards, workers and Redis nodes, and how much memory, so many customers and events need.

    Every line shows its arithmetic. The constants in it were measured; docs/scaling.md says where, and how far they
    carry. Connects to nothing.

    \b
      streamproc capacity --customers 10M --events-per-second 50k --rules 100
      streamproc capacity --customers 2M --events-per-second 3k --history light --redis-memory-gb 8

    The number of partitions is the one figure that cannot be changed later without a rebuild.
    """
    wanted = msgspec.convert(load, Load)
    if wanted.active > wanted.customers:
        raise StreamprocError(
            f"{wanted.active:,.0f} customers active on a day are more than the {wanted.customers:,.0f} that there are",
            fix="--customers is all that are known; --customers-active those of a day, anonymous ones too",
        )
    plan = plan_for(wanted)
    if as_json:
        click.echo(orjson.dumps(as_dict(plan), option=orjson.OPT_INDENT_2))
    else:
        print_plan(Console(highlight=False, soft_wrap=True), plan)


def as_dict(plan: Plan) -> dict[str, object]:
    """The plan as scripts read it."""
    used = sorted({name for line in plan.lines for name in line.names})
    return {
        "load": msgspec.to_builtins(plan.load),
        "results": plan.results,
        "lines": msgspec.to_builtins(plan.lines),
        "notes": plan.notes,
        "constants": {name: msgspec.to_builtins(constants()[name]) for name in used},
    }


def print_plan(console: Console, plan: Plan) -> None:
    """What comes of it; then every step; then where the constants are from."""
    results = plan.results
    console.print(
        f"[bold]{results['partitions']:.0f} partitions, {results['workers']:.0f} workers, "
        f"{results['redis_primaries']:.0f} Redis primar{'y' if results['redis_primaries'] == 1 else 'ies'} "
        f"of {results['redis_node_gib']:.1f} GiB[/]\n"
    )
    area = ""
    for line in plan.lines:
        if line.area != area:
            area = line.area
            console.print(f"[bold]{_AREAS[area]}[/]")
        value = shown(line.value)
        what, arithmetic = escape(line.what), escape(line.arithmetic)
        unit = f" {line.unit}" if line.unit else ""
        console.print(f"  {what}: [bold]{value}[/]{unit} [dim]= {arithmetic}[/]")
    console.print("\n[bold]What to know[/]")
    for note in plan.notes:
        console.print(f"  {escape(note)}")
    found = sorted(
        {(one.page, one.command, str(one.date)) for name, one in constants().items() if _is_used(plan, name)}
    )
    console.print("\n[bold]Where the constants are from[/]")
    for page, command, date in found:
        console.print(f"  [dim]{page}, {date}: {command}[/]")


def shown(value: float) -> str:
    """With as many digits as mean anything."""
    if value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _is_used(plan: Plan, name: str) -> bool:
    return any(name in line.names for line in plan.lines)
