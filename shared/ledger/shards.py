"""Books as bytes, and which shard a user's record lies in. Pure."""

from collections.abc import Iterable

import msgspec

from shared.ledger import gap
from shared.ledger.records import Book, Shard, UserRecord
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
    return _name(number_of(user_id, shards))


def number_of(user_id: str, shards: int) -> int:
    """The shard's place among `shard_names`, otherwise as `shard_of`."""
    return spread(user_id) % shards


def strangers(user_ids: Iterable[str], name: str, shards: int) -> int:
    """How many of these users don't belong to the shard of that name."""
    number = int(name, 16)
    return sum([spread(user_id) % shards != number for user_id in user_ids])


def shard_names(shards: int) -> tuple[str, ...]:
    """All shards' names, in order."""
    return tuple(_name(number) for number in range(shards))


def _name(number: int) -> str:
    return f"{number:04x}"


def encode(book: Book) -> bytes:
    """The book as JSON."""
    return msgspec.json.encode(book)


def halves(book: Book) -> tuple[bytes, bytes]:
    """The same JSON, but for the order, in two halves: a head, and the users, nothing where there are none.

    Clearing the outbox of a shard leaves the second as it was, and it is nearly all of it.
    """
    if isinstance(book, Shard) and book.users:
        return head(book), b',"users":' + msgspec.json.encode(book.users) + b"}"
    return encode(book), b""


def head(shard: Shard) -> bytes:
    """The first half of a shard with users."""
    return encode(msgspec.structs.replace(shard, users={}))[:-1]


def decode[B: Book](data: bytes, kind: type[B], path: str) -> B:
    """The reverse of `encode`. Raises `LedgerUnreadable`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LedgerUnreadable(path, str(error)) from None


class _Glanced(msgspec.Struct, frozen=True):
    """A shard of which nothing is decoded but what its head says."""

    outbox: tuple[msgspec.Raw, ...] = ()
    users: dict[str, msgspec.Raw] = {}


def records_of(data: bytes, user_ids: Iterable[str], path: str) -> dict[str, UserRecord] | None:
    """Of an encoded shard the records of these users; None where its outbox holds something.

    Raises `LedgerUnreadable`.
    """
    try:
        glanced = msgspec.json.decode(data, type=_Glanced)
        if glanced.outbox:
            return None
        there = [user_id for user_id in user_ids if user_id in glanced.users]
        return {one: msgspec.json.decode(glanced.users[one], type=UserRecord) for one in there}
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
