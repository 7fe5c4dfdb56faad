"""Random customers and rules over them."""

from hypothesis import strategies as st

from streamproc.rules.expression import NEGATED, And, Comparison, Expr, Not, Or
from tests.unit.rules.customers import AGES, TOTALS, WINDOWS, Age, Customer, Total, Window

NOW_MS = 50
END_MS = 130  # nothing happens from here on

_OPS = st.sampled_from(tuple(NEGATED))
_UNITS = {"money_7d": "USD", "money_total": "USD", **dict.fromkeys(AGES, "ms")}
_COUNTS = [name for name in (*WINDOWS, *TOTALS) if name not in _UNITS]
_MONEY = ["money_7d", "money_total"]


def _literal_comparison(name: str) -> st.SearchStrategy[Comparison]:
    thresholds = st.integers(0, 70) if name in AGES else st.integers(0, 5)
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

_ages = st.builds(Age, st.integers(0, NOW_MS), st.just(True))
_vague_ages = st.builds(Age, st.integers(0, NOW_MS), st.booleans())
_pausing_ages = st.builds(Age, st.none() | st.integers(0, NOW_MS), st.just(True))
_falls = st.lists(st.tuples(st.integers(NOW_MS - 10, END_MS - 1), st.integers(1, 3)), max_size=4).map(tuple)
_windows = st.builds(Window, _falls, st.integers(NOW_MS - 20, END_MS - 1), st.integers(0, 1))
_totals = st.builds(Total, st.integers(0, 5))

customers: st.SearchStrategy[Customer] = st.fixed_dictionaries(
    {
        "tenure": _ages,
        "recency": _vague_ages,
        "cart_idle": _pausing_ages,
        **dict.fromkeys(WINDOWS, _windows),
        **dict.fromkeys(TOTALS, _totals),
    }
)
