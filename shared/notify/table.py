"""The notifier's memory: what is open, what people were told of it, and how far each book has been read.

Data and pure steps over it; time is passed in (judgement.md §6). Told marks are set only by `delivered`
(`shared/notify/deciding/handover.py`): a crash between sending and committing repeats a card and loses none.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from shared.ledger.journal import JournalLine
from shared.model import Facts
from shared.notify.entries import Entry, after
from shared.notify.messages import Mass


class Handover(Facts, frozen=True):
    """A hand-over that failed. `items` are the keys of what it carried and what still waits (`Message.keys`).

    `route`: the name of the way it failed on. `failed_at`: the first failure. `not_before`: no new attempt
    earlier. `whole_route`: the receiver asked for quiet, so nothing else goes there before it. `mentioned`: a
    card that got through has said so. `status` names the last failure, without the address.
    """

    items: tuple[str, ...]
    failed_at: datetime
    attempts: int
    not_before: datetime
    status: str
    route: str = ""
    whole_route: bool = False
    mentioned: bool = False


class RouteMemory(Facts, frozen=True):
    """What happened on one route. Each is None until it first happens.

    `baseline_told_at`: when its people were told how things stand. `handed_at`: the last hand-over of
    anything. `digest_at`: the last digest; `reminded_at`: the last reminder. `opened`, `resolved`: what was
    told since that digest, by `kind: state`.
    """

    baseline_told_at: datetime | None = None
    handed_at: datetime | None = None
    digest_at: datetime | None = None
    reminded_at: datetime | None = None
    opened: Mapping[str, int] = {}
    resolved: Mapping[str, int] = {}


class Brake(Facts, frozen=True):
    """Many users at once, held until it is sure. One a direction at a time.

    `since`: changes from then on are held. `at`: when it came on. `mass`: what the cards say of them, with
    the most that were held. `asked_at`: when it had lasted, so that people are told and everybody read again.
    `told`: routes on which the card about the hold was handed over, and nothing since; `doubt`: where it was
    sent and no answer was seen.
    `released_at`: when what had changed by `until` was found to be so, or let go by `by`. `over_at`: when the
    hold ended otherwise; it is remembered only until those who heard of it know.
    """

    worse: bool
    since: datetime
    at: datetime
    mass: Mass
    asked_at: datetime | None = None
    told: Mapping[str, datetime] = {}
    doubt: Mapping[str, datetime] = {}
    released_at: datetime | None = None
    until: datetime | None = None
    over_at: datetime | None = None

    @property
    def holds(self) -> bool:
        """Whether it still holds what it is about: neither let go nor over."""
        return self.released_at is None and self.over_at is None

    @property
    def heard_on(self) -> frozenset[str]:
        """Routes whose people have heard of the hold, or may have."""
        return frozenset((*self.told, *self.doubt))


class Declared(Facts, frozen=True):
    """A change that somebody made: what it brings about is held, then told as one card.

    `at`: the last run before it was noticed; what changed since then may come of it. `noticed_at`: that run,
    or that of the last change that joined it; `begun_at`: that of the first. `settings`, `skus` as in
    `Change`. `settled_at`: when everybody was judged under it, None before. `due_at`: when it was first to be
    told; what comes later does not come of it. `told`: routes that have had the card.
    """

    at: datetime
    noticed_at: datetime
    settings: Mapping[str, tuple[str, str]] = {}
    skus: tuple[str, ...] = ()
    begun_at: datetime | None = None
    settled_at: datetime | None = None
    due_at: datetime | None = None
    told: Mapping[str, datetime] = {}


class ExemptionMemory(Facts, frozen=True):
    """What people were told of an exception, by route: that it ends soon, and that it has ended."""

    warned: Mapping[str, datetime] = {}
    ended: Mapping[str, datetime] = {}


class Table(Facts, frozen=True):
    """The whole memory. `entries` by finding id; `cursors`: book name to the last journal number applied.

    `routes` by name. `all_read_at`: when every book, not only the named ones, was last read from its cursor.
    `ran_at`: the last run. `choices`: the policy's fields as that run knew them; `read_as`: how each SKU was
    read then, by digest. `awaited`: groups of routes that nobody had tried to read, and since when.
    """

    entries: Mapping[str, Entry] = {}
    cursors: Mapping[str, int] = {}
    handovers: tuple[Handover, ...] = ()
    routes: Mapping[str, RouteMemory] = {}
    brakes: tuple[Brake, ...] = ()
    declared: Declared | None = None
    exemptions: Mapping[str, ExemptionMemory] = {}
    choices: Mapping[str, str] = {}
    read_as: Mapping[str, str] = {}
    awaited: Mapping[str, datetime] = {}
    all_read_at: datetime | None = None
    ran_at: datetime | None = None

    def route(self, name: str) -> RouteMemory:
        """What happened on that route so far."""
        return self.routes.get(name, _NOTHING)


_NOTHING = RouteMemory()


def apply(
    table: Table, book: str, blobs: Iterable[tuple[int, Sequence[JournalLine]]], read_at: datetime
) -> Table:
    """Take the journal of one book in, as read at that time: each number with its lines, in order.

    A number that the cursor has passed changes nothing, so reading twice is the same as reading once. Nothing
    is judged here: what opened and closed since the last telling is still in the table, for `decide` to net.
    """
    cursor = table.cursors.get(book, 0)
    news = [(seq, lines) for seq, lines in blobs if seq > cursor]
    if not news:
        return table
    entries = dict(table.entries)
    for seq, lines in news:
        for line in lines:
            entry = after(entries.get(line.finding), line, read_at)
            if entry is not None:
                entries[entry.id] = entry
        cursor = seq
    return msgspec.structs.replace(table, entries=entries, cursors={**table.cursors, book: cursor})


def with_route(table: Table, name: str, memory: RouteMemory) -> Table:
    """The table with this memory of a route."""
    return msgspec.structs.replace(table, routes={**table.routes, name: memory})
