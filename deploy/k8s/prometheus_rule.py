"""Makes components/monitoring/prometheusrule.yaml of deploy/prometheus/: `make prometheus-rule`.

The Prometheus Operator wants rules inside a PrometheusRule, and Kustomize reads no files outside its folder. So there
is a second copy, and `--check` ends with 1 if it is not what this program would write.
"""

import sys
from pathlib import Path
from textwrap import indent
from typing import Final

import yaml

_HERE: Final = Path(__file__).parent
_TARGET: Final = _HERE / "components" / "monitoring" / "prometheusrule.yaml"
_SOURCES: Final = tuple(_HERE.parent / "prometheus" / name for name in ("rules.yml", "alerts.yml"))
_HEAD: Final = """\
# Made of deploy/prometheus/ by `make prometheus-rule`: change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: streamproc
  labels:
    app.kubernetes.io/name: streamproc
spec:
  groups:
"""


def rule() -> str:
    """The PrometheusRule with all groups of the files, as they are written there."""
    texts = [path.read_text(encoding="utf-8") for path in _SOURCES if path.exists()]
    made = _HEAD + "\n".join(
        indent(text.partition("\ngroups:\n")[2].rstrip() + "\n", "  ").lstrip("\n") for text in texts
    )
    wanted = [group for text in texts for group in yaml.safe_load(text)["groups"]]
    if yaml.safe_load(made)["spec"]["groups"] != wanted:
        raise SystemExit("rules files must be comments, `groups:` and its list, and nothing else")
    return made


def main() -> None:
    """Write the file, or with `--check` only look at it."""
    if sys.argv[1:] != ["--check"]:
        _TARGET.write_text(rule(), encoding="utf-8")
    elif not _TARGET.exists() or _TARGET.read_text(encoding="utf-8") != rule():
        sys.exit(f"{_TARGET.name} is not made of deploy/prometheus/ as it is now: make prometheus-rule")


if __name__ == "__main__":
    main()
