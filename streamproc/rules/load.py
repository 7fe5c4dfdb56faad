"""A rules file → a Ruleset, or all its problems at once."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Final

from yaml.nodes import Node

from streamproc.contracts.meanings import EventMeaning, Meanings
from streamproc.rules.campaigns import CampaignEntry, read_campaigns
from streamproc.rules.churn_policy import read_churn
from streamproc.rules.contact import ContactEntry, read_contact
from streamproc.rules.cutoff_values import NO_VALUES, CutoffValues
from streamproc.rules.cutoffs import read_cutoffs
from streamproc.rules.document import MAX_ERRORS, Document, TooManyErrors
from streamproc.rules.events import read_events
from streamproc.rules.fields import Fields
from streamproc.rules.funnels import read_funnels
from streamproc.rules.lint import lint_segments
from streamproc.rules.lint_campaigns import lint_campaigns
from streamproc.rules.lint_cutoffs import lint_cutoffs
from streamproc.rules.literals import DURATION_UNITS_MS, is_currency
from streamproc.rules.model import Ruleset, with_funnels
from streamproc.rules.parse import parse_expression
from streamproc.rules.problems import Problem, RulesError
from streamproc.rules.segments import Rule, read_segments
from streamproc.rules.triggers import Named
from streamproc.rules.versions import fingerprint

#: Larger files are refused unread. A segment takes about 200 bytes.
MAX_BYTES: Final = 1_048_576

#: The name of the packaged rules in messages.
PLAYBOOK: Final = "playbook.yaml"

_KEYS: Final = (
    *("currency", "session_gap", "events", "funnels", "cutoffs"),
    *("segments", "churn", "contact", "campaigns"),
)
_OTHER_SECTIONS: Final = frozenset(_KEYS) - {"contact", "campaigns"}
_DEFAULT_CURRENCY: Final = "USD"
_DEFAULT_SESSION_GAP_MS: Final = 30 * DURATION_UNITS_MS["m"]


def load_ruleset(path: Path | None, cutoffs: CutoffValues = NO_VALUES) -> Ruleset:
    """The rules in the file at `path`; None: the packaged playbook. `cutoffs`: the values of its cut-offs.

    Raises RulesError with all problems.
    """
    ruleset, problems = check_ruleset(path, cutoffs)
    errors = [problem for problem in problems if problem.severity == "error"]
    if ruleset is None or errors:
        raise RulesError(errors)
    return ruleset


def check_ruleset(
    path: Path | None, cutoffs: CutoffValues = NO_VALUES
) -> tuple[Ruleset | None, list[Problem]]:
    """The rules, None if there are errors; and all problems, warnings too, in the order of the file."""
    file = PLAYBOOK if path is None else str(path)
    try:
        raw = (files("streamproc.rules") / PLAYBOOK).read_bytes() if path is None else _read(path)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        hint = "give a rules file that exists and that you may read, as an argument or as STREAMPROC_RULES"
        return None, [Problem(file, 0, 0, f"cannot read the file: {error.strerror}", hint)]
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return None, [Problem(file, line, 1, "this is not UTF-8 text", "save the file in UTF-8")]
    if len(raw) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES:,} bytes"
        return None, [Problem(file, 0, 0, message, "is this the rules file?")]
    return check_text(text, file, cutoffs)


def campaign_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Of all problems of a file, those of campaigns and of the contact policy, and what stands in no section at all.

    What only warnings tell is not there as long as anything in the file is wrong.
    """
    return [problem for problem in problems if problem.section not in _OTHER_SECTIONS]


def ruleset_text(path: Path | None) -> str:
    """The text of a file that could be loaded; None: of the packaged playbook."""
    raw = (files("streamproc.rules") / PLAYBOOK).read_bytes() if path is None else _read(path)
    return raw.decode("utf-8-sig")


def _read(path: Path) -> bytes:
    """What is in the file, up to one byte too many; a device may have no end."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def check_text(
    text: str, file: str, cutoffs: CutoffValues = NO_VALUES
) -> tuple[Ruleset | None, list[Problem]]:
    """As `check_ruleset`, of a text; `file` is what messages call it."""
    document = Document(file, text)
    ruleset = None
    try:
        root = document.root()
        ruleset = None if root is None else _read_ruleset(document, root, cutoffs)
    except TooManyErrors:
        last = document.problems[-1]
        hint = f"there may be more: reading ended after {MAX_ERRORS} errors"
        document.problems[-1] = replace(last, hint=f"{last.hint}; {hint}" if last.hint else hint)
    problems = sorted(document.problems, key=lambda problem: (problem.line, problem.column))
    return ruleset, problems


def _read_ruleset(document: Document, node: Node, values: CutoffValues) -> Ruleset | None:
    root = Fields(document, node, "a rules file", allowed=_KEYS)
    currency = _read_currency(root)
    session_gap_ms = root.duration_ms("session_gap", _DEFAULT_SESSION_GAP_MS)
    if session_gap_ms == 0:
        root.report("session_gap", "sessions need a gap longer than 0")
    funnels = tuple(read_funnels(document, root.items("funnels")))
    features = with_funnels(funnels)
    cutoffs = read_cutoffs(root, currency, features, values)
    parse = partial(parse_expression, currency=currency, features=features, cutoffs=cutoffs)
    entries = read_segments(document, root.items("segments"), parse)
    contact = read_contact(root, parse)
    keys = dict.fromkeys(entry.key for entry in entries if entry.key is not None)
    named = Named(keys, [funnel.key for funnel in funnels], parse)
    campaigns = read_campaigns(document, root.items("campaigns"), named, entries)
    churn, events = read_churn(root), dict(read_events(root))
    for funnel in funnels:
        for step in funnel.steps:
            events.setdefault(step, EventMeaning())
    if document.problems:
        return None
    lint_segments(document, entries, features)
    lint_campaigns(document, campaigns, entries, contact, features)
    lint_cutoffs(root, entries, _rules_of(campaigns, contact), cutoffs)
    watches = tuple(entry.watch for entry in campaigns if entry.watch is not None)
    segments = tuple(entry.segment for entry in entries if entry.segment is not None)
    return Ruleset(
        path=document.file,
        segments=segments,
        campaigns=tuple(entry.campaign for entry in campaigns if entry.campaign is not None),
        churn=churn,
        meanings=Meanings(events, currency),
        currency=currency,
        session_gap_ms=session_gap_ms,
        fingerprint=fingerprint(segments, churn, funnels, watches),
        funnels=funnels,
        cutoffs=cutoffs,
        cutoffs_version=None if values is NO_VALUES else values.version,
        contact=contact.policy,
        watches=watches,
    )


def _rules_of(campaigns: Sequence[CampaignEntry], contact: ContactEntry) -> list[Rule]:
    """The expressions of campaigns, and of the policy before them."""
    rules = [
        rule for entry in campaigns for rule in (entry.trigger and entry.trigger.rule, entry.when) if rule
    ]
    return [*rules, contact.complaint] if contact.complaint else rules


def _read_currency(root: Fields) -> str:
    scalar = root.scalar("currency", "a currency code such as `USD`")
    if scalar is None:
        return _DEFAULT_CURRENCY
    if is_currency(scalar.value):
        return str(scalar.value)
    message = f"`{scalar.value}` is not a currency code"
    root.report("currency", message, "write three capital letters, such as `USD`")
    return _DEFAULT_CURRENCY
