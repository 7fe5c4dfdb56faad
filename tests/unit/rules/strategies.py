"""Random customers and rules over them."""

from itertools import permutations
from random import Random

from hypothesis import strategies as st

from streamproc.contracts.hashes import text_hash
from streamproc.rules.expression import NEGATED, And, Comparison, Expr, Not, Or, Text
from tests.unit.rules.customers import (
    AGES,
    RELATIONS,
    TOTALS,
    WINDOWS,
    Age,
    Customer,
    Relation,
    Total,
    Window,
)

NOW_MS = 25
END_MS = 70  # nothing happens from here on

_OPS = st.sampled_from(tuple(NEGATED))
_FACTORS = st.sampled_from((1, 1, 1, 2, 3))
_UNITS = {
    **dict.fromkeys((*AGES, "usual_gap"), "ms"),
    **dict.fromkeys(("money_7d", "money_total"), "USD"),
    **dict.fromkeys(RELATIONS, "percent"),
    "favorite_category": "text",
}
_COUNTS = [name for name in (*WINDOWS, *TOTALS) if name not in _UNITS]
_PAIRS = (
    *permutations(_COUNTS, 2),
    *permutations(("money_7d", "money_total"), 2),
    *permutations(RELATIONS, 2),
    *((age, "usual_gap") for age in AGES),
    *(("usual_gap", age) for age in AGES),
)


def _literal_comparison(name: str) -> st.SearchStrategy[Comparison]:
    thresholds = st.integers(0, 40) if name in AGES else st.integers(0, 5)
    if name == "favorite_category":
        texts = st.sampled_from(TEXTS)
        return st.builds(Comparison, st.just(name), st.sampled_from(("==", "!=")), texts, st.just("text"))
    return st.builds(Comparison, st.just(name), _OPS, thresholds, st.just(_UNITS.get(name, "count")))


def _pair_comparison(pair: tuple[str, str]) -> st.SearchStrategy[Comparison]:
    unit = _UNITS.get(pair[0], "count")
    return st.builds(Comparison, st.just(pair[0]), _OPS, st.just(pair[1]), st.just(unit), _FACTORS, _FACTORS)


#: A comparison of any feature with a value, or of two features.
literal_comparisons: st.SearchStrategy[Comparison] = st.sampled_from(
    (*AGES, *WINDOWS, *TOTALS, *RELATIONS)
).flatmap(_literal_comparison)
comparisons: st.SearchStrategy[Comparison] = st.one_of(
    literal_comparisons, st.sampled_from(_PAIRS).flatmap(_pair_comparison)
)


def _joined(parts: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, parts), st.builds(And, several), st.builds(Or, several))


expressions: st.SearchStrategy[Expr] = st.recursive(comparisons, _joined, max_leaves=6)


def _some_window(random: Random) -> Window:
    falls = [
        (random.randint(NOW_MS - 10, END_MS - 1), random.randint(1, 3)) for _ in range(random.randint(0, 4))
    ]
    return Window(tuple(falls), random.randint(NOW_MS - 20, END_MS - 1), random.randint(0, 1))


#: What `favorite_category` may be.
TEXTS = tuple(Text(text, text_hash(text)) for text in ("shoes", "home & garden"))
#: Totals that may have no value.
_MAYBE = ("nps", "usual_gap")


def _some_relation(random: Random) -> Relation:
    instants = sorted(random.sample(range(1, END_MS), random.randint(0, 3)))
    return Relation(tuple((instant, random.randint(-1, 5)) for instant in (0, *instants)))


def _some_customer(random: Random) -> Customer:
    anchor = random.randint(0, NOW_MS)
    return {
        "tenure": Age(random.randint(0, anchor)),
        "recency": Age(anchor, exact=random.random() < 0.7),
        "cart_idle": Age(random.choice([None, random.randint(0, NOW_MS)])),
        **{name: _some_window(random) for name in WINDOWS},
        **{name: Total(random.randint(0, 5)) for name in ("events_total", "cart_items", "money_total")},
        **{name: Total(random.randint(-1, 5)) for name in _MAYBE},
        "favorite_category": Total(random.choice([-1, *(text.code for text in TEXTS)])),
        **{name: _some_relation(random) for name in RELATIONS},
    }


def _some_customers(seed: int) -> list[Customer]:
    random = Random(seed)
    return [_some_customer(random) for _ in range(12)]


#: Twelve customers, made from a seed: drawn one by one they would cost more than the tests.
populations: st.SearchStrategy[list[Customer]] = st.integers(0, 2**32).map(_some_customers)
