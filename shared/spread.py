"""How ids are spread over messages and over the ledger's shards.

Standard library only: the notification path reads this.
"""

import hashlib
from collections.abc import Iterable

IDS_A_MESSAGE = 400
"""Ids in one message of a queue, which holds 48 KB before base64: 400 take a third of that."""

_BITS = 20
"""Enough for a million shards."""


def spread(user_id: str) -> int:
    """A number for an id, the same in whatever case it is written; its low bits name the shard."""
    return int.from_bytes(hashlib.blake2b(user_id.lower().encode(), digest_size=8).digest())


def neighbours(user_ids: Iterable[str]) -> list[str]:
    """The ids in such an order that those of one shard stand together, whatever power of two there are.

    Cut into messages, each shard is then written for one of them, or for two where the cut falls.
    """
    return sorted(user_ids, key=_reversed_bits)


def _reversed_bits(user_id: str) -> str:
    return f"{spread(user_id) % (1 << _BITS):0{_BITS}b}"[::-1]
