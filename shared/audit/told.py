"""How far a reading is, for whoever waits for it."""

from typing import Literal, Protocol

Stage = Literal["permissions", "facts", "registration", "groups", "audit", "users"]
"""What is being read. `groups`: members; `audit`: the log of who resets."""


class Told(Protocol):
    """Is told how far the reading is."""

    def begin(self, stage: Stage, total: int | None = None) -> None:
        """A stage begins; `total`: of how many, where that is known. Begun again, it starts anew."""

    def advance(self, count: int) -> None:
        """So many more of the present stage are read."""

    def waits(self, seconds: float) -> None:
        """Graph asks to come back in so many seconds."""


class Untold:
    """Nobody waits."""

    def begin(self, stage: Stage, total: int | None = None) -> None:
        """Nothing is said."""

    def advance(self, count: int) -> None:
        """Nothing is said."""

    def waits(self, seconds: float) -> None:
        """Nothing is said."""
