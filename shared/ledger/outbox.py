"""From the outbox into the journal: publish, and read what was published (design §4.4)."""

import logging
from collections.abc import AsyncIterator

from shared.following import about
from shared.ledger.books import Books
from shared.ledger.journal import JournalLine, lines_of, read_lines, write_lines
from shared.ledger.manifest import Paths
from shared.ledger.records import Book, Manifest
from shared.ledger.shards import Held
from shared.rules.loader import Rules
from shared.storage import Container, Queue

log = logging.getLogger("watch.journal")


class Outbox:
    """The journal of one epoch: `alerts` holds its blobs, queue `journal` names the books that have news."""

    def __init__(
        self, books: Books, alerts: Container, journal: Queue, manifest: Manifest, rules: Rules
    ) -> None:
        self._books = books
        self._alerts = alerts
        self._journal = journal
        self._manifest = manifest
        self._rules = rules
        self._paths = Paths(manifest)

    async def publish[B: Book](self, held: Held[B], empty: B) -> Held[B]:
        """Put everything in the book's outbox into the journal, whoever wrote it; returns the emptied book.

        Every step may be repeated, by anyone, after a crash at any point: a journal blob that exists is done,
        the queue may name a book twice, and only entries that were written are cleared. Entries go in order,
        so the journal never has a gap.
        """
        book = held.record
        if not book.outbox:
            return held
        for entry in book.outbox:
            lines = lines_of(self._manifest.tenant_id, self._manifest.epoch, book.name, entry, self._rules)
            await self._alerts.create(
                self._paths.journal(book.name, entry.seq), write_lines(lines), gzip=False
            )
            log.info("%d lines are in the journal", len(lines), extra=about(book=book.name, seq=entry.seq))
        await self._journal.send(book.name)
        numbers = [entry.seq for entry in book.outbox]
        return await self._books.clear(self._paths.book(book.name), empty, held, numbers)

    async def read(self, name: str, after_seq: int) -> AsyncIterator[tuple[int, list[JournalLine]]]:
        """The book's journal after that number, to its present end. Raises `JournalUnreadable`."""
        seq = after_seq + 1
        while stored := await self._alerts.read(path := self._paths.journal(name, seq)):
            yield seq, read_lines(stored.data, path)
            seq += 1
