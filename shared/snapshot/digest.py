"""A digest of verdicts: equal for the same users with the same verdicts, in whatever order they come."""

import hashlib

import msgspec

from shared.model import Judged

_BITS = 128


class Digest:
    """Adds up verdicts, so that parts of a reading may be judged apart."""

    def __init__(self) -> None:
        self._sum = 0
        self.users = 0

    def add(self, user_id: str, judged: Judged) -> None:
        """Take in one user's verdict by the governing edition, with its holdings, and the others' states."""
        text = msgspec.json.encode((user_id, judged))
        mark = hashlib.blake2b(text, digest_size=_BITS // 8).digest()
        self._sum = (self._sum + int.from_bytes(mark)) % (1 << _BITS)
        self.users += 1

    def hex(self) -> str:
        """32 hex digits."""
        return f"{self._sum:0{_BITS // 4}x}"
