"""Faust's own tests of its aiokafka driver, on our transport; plugin.py says how and what differs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Filled by `make faust-tests`.
FAUST_TESTS = ROOT / ".cache" / "faust-tests"

#: With another version of Faust these change, and somebody has to look.
SUMMARY = """\
driver tests of faust-streaming 0.15.3: 159, of which Faust skips 3
with Faust's transport: 156 pass
with ours: 151 pass, 5 are changed by design
of those that pass with ours, 125 run code of Faust that streamproc never runs
"""


def test_fausts_driver_tests_pass_with_our_transport() -> None:
    """In a pytest of its own: Faust's tests are a package of the name of ours, and bring their own settings."""
    if not (FAUST_TESTS / ".fetched").exists():
        pytest.fail("Faust's tests are not there; `make faust-tests` fetches them", pytrace=False)
    options = ["-c", os.devnull, f"--rootdir={FAUST_TESTS}", "-p", "no:cacheprovider", "-p", "plugin"]
    report = ["--quiet", "--disable-warnings", "-rsxX", "--tb=short", "--show-capture=no"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *report, "tests/unit/transport/drivers/test_aiokafka.py"],
        cwd=FAUST_TESTS,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(FAUST_TESTS), str(Path(__file__).parent)]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(run.stdout)  # noqa: T201 (with -s or -rP: which tests differ, and why)
    assert run.returncode == 0
    assert SUMMARY in run.stdout
