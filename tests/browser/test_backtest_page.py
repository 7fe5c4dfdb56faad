"""The page of a backtest as a browser shows it: whole, by itself, and with the very figures of the JSON."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.async_api import Browser, ConsoleMessage, Page

from streamproc.cli.backtest import backtest_command
from streamproc.cli.simulate import simulate_command

RULES = """
segments:
  - {key: quiet_for_a_good_while_by_now, name: Quiet, version: 1, enter: recency > 5d}
  - {key: bought, name: Bought, version: 1, enter: orders_total >= 1}
campaigns:
  - key: come_back
    name: Come back
    version: 1
    on: enter quiet_for_a_good_while_by_now
    channel: email
    reason: Silent
    expires_after: 3d
    reentry: after 5d
"""
#: Elements that stick out to the right of the window, but for what can be scrolled to.
STICKING_OUT = """() => [...document.querySelectorAll('body *')]
  .filter(e => !e.closest('table') && e.getBoundingClientRect().right > innerWidth + 0.5)
  .map(e => e.tagName + ': ' + e.textContent.slice(0, 60))"""
#: Figures that are broken over several lines.
BROKEN = """() => [...document.querySelectorAll('td:not(.text), th')].filter(e => {
    const range = document.createRange(); range.selectNodeContents(e); return range.getClientRects().length > 1
  }).map(e => e.textContent)"""
TABLES = """() => Object.fromEntries([...document.querySelectorAll('h2')].map(h => {
    let next = h.nextElementSibling; while (next && !'DIV H2'.includes(next.tagName)) next = next.nextElementSibling;
    const rows = next && next.tagName == 'DIV' ? [...next.querySelectorAll('tr')] : [];
    return [h.textContent, rows.map(row => [...row.cells].map(cell => cell.textContent))]
  }))"""


@dataclass
class Report:
    """The page, and what the same run printed as JSON."""

    page: Path
    found: dict[str, Any]


@dataclass
class Shown:
    """The page in the browser, and what it asked for and complained about meanwhile."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        """Keep what the console says."""
        self.complaints.append(f"{message.type}: {message.text}")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The packaged playbook against rules whose file has a long name: many segments, all tables, all pictures."""
    folder = tmp_path_factory.mktemp("report")
    events, page = folder / "events.jsonl", folder / "report.html"
    rules = folder / f"{'rules-of-a-shop-that-names-its-files-at-length-' * 2}.yaml"
    rules.write_text(RULES)
    invented = ["--customers", "30", "--days", "40", "--end", "2026-05-01", "--out", str(events)]
    assert CliRunner().invoke(simulate_command, invented).exit_code == 0
    call = [str(events), "--against", str(rules), "--report", str(page), "--json"]
    result = CliRunner().invoke(
        backtest_command, call, env={"STREAMPROC_RULES": None}, catch_exceptions=False
    )
    return Report(page, json.loads(result.stdout))


@pytest.fixture(params=[1280, 400])
async def shown(request: pytest.FixtureRequest, browser: Browser, report: Report) -> AsyncIterator[Shown]:
    """At the width of a screen, and of a telephone."""
    context = await browser.new_context(viewport={"width": request.param, "height": 900}, offline=True)
    shown = Shown(await context.new_page())
    shown.page.on("request", lambda request: shown.requests.append(request.url))
    shown.page.on("console", shown.note)
    shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
    await shown.page.goto(report.page.as_uri(), wait_until="load")
    yield shown
    await context.close()


async def test_it_is_whole_by_itself(shown: Shown, report: Report) -> None:
    """It opens from disk, asks nobody for anything, and every picture in it is drawn."""
    assert [url for url in shown.requests if not url.startswith("data:")] == [report.page.as_uri()]
    assert shown.complaints == []
    drawn = "all => all.map(e => [e.alt, e.complete && e.naturalWidth > 0])"
    assert await shown.page.eval_on_selector_all("img", drawn) == [
        ["Sizes under both, where they differ most", True],
        ["Sizes", True],
        ["Who enters and who leaves, a day", True],
        ["Requests of campaigns, a day", True],
    ]


async def test_nothing_sticks_out_and_no_figure_is_broken(shown: Shown) -> None:
    assert await shown.page.evaluate(STICKING_OUT) == []
    assert await shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await shown.page.evaluate(BROKEN) == []


async def test_it_says_what_the_json_says(shown: Shown, report: Report) -> None:
    tables = await shown.page.evaluate(TABLES)
    found = report.found
    names = ("customers", "entries", "exits", "at_most", "at_the_end")
    assert [row[:6] for row in tables["Segments"][1:]] == [
        [segment["key"], *(f"{segment[name]:,}" for name in names)] for segment in found["segments"]
    ]
    assert len(found["segments"]) == 30
    differing = {row[0]: row[4:] for row in tables["Against the other rules"][1:]}
    assert differing == {
        each["segment"]: [f"{each[name]:,}" for name in ("customers", "only_by_against", "only_by_rules")]
        for each in found["differences"]
        if each["customers"]
    }
    told = {(row[0], row[1]) for row in tables["Who differs, and why"][1:]}
    assert told == {
        (each["segment"], one["customer_id"]) for each in found["differences"] for one in each["examples"]
    }
    requested = {(row[0], int(row[3].replace(",", ""))) for row in tables["Campaigns"][1:]}
    assert requested == {
        (campaign["key"], campaign["requested"])
        for version in (found, found["against"])
        for campaign in version["campaigns"]
    }
    assert (await shown.page.inner_text("p")).startswith(
        f"{found['events']:,} events, until {found['until']}"
    )
