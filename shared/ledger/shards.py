"""Books as bytes, and which shard a user's record lies in. Pure."""

import hashlib

import msgspec

from shared.ledger.records import Book


class LedgerUnreadable(Exception):
    """A blob of the ledger is not what the watch writes. `reason` names the place in it, never a value."""

    def __init__(self, path: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"ledger blob {path} can't be read: {reason}")


class Held[T: Book](msgspec.Struct, frozen=True):
    """A book as read or written, and its ETag; None: not in storage yet, the record is an empty one."""

    record: T
    etag: str | None


def shard_of(user_id: str, shards: int) -> str:
    """The name of the shard, always the same for one id, in whatever case it is written.

    Doubling the number of shards splits each into itself and one new: the number is the hash's low bits.
    """
    digest = hashlib.blake2b(user_id.lower().encode(), digest_size=8).digest()
    return _name(int.from_bytes(digest) % shards)


def shard_names(shards: int) -> tuple[str, ...]:
    """All shards' names, in order."""
    return tuple(_name(number) for number in range(shards))


def _name(number: int) -> str:
    return f"{number:04x}"


def encode(book: Book) -> bytes:
    """The book as JSON; storage packs it."""
    return msgspec.json.encode(book)


def decode[B: Book](data: bytes, kind: type[B], path: str) -> B:
    """The reverse of `encode`. Raises `LedgerUnreadable`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerUnreadable(path, str(error)) from None


def labels(book: Book) -> dict[str, str]:
    """Blob metadata: `outbox` is the number of entries not yet published, which a listing shows."""
    return {"outbox": str(len(book.outbox))}
