"""One receiver, as the settings name it: its place, its journal, its campaigns."""

import re
from contextlib import AbstractAsyncContextManager
from typing import Final

from yarl import URL

from streamproc.clock import wall_ms
from streamproc.errors import StreamprocError
from streamproc.rules.load import load_ruleset
from streamproc.rules.nearest import did_you_mean
from streamproc.settings import Settings
from streamproc.sinks.webhook.journal import Journal, open_journal
from streamproc.sinks.webhook.post import Post, open_post

_NAME: Final = re.compile(r"[a-z0-9_-]{0,64}")
_SEPARATORS: Final = re.compile(r"[,\s]+")


def group_of(settings: Settings) -> str:
    """The consumer group that delivers to the receiver. Raises StreamprocError for a name that cannot be used."""
    group, name = f"{settings.group}.webhooks", settings.webhook_name
    if _NAME.fullmatch(name) is None:
        raise StreamprocError(
            f"STREAMPROC_WEBHOOK_NAME={name!r} cannot be part of a consumer group's name",
            fix="use small letters, digits, hyphen and underscore, 64 at most",
        )
    return f"{group}.{name}" if name else group


def host_of(settings: Settings) -> str:
    """What may be shown of the receiver's URL."""
    try:
        return URL(settings.webhook_url).authority.rpartition("@")[2]
    except ValueError:
        return ""


def journal_of(settings: Settings) -> AbstractAsyncContextManager[Journal]:
    """What is noted for the receiver. Raises StreamprocError, as entering it does."""
    group_of(settings)
    return open_journal(
        settings.redis,
        prefix=settings.topic_prefix,
        group=settings.group,
        url=settings.webhook_url,
        name=settings.webhook_name,
    )


def post_of(settings: Settings, *, parallel: int = 1) -> AbstractAsyncContextManager[Post]:
    """What sends to the receiver. Entering it raises StreamprocError."""
    return open_post(
        settings.webhook_url,
        allow_private=settings.webhook_allow_private == "yes",
        timeout_ms=settings.webhook_timeout_ms,
        parallel=parallel,
        now_ms=wall_ms,
    )


def campaigns_of(settings: Settings) -> tuple[str, ...]:
    """The keys of the campaigns that the receiver gets; none: all. Raises StreamprocError."""
    text = settings.webhook_campaigns
    keys = tuple(dict.fromkeys(key for key in _SEPARATORS.split(text) if key))
    if text and not keys:
        raise StreamprocError(
            f"STREAMPROC_WEBHOOK_CAMPAIGNS={text!r} names nothing",
            fix="name campaigns by their keys, separated by commas, or unset it for all",
        )
    return keys


def doubts(settings: Settings) -> list[str]:
    """What is wrong with the names of campaigns by the rules in force; each a sentence or two."""
    wanted = campaigns_of(settings)
    if not wanted:
        return []
    where = settings.rules or "the packaged playbook (STREAMPROC_RULES is not set)"
    try:
        known = [campaign.key for campaign in load_ruleset(settings.rules_path).campaigns]
    except StreamprocError as error:
        return [f"names of campaigns are not checked: {error.message.splitlines()[0]}"]
    return [
        f"STREAMPROC_WEBHOOK_CAMPAIGNS names {key!r}, which is no campaign of {where}. "
        + (did_you_mean(key, known) or f"It has: {', '.join(known) or 'none'}")
        for key in wanted
        if key not in known
    ]
