"""Rules, cut-offs and model of a running worker: taken up anew when their files change."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from streamproc.campaign_counts import begin_campaigns
from streamproc.errors import StreamprocError
from streamproc.loading import load_definitions
from streamproc.metrics import Metrics
from streamproc.rules.versions import check_change
from streamproc.settings import Settings
from streamproc.transitions.definitions import Definitions

_log = structlog.get_logger(__name__)

#: How often the files are looked at for a change.
_EVERY_S: Final = 1.0


class Reloads:
    """The definitions in force, from those that the worker began with on."""

    def __init__(self, settings: Settings, definitions: Definitions, metrics: Metrics) -> None:
        self.definitions = definitions
        self._settings, self._metrics = settings, metrics
        self._shown: tuple[str, str] | None = None

    def show(self) -> None:
        """Say in the metrics what is in force."""
        ruleset, model = self.definitions.ruleset, self.definitions.model
        if self._shown is not None:
            self._metrics.forget("rules_info", *self._shown)
        self._shown = (f"{ruleset.fingerprint:08x}", model.version)
        self._metrics.set("rules_info", 1, *self._shown)
        self._metrics.set("rules_refused", 0)
        begin_campaigns(self._metrics, ruleset.campaigns, ruleset.contact)

    async def watch(self, redefine: Callable[[Definitions], None]) -> None:
        """Hand over what the files say whenever one has changed; what is of no use leaves the old ones in force."""
        settings = self._settings
        named = (settings.rules_path, settings.cutoffs_path, settings.model_path)
        paths = [path for path in named if path is not None]
        seen = _versions(paths)
        while paths:
            await asyncio.sleep(_EVERY_S)
            if (found := _versions(paths)) == seen:
                continue
            seen = found
            try:
                definitions = load_definitions(settings)
                check_change(self.definitions.ruleset, definitions.ruleset)
            except StreamprocError as error:
                self._metrics.count("rules_reloads_total", 1, "refused")
                self._metrics.set("rules_refused", 1)
                _log.error(
                    "rules, cut-offs and model not reloaded; the old ones stay in force",
                    error=error.message,
                    fix=error.fix,
                )
                continue
            self._metrics.count("rules_reloads_total", 1, "loaded")
            self.definitions = definitions
            self.show()
            redefine(definitions)
            _log.info(
                "rules, cut-offs and model reloaded",
                fingerprint=f"{definitions.fingerprint:08x}",
                cutoffs=definitions.ruleset.cutoffs_version or "the fixed ones",
                model=definitions.model.version,
            )


def _versions(paths: list[Path]) -> list[Any]:
    """What changes when one of the files does."""
    found: list[tuple[int, int, int] | None] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # gone, perhaps for the moment in which it is replaced
            found.append(None)
        else:
            # Of the file behind all links, as Kubernetes swaps one of a whole directory; times may be set.
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return found
