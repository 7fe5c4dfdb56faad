"""Chance that is the same everywhere: only `Random.random`, sums and products.

Other methods of `random` may change with the version of Python, and logarithms differ in their last digit from
machine to machine.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, TypeVar

Item = TypeVar("Item")

_TURNS: Final = 1 << 32
_NUMBERS: Final = 1 << 64
#: Ten equal parts of an exponential distribution; the last ends where the mean of the whole is 1.
_TENTHS: Final = (0.0, 0.105, 0.223, 0.357, 0.511, 0.693, 0.916, 1.204, 1.609, 2.303, 4.158)


class Chance:
    """Draws of one customer at a time. They depend on seed, customer and turn, not on what was drawn before."""

    __slots__ = ("_random", "_seed", "draw")

    def __init__(self, seed: int) -> None:
        """Takes a seed of 0 or more."""
        self._seed, self._random = seed, Random(seed)
        self.draw = self._random.random
        """From 0 to 1, without 1."""

    def turn(self, number: int, turn: int) -> None:
        """Begin the turn (an appointment) of the customer with this number."""
        self._random.seed((self._seed * _NUMBERS + number) * _TURNS + turn)

    def whole(self, first: int, last: int) -> int:
        """A whole number from first to last."""
        return first + int(self.draw() * (last - first + 1))

    def between(self, least: float, most: float) -> float:
        """A number from least to most."""
        return least + self.draw() * (most - least)

    def one(self, items: Sequence[Item]) -> Item:
        """One of them, each as likely as the other."""
        return items[int(self.draw() * len(items))]

    def bell(self) -> float:
        """About 0, with a standard deviation of 1, never beyond 3."""
        draw = self.draw
        return 2.0 * (draw() + draw() + draw() - 1.5)

    def waiting(self) -> float:
        """The wait for something that may come at any moment: 1 on average, mostly less, never beyond 4.2."""
        place = self.draw() * 10.0
        tenth = int(place)
        least = _TENTHS[tenth]
        return least + (place - tenth) * (_TENTHS[tenth + 1] - least)
