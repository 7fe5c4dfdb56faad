"""A customer's way through campaigns as sentences: of `describe_campaigns`, and of history where it was read."""

from collections.abc import Iterator
from typing import Any, Final

from streamproc.cli.entries import entry_lines
from streamproc.cli.facts import because, counted
from streamproc.cli.journey_words import AT_THE_DOOR, GOALS, refusal_words, step_words, trigger_words
from streamproc.cli.times import Told, local_teller

_WAITS: Final = {
    "paused": "the campaign to go on (it is paused)",
    "held": "the breaker to be released",
    "slot": "its hour",
    "quiet_hours": "the end of quiet hours",
}


def preface(profile: dict[str, Any]) -> Iterator[str]:
    """What holds for all campaigns of a profile: whose clocks are told, and what is held."""
    zone = profile["time_zone"]
    if zone["told"]:
        yield f"by the clocks of {zone['name']}, as the customer has said"
    elif zone["name"] != "UTC":
        yield f"by the clocks of {zone['name']}, as the rules have it: the customer has told no time zone"
    if since := profile["requests_held_since"]:
        yield f"the breaker has held all requests of this shard since {local_teller(zone['name'])(since)}"


def about(campaign: dict[str, Any]) -> str:
    """Name, version and mode: what stands behind the key."""
    if campaign["name"] is None:
        return "a campaign that the rules do not have"
    mode = {"dry": ", only trying", "paused": ", paused"}.get(campaign["mode"], "")
    return f"{campaign['name']}  (version {campaign['version']}{mode})"


def sentences(campaign: dict[str, Any], profile: dict[str, Any]) -> Iterator[str]:
    """The customer's story in one campaign, the oldest first, ending with what can come."""
    told = local_teller(profile["time_zone"]["name"])
    journey, history = campaign["journey"], campaign.get("history")
    for entry in history or ():
        yield from entry_lines(entry, told)
    if journey is not None:
        if all(entry["entered_at"] != journey["entered_at"] for entry in history or ()):
            yield from _so_far(campaign, journey, profile, told)
        yield from _to_come(campaign, journey, profile["as_of"], told)
    elif not history:
        yield from _over(campaign, told, is_asked=history is not None)
    if campaign["name"] is not None:
        yield _reentry(campaign, told)


def _so_far(
    campaign: dict[str, Any], journey: dict[str, Any], profile: dict[str, Any], told: Told
) -> Iterator[str]:
    yield f"Entered on {told(journey['entered_at'])}, because {trigger_words(campaign['trigger'])}{_still(journey)}."
    if journey["holdout"]:
        yield "In the control group: nothing is asked for, and what follows is what would have been."
    if journey["variant"]:
        yield f"Variant {journey['variant']}."
    is_real = not journey["holdout"] and campaign["mode"] != "dry"
    yield from _requests(journey, profile, told, was="was" if is_real else "would have been")


def _still(journey: dict[str, Any]) -> str:
    if journey["holds"] is None:
        return ""
    facts = because(journey["evidence"])
    return (
        f", which {'still holds' if journey['holds'] else 'no longer holds'}{f' ({facts})' if facts else ''}"
    )


def _requests(journey: dict[str, Any], profile: dict[str, Any], told: Told, *, was: str) -> Iterator[str]:
    if (last := journey["last_request"]) is None:
        yield "Nothing has been asked for yet."
        return
    if journey["requests"] > 1:
        first = told(journey["first_requested_at"])
        yield f"{counted(journey['requests'], 'request')}, the first on {first}; the last:"
    channel = f" by {last['channel']}" if last["channel"] else ""
    yield (
        f"Step {last['step']} of {journey['steps']} ({step_words(last)}) {was} requested{channel} on "
        f"{told(last['at'])}{_validity(last, profile['as_of'], told)}."
    )
    yield from _reactions(last, profile["reactions"], told)


