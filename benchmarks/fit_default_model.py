"""Fit the packaged churn parameters on CDNOW, and report how good they are.

    pip install --no-deps lifetimes && pip install '.[science]'
    python benchmarks/fit_default_model.py             # report
    python benchmarks/fit_default_model.py --write     # and replace streamproc/churn/default_model.json

CDNOW (Fader and Hardie): everybody who first bought in the first quarter of 1997, with all purchases until
the end of June 1998. One state of each customer every 30 days; a fifth of the customers is held out.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

from streamproc.churn.fit import (
    Histories,
    Labels,
    fit_model,
    fit_p0,
    fit_scorecard,
    p0_log_loss,
    p0_models,
)
from streamproc.churn.model import ChurnModel, encode_model
from streamproc.churn.quality import Quality, measure
from streamproc.churn.sampling import ActivityLog, Sample, sample
from streamproc.churn.score import DAY_MS, risk_of, score

VERSION = "cdnow-1"
HORIZON_DAYS = 90
AS_OF_EVERY_DAYS = 30
FOLDS = 5
SEED = 1
#: The report leaves out states of the log's first nine months, when hardly anybody is long gone yet.
REPORT_AFTER_DAYS = 270
RISK_EDGES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 1.0)
#: r, alpha, a, b of the BG/NBD on the 1/10 sample, in weeks: Fader, Hardie, Lee 2005, table 2.
PUBLISHED = (0.243, 4.414, 0.793, 2.426)
SHIPPED = Path(__file__).parents[1] / "streamproc" / "churn" / "default_model.json"
EPOCH = date(1970, 1, 1)


def main() -> int:
    """Check the likelihood against the literature, fit, report; exit 1 if the check fails."""
    parser = argparse.ArgumentParser(description="Fit the packaged churn parameters on CDNOW.")
    parser.add_argument("--write", action="store_true", help=f"replace {SHIPPED.name}")
    parser.add_argument("--data", type=Path, help="folder of the CDNOW files (default: in `lifetimes`)")
    parser.add_argument("--created", default=date.today().isoformat(), help="date to put into the file")
    arguments = parser.parse_args()
    folder = arguments.data or lifetimes_folder()
    if not reproduces_published_fit(folder / "cdnow_customers_summary.csv"):
        return 1

    log = read_log(folder / "CDNOW_master.txt")
    first, end = int(log.ts_ms[0]) // DAY_MS, int(log.ts_ms[-1]) // DAY_MS - HORIZON_DAYS
    days = range(end, first, -AS_OF_EVERY_DAYS)
    states = sample(log, [(day + 1) * DAY_MS for day in days], HORIZON_DAYS)
    late = states.now_ms >= (first + REPORT_AFTER_DAYS) * DAY_MS
    folds = []
    for fold in range(FOLDS):
        test = states.customer % FOLDS == fold
        model = fit(states.take(~test), arguments.created)
        folds.append(figures(model, states.take(~test), states.take(test & late)))
        if fold == 0:
            packaged = encode_model(model)
            report_taus(states.take(~test), arguments.created)
            out(f"\nfitted without fold 0, the packaged model:\n{packaged.decode()}")
            out(table("fold 0, held out, states from day 270 on", folds[0]))
            out(calibration(model, states.take(test & late & states.near)))
    out(table(f"mean of {FOLDS} folds, each measured by a model fitted without it", mean(folds)))

    test = states.customer % FOLDS == 0
    past = states.take(~test & (states.now_ms <= (end - HORIZON_DAYS + 1) * DAY_MS))
    last = states.take(test & (states.now_ms == (end + 1) * DAY_MS))
    by_past = figures(fit(past, arguments.created), past, last)
    out(table("fold 0, last state only; fitted on labels that end before it", by_past))
    if arguments.write:
        SHIPPED.write_bytes(packaged)
    return 0


def reproduces_published_fit(path: Path) -> bool:
    """Whether the BG/NBD of the literature comes out of our likelihood on the 1/10 sample."""
    rows = np.genfromtxt(path, delimiter=",", skip_header=1)
    found = fit_p0(Histories(rows[:, 1], rows[:, 2], rows[:, 3]), dropout="after repeat")
    values = (found.r, found.alpha, found.a, found.b)
    out("BG/NBD on the 1/10 sample: r, alpha, a, b = " + ", ".join(f"{value:.4f}" for value in values))
    out(f" (published: {', '.join(map(str, PUBLISHED))})\n")
    return all(abs(value - wanted) < 0.001 for value, wanted in zip(values, PUBLISHED, strict=True))


def read_log(path: Path) -> ActivityLog:
    """The active days in CDNOW_master.txt: a header, then `customer yyyymmdd units dollars`."""
    rows = [line.split()[:2] for line in path.read_text().splitlines()[1:] if line.strip()]
    customer = np.array([int(row[0]) for row in rows])
    day = np.array([(date.fromisoformat(row[1]) - EPOCH).days for row in rows])
    return ActivityLog.of_days(customer, day)


def fit(states: Sample, created: str) -> ChurnModel:
    """The model of these states, labelled with where they come from."""
    return fit_model(states, HORIZON_DAYS, labels_of(states, created), np.random.default_rng(SEED))


def labels_of(states: Sample, created: str) -> Labels:
    """What the model file says about its origin."""
    first, last = (EPOCH + timedelta(days=int(ms // DAY_MS) - 1) for ms in np.unique(states.now_ms)[[0, -1]])
    return Labels(
        version=VERSION,
        trained_on=(
            f"CDNOW, purchases of a music shop 1997-01 to 1998-06 (Fader and Hardie): "
            f"{len(states.customer)} states of {len(np.unique(states.customer))} customers, "
            f"every {AS_OF_EVERY_DAYS} days, {first} to {last}"
        ),
        created=created,
    )


def report_taus(states: Sample, created: str) -> None:
    """Print what the choice of tau is made on."""
    rng = np.random.default_rng(SEED)
    for model in p0_models(states, HORIZON_DAYS, labels_of(states, created), rng):
        out(f"tau {model.tau_days or 'none'}: log loss of P0 {p0_log_loss(model, states):.4f}\n")


def figures(model: ChurnModel, train: Sample, test: Sample) -> dict[str, Quality]:
    """The figures of each method on `test`; recency is a logistic curve fitted on `train`."""
    by_recency = fit_scorecard(
        score(model, train.columns, train.now_ms).terms, train.churned, weights=("w2",)
    )
    silence_days = (test.now_ms - test.columns.last_activity_ms) / DAY_MS
    alone = msgspec.structs.replace(model, sc5=None)
    risks = {
        "recency": risk_of(by_recency.w0 + by_recency.w2 * np.log1p(silence_days)),
        "silent > 90 d": (silence_days > 90).astype(np.float64),
        "P0": score(alone, test.columns, test.now_ms).risk,
        "SC5": score(model, test.columns, test.now_ms).risk,
    }
    return {name: measure(risk, test.churned, test.near) for name, risk in risks.items()}


def mean(folds: Sequence[dict[str, Quality]]) -> dict[str, Quality]:
    """Mean of every figure over the folds."""
    rows = {
        method: np.mean([msgspec.structs.astuple(fold[method]) for fold in folds], axis=0)
        for method in folds[0]
    }
    names = Quality.__struct_fields__
    return {method: Quality(**dict(zip(names, row.tolist(), strict=True))) for method, row in rows.items()}


def table(title: str, rows: dict[str, Quality]) -> str:
    """The figures as aligned text."""
    any_row = next(iter(rows.values()))
    lines = [
        f"\n{title}: {any_row.states:.0f} states, {any_row.churned:.3f} churned",
        f"{'':14}{'near AUC':>10}{'all AUC':>10}{'Brier':>10}{'ECE':>10}",
    ]
    for name, row in rows.items():
        lines.append(f"{name:14}{row.auc_near:10.4f}{row.auc:10.4f}{row.brier:10.4f}{row.ece:10.4f}")
    return "\n".join(lines) + "\n"


def calibration(model: ChurnModel, near: Sample) -> str:
    """What became of customers near churn, by their risk, as aligned text."""
    risk = score(model, near.columns, near.now_ms).risk
    lines = [f"\nnear customers of these:\n{'risk from':>14}{'states':>10}{'mean risk':>10}{'churned':>10}"]
    for low, high in pairwise(RISK_EDGES):
        group = (risk >= low) & (risk < high)
        row = f"{low:14}{group.sum():10}"
        if group.any():
            row += f"{risk[group].mean():10.3f}{near.churned[group].mean():10.3f}"
        lines.append(row)
    return "\n".join(lines) + "\n"


def lifetimes_folder() -> Path:
    """Where the installed package `lifetimes` keeps its data; it is found, not imported (it needs pandas)."""
    found = find_spec("lifetimes")
    if found is None or found.origin is None:
        raise SystemExit("CDNOW not found: pip install --no-deps lifetimes, or give its folder with --data")
    return Path(found.origin).parent / "datasets"


def out(text: str) -> None:
    """Show text on standard output."""
    sys.stdout.write(text)


if __name__ == "__main__":
    raise SystemExit(main())
