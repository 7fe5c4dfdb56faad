"""Chance, the same everywhere."""

import pytest

from streamproc.simulate.lives.chance import Chance


def test_draws_depend_on_seed_customer_and_turn_alone() -> None:
    """Not on what was drawn before."""
    chance, other = Chance(7), Chance(7)
    other.draw()
    chance.turn(3, 1)
    other.turn(3, 1)
    assert chance.draw() == other.draw()
    firsts = set()
    for seed, number, turn in [(7, 3, 1), (7, 3, 2), (7, 4, 1), (8, 3, 1)]:
        chance = Chance(seed)
        chance.turn(number, turn)
        firsts.add(chance.draw())
    assert len(firsts) == 4


def test_distributions() -> None:
    """Mean and borders."""
    chance = Chance(7)
    waits = [chance.waiting() for _ in range(20_000)]
    bells = [chance.bell() for _ in range(20_000)]
    wholes = [chance.whole(3, 5) for _ in range(3000)]
    assert sum(waits) / len(waits) == pytest.approx(1, abs=0.03)
    assert 0 <= min(waits) <= max(waits) < 4.2
    assert sum(bells) / len(bells) == pytest.approx(0, abs=0.03)
    assert sum(bell * bell for bell in bells) / len(bells) == pytest.approx(1, abs=0.05)
    assert set(wholes) == {3, 4, 5}
    assert all(2 <= chance.between(2, 3) <= 3 for _ in range(100))
