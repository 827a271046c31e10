"""When to come back after a lost link: sooner at first, later each time, and never all at once."""

import random
from dataclasses import dataclass

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from `first` to `most` seconds; a random half of it is taken off, so that clients do not come in step."""

    first: float = 0.2
    most: float = 30.0

    def seconds(self, failures: int, hint: float | None = None, rng: random.Random | None = None) -> float:
        """How long to wait after so many failures in a row (from 1). What the server asked for in `hint` is kept to."""
        if hint is not None:
            return min(max(0.0, hint), 10 * self.most)  # a wait without an end is nobody's wish
        whole = min(self.most, self.first * 2.0 ** min(failures - 1, 30))
        return whole * (0.5 + 0.5 * (rng or random).random())
