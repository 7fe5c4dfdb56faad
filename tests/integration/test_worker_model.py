"""The churn model of a running worker: swapped without a restart when it is good, kept when the new file is not."""

import json
from typing import Any

import pytest

from streamproc.churn.model import Scorecard
from streamproc.cli.fit import write_model
from tests.integration.test_worker_live import logs_of, with_rules
from tests.integration.test_worker_rules import reloads
from tests.integration.worker import MODEL, Installation, event, until, wall_ms
from tests.unit.churn.customers import model_of

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

DAY_MS = 86_400_000
RULES = """
currency: USD
segments: []
"""
#: Everybody is at hardly any risk.
CALM = model_of(sc5=Scorecard(w0=-5.0, w1=0.0, w2=0.1, w3=0.0, w4=0.0, w5=0.0))


async def churn_signals(installation: Installation) -> list[dict[str, Any]]:
    return [signal for signal in (await installation.published()).said() if signal["kind"] == "churn"]


async def test_a_new_model_file(installation: Installation) -> None:
    """A broken file changes nothing; a good one scores everybody anew, the silent too, and signals name it."""
    with_rules(installation, RULES)
    path = installation.directory / "model.json"
    path.write_bytes(MODEL.read_bytes())
    worker = installation.worker(model=path).wait_ready()
    customers = [f"silent-{n}" for n in range(5)]
    sent = [("events.web", customer, event(customer, wall_ms() - 20 * DAY_MS, 1)) for customer in customers]
    await installation.publish(logs_of(installation, sent))
    await installation.wait_applied(len(sent), worker)

    path.write_text(path.read_text().replace('"w1"', '"weight"'))
    await until(lambda: reloads(worker, "refused") == 1, within_s=20)
    assert str(path) in worker.text

    write_model(path, CALM)
    await until(lambda: reloads(worker, "loaded") == 1, within_s=20)

    async def all_calm() -> bool:
        return sum(signal["key"] == "low" for signal in await churn_signals(installation)) == len(customers)

    await until(all_calm, within_s=30)
    packaged = json.loads(MODEL.read_bytes())["version"]
    for customer in customers:
        first, second = [one for one in await churn_signals(installation) if one["customer"] == customer]
        assert (first["rule_version"], first["cause"], first["previous"]) == (packaged, "event", None)
        assert (second["rule_version"], second["cause"]) == (CALM.version, "definition")
        assert second["previous"] == first["key"] != "low"
    assert f'model="{CALM.version}"' in "".join(key for key in worker.metrics() if "rules_info" in key)
