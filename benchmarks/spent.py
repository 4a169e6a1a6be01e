"""What a process of the benchmark tells when it has read users."""

import msgspec


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """So many users in so many CPU seconds, and in so many seconds of the clock."""

    users: int
    cpu: float
    seconds: float = 0.0

    @property
    def each(self) -> float:
        """CPU seconds a user."""
        return self.cpu / self.users


class Plainly(msgspec.Struct, frozen=True, kw_only=True):
    """The bare work of a sweep: asked for and decoded, judged, encoded, packed; and two of its parts warm."""

    bare: Spent
    decode: Spent
    judge: Spent
    parts: dict[str, float]
