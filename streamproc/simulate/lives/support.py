"""Trouble and what is made of it: chats, tickets, and the surveys that ask how it was."""

from typing import Final

from streamproc.simulate.lives.life import APP, DAY_MS, HOUR_MS, MINUTE_MS, WEB
from streamproc.simulate.lives.shop import SUBJECTS, track
from streamproc.simulate.lives.visits import Visit, withdraw

_CHATS: Final = 0.4
_REOPENS: Final = 0.25
_STAYS_OPEN: Final = 0.1
#: The recommendation is asked for at most so often, and not of those who have just come.
_NPS_EVERY_MS: Final = 60 * DAY_MS
_NPS_AFTER_MS: Final = 7 * DAY_MS


def complain(visit: Visit) -> None:
    """Chat, or open a ticket; both are asked about afterwards."""
    if visit.happens(_CHATS):
        _chat(visit)
    else:
        _ticket(visit)


def _chat(visit: Visit) -> None:
    about = {"conversation_id": f"chat-{visit.life.who.name}-{visit.life.turns}"}
    at_ms = MINUTE_MS
    visit.later(at_ms, "Live Chat Conversation Started", about)
    for _ in range(visit.chance.whole(1, 4)):
        at_ms += visit.chance.whole(20_000, 90_000)
        visit.later(at_ms, "Live Chat Message Sent", about)
        at_ms += visit.chance.whole(20_000, 120_000)
        visit.later(at_ms, "Live Chat Message Received", about)
    visit.later(at_ms + MINUTE_MS, "Live Chat Conversation Ended", {**about, "duration_ms": at_ms})
    _survey(visit, at_ms + 5 * MINUTE_MS, "csat", visit.persona.csat)


def _ticket(visit: Visit) -> None:
    chance = visit.chance
    about = {
        "ticket_id": f"t-{visit.life.who.name}-{visit.life.turns}",
        "subject": chance.one(SUBJECTS),
    }
    visit.later(2 * MINUTE_MS, "Ticket Opened", about)
    replied_ms = chance.whole(2, 30) * HOUR_MS
    visit.later(replied_ms, "Ticket Replied", about)
    if visit.happens(_STAYS_OPEN):
        return
    solved_ms = replied_ms + chance.whole(1, 72) * HOUR_MS
    visit.later(solved_ms, "Ticket Resolved", about)
    if visit.happens(_REOPENS):
        visit.later(solved_ms + 5 * HOUR_MS, "Ticket Reopened", about)
        solved_ms += chance.whole(20, 90) * HOUR_MS
        visit.later(solved_ms, "Ticket Resolved", about)
    _survey(visit, solved_ms + HOUR_MS, "csat", visit.persona.csat)
    low, high = visit.persona.csat
    _survey(visit, solved_ms + HOUR_MS + MINUTE_MS, "ces", (low, high + 2))


def ask(visit: Visit) -> None:
    """Whether they would recommend us: asked after a visit, now and then."""
    life = visit.life
    if visit.now_ms - life.begins_ms > _NPS_AFTER_MS and visit.now_ms - life.asked_ms > _NPS_EVERY_MS:
        life.asked_ms = visit.now_ms
        _survey(visit, 3 * HOUR_MS, "nps", visit.persona.nps)


def _survey(visit: Visit, after_ms: int, survey: str, scores: tuple[int, int]) -> None:
    if visit.happens(visit.persona.answers):
        properties = {"survey": survey, "score": visit.chance.whole(*scores)}
        visit.later(after_ms, "Survey Question Answered", properties)


def farewell(visit: Visit) -> None:
    """After the last visit: unsubscribe, take the app off, or delete the account; most just stay away."""
    life, at_ms = visit.life, visit.now_ms
    if not visit.happens(visit.persona.farewell):
        return
    if life.email:
        withdraw(life, visit.diary, at_ms + MINUTE_MS, "email")
    if visit.app:
        visit.diary.tell(life, at_ms + 2 * MINUTE_MS, APP, track("Application Uninstalled", {}))
    elif visit.happens(0.4):
        life.deleted = True
        visit.diary.tell(life, at_ms + 2 * MINUTE_MS, WEB, track("Account Deleted", {}))
