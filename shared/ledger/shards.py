"""Books as bytes, and which shard a user's record lies in. Pure."""

import msgspec

from shared.ledger import gap
from shared.ledger.records import Book, Shard
from shared.spread import spread


class LedgerUnreadable(Exception):
    """A blob of the ledger is not what the watch writes.

    `path` names it, `reason` the place in it, never a value.
    """

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"ledger blob {path} can't be read: {reason}")


class Held[T: Book](msgspec.Struct, frozen=True):
    """A book as read or written, and its ETag; None: not in storage yet, the record is an empty one."""

    record: T
    etag: str | None


def shard_of(user_id: str, shards: int) -> str:
    """The name of the shard, always the same for one id, in whatever case it is written.

    Doubling the number of shards splits each into itself and one new: the number is the hash's low bits.
    """
    return _name(spread(user_id) % shards)


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
    """Blob metadata, which a listing shows, so that a job reads only the books that it is about.

    `outbox`: entries not yet published. Of a shard also `failing`: users with an open `assignment-error`;
    `waiting`: users whom the registration report does not know yet; `tally`: see `gap.label`.
    """
    found = {"outbox": str(len(book.outbox))}
    if isinstance(book, Shard):
        found |= {
            "failing": str(len(failing(book))),
            "waiting": str(len(waiting(book))),
            "tally": str(gap.label(book)),
        }
    return found


def failing(shard: Shard) -> list[str]:
    """Ids of users with an open `assignment-error`."""
    return [
        record.id
        for record in shard.users.values()
        if record.open and any(one.finding.kind == "assignment-error" for one in record.open.values())
    ]


def waiting(shard: Shard) -> list[str]:
    """Ids of users who are out of reach only until the registration report knows them."""
    return [record.id for record in shard.users.values() if record.verdict.reach == "not-yet-reported"]
