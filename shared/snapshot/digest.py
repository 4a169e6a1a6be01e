"""A digest of verdicts: equal for the same users with the same verdicts, in whatever order they come."""

import hashlib
from collections.abc import Iterable

import msgspec

from shared.model import Judged

_BITS = 128
_REMEMBERED = 4_000
"""A judge gives one and the same verdict to all who are alike: each is written once, not for every user."""


class Digest:
    """Adds up verdicts, so that parts of a reading may be judged apart."""

    def __init__(self) -> None:
        self._sum = 0
        self._written: dict[int, tuple[Judged, bytes]] = {}
        self.users = 0

    def add(self, user_id: str, judged: Judged) -> None:
        """Take in one user's verdict by the governing edition, with its holdings, and the others' states."""
        known = self._written.get(id(judged))
        if known is None:
            if len(self._written) >= _REMEMBERED:
                self._written.clear()
            # Kept with its text: else another could come to lie at the same place.
            known = self._written[id(judged)] = judged, b"," + msgspec.json.encode(judged) + b"]"
        text = b"[" + msgspec.json.encode(user_id) + known[1]
        mark = hashlib.blake2b(text, digest_size=_BITS // 8).digest()
        self._sum += int.from_bytes(mark)
        self.users += 1

    def hex(self) -> str:
        """32 hex digits."""
        return _hex(self._sum % (1 << _BITS))


def summed(digests: Iterable[str]) -> str:
    """The digest of parts together that have no user in common."""
    return _hex(sum(int(one, 16) for one in digests) % (1 << _BITS))


def _hex(value: int) -> str:
    return f"{value:0{_BITS // 4}x}"
