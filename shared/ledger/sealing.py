"""What every commit does to a book, whatever it is about: its id, and its postings through the outbox.

Design §4.3. Pure.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from shared.ledger.records import Book, OutboxEntry, Posting

_COMMITS_REMEMBERED = 64
"""More than can be committed to one book while a writer whose answer was lost tries again."""


def sealed[B: Book](book: B, commit_id: str, postings: tuple[Posting, ...], at: datetime) -> B:
    """The book as it is to be written: its postings in the outbox under the journal's next number."""
    commits = (*book.commits, commit_id)[-_COMMITS_REMEMBERED:]
    if not postings:
        return msgspec.structs.replace(book, commits=commits, written_at=at)
    entry = OutboxEntry(seq=book.next_seq, postings=postings)
    return msgspec.structs.replace(
        book, commits=commits, written_at=at, next_seq=book.next_seq + 1, outbox=(*book.outbox, entry)
    )


def without[B: Book](book: B, published: Iterable[int]) -> B:
    """The book without the outbox entries of these numbers; the very same if it holds none of them."""
    numbers = frozenset(published)
    left = tuple(entry for entry in book.outbox if entry.seq not in numbers)
    return book if len(left) == len(book.outbox) else msgspec.structs.replace(book, outbox=left)
