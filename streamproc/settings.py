"""Settings: one frozen struct, read once from `STREAMPROC_*` variables.

`STREAMPROC_X_FILE` names a file that holds the value of `STREAMPROC_X`, for secrets.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, Literal, get_args, get_type_hints

import msgspec

from streamproc.errors import StreamprocError

_PREFIX: Final = "STREAMPROC_"
#: Names that are so much alike are one, misspelt.
_ALIKE: Final = 0.9

#: Longer than a restart takes; and until then a worker that is gone holds up its partitions.
_NAMED_SESSION_MS: Final = 45_000
_SESSION_MS: Final = 10_000

#: A text that nobody may read in a log, an error or a traceback.
Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting; the variable is the field's name in upper case behind `STREAMPROC_`."""

    kafka: str = "localhost:9092"  # bootstrap servers, comma separated
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: Secret = ""
    kafka_ca: str = ""  # paths of PEM files; empty: the CAs that the system trusts
    kafka_cert: str = ""  # our own certificate, where brokers ask for one
    #: Path of its key; empty: the key is in the certificate's file. Somebody may put the key itself here.
    kafka_key: Secret = ""
    kafka_key_password: Secret = ""
    redis: Secret = "redis://localhost:6379/0"  # the URL holds the password
    #: Redis replicas that must hold a commit before its signals leave; auto: one, if any is connected.
    redis_replicas: Literal["auto"] | Annotated[int, msgspec.Meta(ge=0)] = "auto"
    rules: str = ""  # path of the rules file; empty: the packaged playbook
    #: Path of the values of cut-offs; empty, or nothing there yet: the fixed ones of the rules.
    cutoffs: str = ""
    model: str = ""  # path of the churn parameters; empty: the packaged default
    topic_prefix: str = ""
    group: str = "streamproc"
    clock: Literal["live", "event"] = "live"
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 6066  # 0: no HTTP server
    http_token: Secret = ""  # asked for by everything but health and metrics
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    chunk_records: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 2_000  # records per commit
    due_customers: Annotated[int, msgspec.Meta(ge=1)] = 5_000  # timers per commit
    sweep_per_s: Annotated[int, msgspec.Meta(ge=1)] = (
        5_000  # customers re-evaluated under edited rules, a worker
    )
    grace_ms: Annotated[int, msgspec.Meta(ge=0)] = 500  # live clock: how far the shard's time stays behind
    #: The name by which the group knows this worker (Kafka's group.instance.id); empty: by none.
    instance: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]{0,249}$")] = ""
    #: See `member_session_ms`. A broker that was not told otherwise takes half an hour at most.
    session_timeout_ms: Literal["auto"] | Annotated[int, msgspec.Meta(ge=1_000, le=1_800_000)] = "auto"
    heartbeat_ms: Annotated[int, msgspec.Meta(ge=100)] = 2_000
    lost_records: Literal["fail", "skip"] = "fail"  # when Kafka no longer has the stored offset
    webhook_url: Secret = ""  # a URL may hold a token
    webhook_secret: Secret = ""  # whsec_...; several, separated by white space: all sign
    webhook_name: str = (
        ""  # of the receiver, where there are several: each has a group and a journal of its own
    )
    webhook_campaigns: str = ""  # keys, comma separated; empty: all
    webhook_allow_private: Literal["no", "yes"] = "no"  # addresses that are not public, and http without TLS
    webhook_parallel: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 8  # requests under way, a process
    webhook_backlog: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = (
        10_000  # messages that wait, a process
    )
    webhook_timeout_ms: Annotated[int, msgspec.Meta(ge=1)] = 20_000  # of one request
    webhook_pause_ms: Annotated[int, msgspec.Meta(ge=1)] = 5_000  # before the second attempt
    webhook_patience_ms: Annotated[int, msgspec.Meta(ge=1)] = 86_400_000  # from reading to giving up

    @property
    def member_session_ms(self) -> int:
        """After how long a silence Kafka gives a worker's partitions to others. One with a name is expected back."""
        if self.session_timeout_ms == "auto":
            return _NAMED_SESSION_MS if self.instance else _SESSION_MS
        return self.session_timeout_ms

    @property
    def rules_path(self) -> Path | None:
        return Path(self.rules) if self.rules else None

    @property
    def cutoffs_path(self) -> Path | None:
        return Path(self.cutoffs) if self.cutoffs else None

    @property
    def model_path(self) -> Path | None:
        return Path(self.model) if self.model else None

    def __repr__(self) -> str:
        """As of every struct, but without the secrets: tracebacks and debug logs show it."""
        shown = (f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Name and value of every setting, as `rich` shows them."""
        values = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return [(name, _HIDDEN if name in _SECRETS and value else value) for name, value in values]


_TYPES: Final = get_type_hints(Settings, include_extras=True)
_SECRETS: Final = frozenset(name for name, kind in _TYPES.items() if kind == Secret)
_HIDDEN: Final = "(hidden)"


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment.

    Raises StreamprocError naming each variable that is wrong, its value and what is allowed.
    """
    values: dict[str, object] = {}
    mistakes: list[StreamprocError] = []
    for name in _TYPES:
        try:
            if (raw := _read(environment, _PREFIX + name.upper())) is not None:
                values[name] = _convert(name, raw)
        except StreamprocError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise StreamprocError(
            "; ".join(mistake.message for mistake in mistakes),
            fix="; ".join(dict.fromkeys(mistake.fix for mistake in mistakes)),
        )
    return Settings(**values)  # type: ignore[arg-type]


def misspelt(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that look like a setting's but are none, and which was probably meant.

    Others that begin with STREAMPROC_ may be there: Kubernetes makes some for a service of that name.
    """
    known = [_PREFIX + name.upper() + suffix for name in _TYPES for suffix in ("", "_FILE")]
    unknown = (name for name in environment if name.startswith(_PREFIX) and name not in known)
    nearest = ((name, get_close_matches(name, known, n=1, cutoff=_ALIKE)) for name in sorted(unknown))
    return {name: found[0] for name, found in nearest if found}


def _convert(name: str, raw: str) -> object:
    kind = _TYPES[name]
    try:
        return msgspec.convert(raw, kind, strict=False)
    except msgspec.ValidationError as error:
        choices = get_args(kind) if isinstance(kind, type(Literal["a"])) else ()
        raise StreamprocError(
            f"{_PREFIX}{name.upper()}={raw!r} is not valid: {error}",
            fix=f"use one of {', '.join(map(repr, choices))}" if choices else "correct or unset the variable",
        ) from error


def _read(environment: Mapping[str, str], variable: str) -> str | None:
    """The value of a variable, or of the file that its `_FILE` twin names."""
    path = environment.get(f"{variable}_FILE")
    if path is None:
        return environment.get(variable)
    if variable in environment:
        raise StreamprocError(
            f"both {variable} and {variable}_FILE are set", fix="unset the one that is not meant"
        )
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StreamprocError(
            f"{variable}_FILE={path!r} cannot be read: {error.strerror}",
            fix="correct the path or unset the variable",
        ) from error
    except UnicodeDecodeError:
        # Without the cause: it holds what is in the file.
        raise StreamprocError(
            f"{variable}_FILE={path!r} is not a text in UTF-8", fix="put only the value into the file"
        ) from None
