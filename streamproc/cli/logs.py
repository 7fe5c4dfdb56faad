"""Logs: structlog through the standard library, as JSON lines or for people. Never one line per event."""

import logging
import sys
from typing import Final, Literal

import structlog

from streamproc.contracts.printable import printable
from streamproc.errors import StreamprocError

#: How far apart equal messages of aiokafka are at least.
_SPARSE_S: Final = 5.0


def set_up_logs(log_format: Literal["console", "json"], level: str) -> None:
    """Send all logs, those of Faust and aiokafka too, to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_expected_tracebacks,
                structlog.processors.format_exc_info,
                *([] if log_format == "json" else [_errors_below]),
                renderer,
            ],
        )
    )
    handler.addFilter(_Sparse())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # What these say at INFO is about their own workings, several lines per rebalance.
    for name in ("faust", "mode", "aiokafka", "kafka", "streamproc.transport"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    )


class _Sparse(logging.Filter):
    """Lets aiokafka say the same thing once every few seconds: without a broker it does so a hundred times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be written."""
        if not record.name.startswith("aiokafka"):
            return True
        template = str(record.msg)[:40]
        if record.created - self._said_s.get(template, -_SPARSE_S) < _SPARSE_S:
            return False
        self._said_s[template] = record.created
        return True


def _errors_below(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """An error of several lines, such as the mistakes of a rules file, stands below the line that tells of it."""
    error = event.get("error")
    if isinstance(error, str) and "\n" in error:
        event["stack"] = printable(event.pop("error"), keep="\n\t")
    return event


def _without_expected_tracebacks(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Faust logs what crashed it with a traceback; where the error is meant for people, its message is enough."""
    exc_info = event.get("exc_info")
    if isinstance(exc_info, tuple) and isinstance(exc_info[1], StreamprocError):
        del event["exc_info"]
    return event
