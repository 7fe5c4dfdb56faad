"""A backtest as one HTML file that opens from disk: tables and pictures, nothing is loaded from elsewhere."""

import base64
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from streamproc.backtest.chart import as_svg, flows_by_day, requests_by_day, sizes, sizes_by_version
from streamproc.backtest.run import Findings
from streamproc.cli.backtest_sheets import sheets
from streamproc.cli.sheet import Sheet
from streamproc.errors import StreamprocError
from streamproc.rules.model import Ruleset

#: Small pictures of one kind, so that a page stays readable.
_PICTURES: Final = 12
_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24;
  overflow-wrap: anywhere }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem }
p { margin: .3rem 0; color: #59636e }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } div { overflow-x: auto }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #e4e8ec; vertical-align: top;
  white-space: nowrap }
th { font-weight: 600; color: #59636e } .text { text-align: left }
td.text:nth-child(n+4) { white-space: normal; min-width: 14rem; max-width: 30rem }
img { max-width: 100%; display: block; margin: .4rem 0 }
"""


def write_page(
    path: Path, findings: Findings, rulesets: Sequence[Ruleset], names: Sequence[str], summary: Sequence[str]
) -> None:
    """Write it. summary: lines on what was replayed. Raises StreamprocError if the file cannot be written."""
    html = ET.Element("html", lang="en")
    head = ET.SubElement(html, "head")
    ET.SubElement(head, "meta", charset="utf-8")
    ET.SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    ET.SubElement(head, "title").text = f"Backtest of {names[0]}"
    ET.SubElement(head, "style").text = _STYLE
    body = ET.SubElement(html, "body")
    ET.SubElement(body, "h1").text = "Backtest of " + " against ".join(names)
    for line in summary:
        ET.SubElement(body, "p").text = line
    for sheet in sheets(findings, rulesets, names):
        _add_sheet(body, sheet)
    for title, picture in _pictures(findings, rulesets, names):
        ET.SubElement(body, "h2").text = title
        source = f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"
        ET.SubElement(body, "img", src=source, alt=title)
    try:
        path.write_bytes(b"<!doctype html>\n" + ET.tostring(html, "utf-8", method="html"))
    except OSError as error:
        fix = "make room, or name a file elsewhere"
        raise StreamprocError(f"cannot write {path}: {error.strerror or error}", fix=fix) from None


def _add_sheet(body: ET.Element, sheet: Sheet) -> None:
    ET.SubElement(body, "h2").text = sheet.title
    if sheet.note:
        ET.SubElement(body, "p").text = sheet.note
    if not sheet.columns:
        return
    table = ET.SubElement(ET.SubElement(body, "div"), "table")
    _add_row(ET.SubElement(table, "thead"), "th", sheet.columns, sheet.texts)
    rows = ET.SubElement(table, "tbody")
    for row in sheet.rows:
        _add_row(rows, "td", row, sheet.texts)


def _add_row(parent: ET.Element, tag: str, cells: Iterable[str], texts: int) -> None:
    row = ET.SubElement(parent, "tr")
    for place, cell in enumerate(cells):
        ET.SubElement(row, tag, {"class": "text"} if place < texts else {}).text = cell


def _pictures(
    findings: Findings, rulesets: Sequence[Ruleset], names: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Title and SVG of each, as far as there is anything to see."""
    figures, until_ms = findings.figures[0], findings.until_ms
    entered = [segment.key for segment in rulesets[0].segments if figures.segment(segment.key).entries]
    if len(findings.figures) > 1:
        by_customers = sorted(findings.differences.items(), key=lambda item: (-item[1].customers, item[0]))
        differing = [key for key, _ in by_customers[:_PICTURES]]
        if differing:
            picture = sizes_by_version(differing, findings.figures, names, until_ms)
            yield "Sizes under both, where they differ most", as_svg(picture)
    if entered:
        yield "Sizes", as_svg(sizes(rulesets[0].segments, figures.segments, until_ms))
        busiest = sorted(entered, key=lambda key: -figures.segments[key].entries.total())[:_PICTURES]
        yield "Who enters and who leaves, a day", as_svg(flows_by_day(busiest, figures.segments, until_ms))
    asked = {key: each.requested for key, each in figures.campaigns.items() if each.requested}
    if asked:
        yield "Requests of campaigns, a day", as_svg(requests_by_day(asked, until_ms))
