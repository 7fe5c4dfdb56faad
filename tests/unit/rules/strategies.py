"""Random customers and rules over them."""

from random import Random

from hypothesis import strategies as st

from streamproc.rules.expression import NEGATED, And, Comparison, Expr, Not, Or
from tests.unit.rules.customers import AGES, TOTALS, WINDOWS, Age, Customer, Total, Window

NOW_MS = 25
END_MS = 70  # nothing happens from here on

_OPS = st.sampled_from(tuple(NEGATED))
_UNITS = {"money_7d": "USD", "money_total": "USD", **dict.fromkeys(AGES, "ms")}
_COUNTS = [name for name in (*WINDOWS, *TOTALS) if name not in _UNITS]
_MONEY = ["money_7d", "money_total"]


def _literal_comparison(name: str) -> st.SearchStrategy[Comparison]:
    thresholds = st.integers(0, 40) if name in AGES else st.integers(0, 5)
    return st.builds(Comparison, st.just(name), _OPS, thresholds, st.just(_UNITS.get(name, "count")))


def _pair_comparison(names: list[str], unit: str) -> st.SearchStrategy[Comparison]:
    pairs = st.permutations(names).map(lambda order: order[:2])
    return st.builds(lambda pair, op: Comparison(pair[0], op, pair[1], unit), pairs, _OPS)


#: A comparison of any feature with a value, or of two features.
comparisons: st.SearchStrategy[Comparison] = st.one_of(
    st.sampled_from((*AGES, *WINDOWS, *TOTALS)).flatmap(_literal_comparison),
    _pair_comparison(_COUNTS, "count"),
    _pair_comparison(_MONEY, "USD"),
)
literal_comparisons: st.SearchStrategy[Comparison] = st.sampled_from((*AGES, *WINDOWS, *TOTALS)).flatmap(
    _literal_comparison
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


def _some_customer(random: Random) -> Customer:
    anchor = random.randint(0, NOW_MS)
    return {
        "tenure": Age(random.randint(0, anchor)),
        "recency": Age(anchor, exact=random.random() < 0.7),
        "cart_idle": Age(random.choice([None, random.randint(0, NOW_MS)])),
        **{name: _some_window(random) for name in WINDOWS},
        **{name: Total(random.randint(0, 5)) for name in TOTALS},
    }


def _some_customers(seed: int) -> list[Customer]:
    random = Random(seed)
    return [_some_customer(random) for _ in range(12)]


#: Twelve customers, made from a seed: drawn one by one they would cost more than the tests.
populations: st.SearchStrategy[list[Customer]] = st.integers(0, 2**32).map(_some_customers)
