"""Chance without a state: every draw is a hash of the seed and of what is drawn. Pure.

So a draw does not depend on which draws came before it, and the same seed gives the same county
on every machine.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

T = TypeVar("T")

_BITS = 53


class Draw(NamedTuple):
    """The chance of one seed."""

    seed: int

    def digest(self, *what: str | int) -> bytes:
        """Return 32 bytes for `what`."""
        return sha256("|".join(map(str, ("sample", self.seed, *what))).encode()).digest()

    def share(self, *what: str | int) -> float:
        """Return a number from 0 up to, but not, 1."""
        whole: int = int.from_bytes(self.digest(*what)[:8]) >> (64 - _BITS)
        return whole / (1 << _BITS)

    def between(self, low: int, high: int, *what: str | int) -> int:
        """Return a whole number from `low` to `high`, both possible."""
        return low + int(self.share(*what) * (high - low + 1))

    def happens(self, chance: float, *what: str | int) -> bool:
        """Return True in `chance` of all cases."""
        return self.share(*what) < chance

    def some(self, options: Sequence[T], count: int, *what: str | int) -> list[T]:
        """Return `count` of the options, each at most once, in their own order."""
        ranked = sorted(range(len(options)), key=lambda at: self.digest(*what, at))
        return [options[at] for at in sorted(ranked[:count])]
