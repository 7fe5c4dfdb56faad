"""What a backtest found as JSON: see docs/backtest.md."""

from collections.abc import Sequence
from typing import Any

import msgspec

from streamproc.backtest.compare import Differences
from streamproc.backtest.figures import Figures, Flow
from streamproc.backtest.run import Findings
from streamproc.cli.campaigns_sheets import by_day, requests_json
from streamproc.contracts.instants import to_iso
from streamproc.rules.model import Ruleset
from streamproc.windows.panes import DAY_MS


def as_json(
    findings: Findings, rulesets: Sequence[Ruleset], names: Sequence[str], partitions: int
) -> dict[str, Any]:
    """Of all versions. rulesets, names: theirs."""
    found = _version_json(findings.figures[0], rulesets[0], names[0])
    found |= {"until": to_iso(findings.until_ms), "partitions": partitions}
    if len(rulesets) > 1:
        found["against"] = _version_json(findings.figures[1], rulesets[1], names[1])
        found["differences"] = [
            {"segment": key, **_differences_json(of_segment)}
            for key, of_segment in sorted(findings.differences.items())
        ]
    return found


def _version_json(figures: Figures, ruleset: Ruleset, name: str) -> dict[str, Any]:
    return {
        "rules": name,
        "fingerprint": f"{ruleset.fingerprint:08x}",
        "events": figures.events - figures.refused,
        "refused": figures.refused,
        "repeats": figures.repeats,
        "too_late": figures.too_late,
        "signals": figures.signals,
        "segments": [
            {"key": segment.key, "version": segment.version, **_flow_json(figures.segment(segment.key))}
            for segment in ruleset.segments
        ],
        "overlap": [
            {"segments": [one, other], "days": round(both_ms / DAY_MS, 3), "share": round(share, 6)}
            for one, other, both_ms, share in figures.overlaps()
        ],
        "bands": [{"key": band, **_flow_json(flow)} for band, flow in sorted(figures.bands.items())],
        "campaigns": [
            {
                "key": campaign.key,
                "version": campaign.version,
                **requests_json(campaign, figures.requests(campaign.key)),
            }
            for campaign in ruleset.campaigns
        ],
    }


def _flow_json(flow: Flow) -> dict[str, Any]:
    return {
        "customers": flow.customers,
        "entries": flow.entries.total(),
        "exits": flow.exits.total(),
        "at_most": flow.at_most,
        "at_the_end": flow.at_the_end,
        "median_stay_ms": flow.median_stay_ms,
        "customer_days": round(flow.inside_ms / DAY_MS, 3),
        "flaps": flow.flaps,
        "entries_by_day": by_day(flow.entries),
        "exits_by_day": by_day(flow.exits),
        "sizes": by_day(flow.sizes()),
    }


def _differences_json(differences: Differences) -> dict[str, Any]:
    return {
        "customers": differences.customers,
        "only_by_rules": differences.only[0],
        "only_by_against": differences.only[1],
        "examples": [
            {
                "customer_id": one.divergence.customer,
                "at": to_iso(one.divergence.at_ms),
                "rules": msgspec.to_builtins(one.sides[0]),
                "against": msgspec.to_builtins(one.sides[1]),
            }
            for one in differences.told
        ],
    }