def _validity(request: dict[str, Any], as_of: str, told: Told) -> str:
    if request["action_id"] is None:
        return ""
    verb = "is" if request["expires_at"] > as_of else "was"
    return f"; it {verb} valid until {told(request['expires_at'])}, action {request['action_id']}"


def _reactions(request: dict[str, Any], reactions: dict[str, dict[str, str]], told: Told) -> Iterator[str]:
    """What is known of messages through the same channel since, whoever sent them."""
    since = [
        f"{name.removesuffix('_at').replace('reacted', 'opened or clicked')} on {told(at)}"
        for name, at in sorted(reactions.get(request["channel"], {}).items(), key=lambda item: item[1])
        if at >= request["at"]
    ]
    if since:
        yield f"Since then, the latest message by {request['channel']}, whoever sent it, was {' and '.join(since)}."


def _to_come(campaign: dict[str, Any], journey: dict[str, Any], as_of: str, told: Told) -> Iterator[str]:
    if step := journey["next_step"]:
        yield _next_step(step, journey, as_of, told)
    for signal in journey["if_silent"]:
        if signal["kind"] != "ended" and signal["abort_type"] not in AT_THE_DOOR:
            yield f"If nothing happens, step {signal['step']} {_foretold(signal, told)}."
    if until := journey["converts_until"]:
        yield (
            f"It converts with {GOALS[campaign['goal']]} until {told(until)}; else it ends then as not converted."
        )


def _next_step(step: dict[str, Any], journey: dict[str, Any], as_of: str, told: Told) -> str:
    channels = ", else ".join(step["channels"])
    if step["preferred"]:
        channels = f"the channel of the latest reaction, else {channels}"
    is_late = step["due_at"] <= as_of
    line = (
        f"Step {step['step']} of {journey['steps']} ({step_words(step)}; by {channels}) "
        f"{'was' if is_late else 'is'} due on {told(step['due_at'])}"
    )
    if wait := step["waits_for"]:
        end = told(step["waits_until"]) if step["waits_until"] else f"{told(step['expires_at'])} at most"
        line += f" and {'waits' if is_late else 'then waits'} for {_WAITS[wait]}, until {end}"
    return f"{line}."


def _foretold(signal: dict[str, Any], told: Told) -> str:
    at = told(signal["at"])
    if signal["kind"] == "requested":
        return f"is requested by {signal['channel']} on {at}"
    return f"is not requested on {at}: {refusal_words(signal)}"


def _over(campaign: dict[str, Any], told: Told, *, is_asked: bool) -> Iterator[str]:
    """What the state keeps of journeys that are over."""
    entries = "Led into it once" if campaign["entries"] == 1 else f"Led into it {campaign['entries']:,} times"
    is_dry = campaign.get("mode") == "dry"
    if (last := campaign["last_requested_at"]) is None:
        yield f"{entries}; nothing has been asked for."
    else:
        unreal = "control group" if campaign.get("holdout") else "dry" if is_dry else ""
        was = f"would have been ({unreal})" if unreal else "was"
        yield f"{entries}; the last request {was} on {told(last)}, and that journey is over."
    if is_dry:
        yield "The state does not say what came of it, and what is decided dry is not published."
        return
    where = "Kafka does not keep it any more" if is_asked else "--history looks for it in Kafka"
    yield f"The state does not say what came of it: {where}."


def _reentry(campaign: dict[str, Any], told: Told) -> str:
    rule, refused = campaign["reentry"]["rule"], campaign["reentry"]["refused"]
    match refused:
        case "in_journey":
            return "It cannot be entered again while a step is to come."
        case "never_again":
            return "It is not entered again (reentry: never)."
        case "cooldown":
            return f"It can be entered again from {told(campaign['reentry']['from'])} on (reentry: {rule})."
    ends = ", which would end this journey" if campaign["journey"] else ""
    return f"It can be entered again at any time{ends} (reentry: {rule})."
