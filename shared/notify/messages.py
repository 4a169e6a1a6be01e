"""What is said to people: one message is one card, or one event of a webhook. Data only.

`about` holds what a form says beside its findings; each form has its own kind of it, or none.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from shared.model import Facts, Moment
from shared.notify.entries import Entry
from shared.notify.exceptions.exemptions import Exemption

SINGLE = "single"
"""One finding."""
SUMMARY = "summary"
"""More findings than are told one by one."""
BASELINE = "baseline"
"""How things stand when the first reading has ended; on a new route, when it is first used."""
REMINDER = "reminder"
"""Findings that were told and still stand."""
HELD = "held"
"""So many users changed at once that nothing is told of them until it is sure. `about`: `Mass`; no items."""
RELEASED = "released"
"""What was held is so: all of it. `about`: `Mass`."""
RETURNED = "returned"
"""What was held, and said to be, is over: most of it went back. `about`: `Mass`; no items."""
DECLARED = "declared"
"""What came of a change that somebody made: a setting, or how a product counts. `about`: `Change`."""
ENDING = "exception-ending"
"""An exception ends soon and there is something it covers. `about`: `Exemption`, or `ManyExemptions`."""
ENDED = "exception-ended"
"""An exception has ended and what it covered still stands. `about`: `Exemption`, or `ManyExemptions`."""
DIGEST = "digest"
"""How things stand, on schedule, also when there is nothing to say. `about`: `Digest`; no items."""

HEARD_BY = frozenset({SINGLE, SUMMARY, BASELINE, REMINDER, RELEASED, DECLARED, ENDED})
"""Forms whose items count as told once they are handed over."""


class Item(Facts, frozen=True):
    """One thing to say: this finding opened, changed or was resolved. In a reminder: it is still open."""

    moment: Moment
    entry: Entry

    @property
    def key(self) -> str:
        """The same as long as the same is to be said."""
        return f"{self.entry.id}:{self.moment}:{self.entry.fingerprint}:{self.entry.reopened}"


class Mass(Facts, frozen=True, tag="mass"):
    """Many users at once. `worse`: they lost something; else they got better.

    `users`: how many; of a `RETURNED` message how many had been held, and `left` how many of them still are
    as they became. `limit`: from how many on they are held. `since`: the first of the changes. `causes`,
    `skus`, `groups`: codes and ids that at least nine in ten of them have in common; `lost`: the SKUs that
    they held before, if they got worse. `by`: who released them, empty if the second reading of all users
    did. `kinds`: a count for each `kind: state`.
    """

    worse: bool
    users: int
    limit: int
    since: datetime
    left: int = 0
    causes: tuple[str, ...] = ()
    skus: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    kinds: Mapping[str, int] = {}
    by: str = ""
    lost: tuple[str, ...] = ()


class Change(Facts, frozen=True, tag="change"):
    """A change that somebody made, and when it was noticed.

    `settings`: field of `Policy`, or `scene.RULES`, to its value before and after, as text. `skus`: products
    that count otherwise than before. `opened`, `changed`, `resolved` count the items.
    """

    at: datetime
    settings: Mapping[str, tuple[str, str]] = {}
    skus: tuple[str, ...] = ()
    opened: int = 0
    changed: int = 0
    resolved: int = 0


class ManyExemptions(Facts, frozen=True, tag="exceptions"):
    """More exceptions than get a card each that end soon, or have ended; soonest end first."""

    exceptions: tuple[Exemption, ...]


class Digest(Facts, frozen=True, tag="digest"):
    """How things stand on one route. All counts are by `kind: state` unless said otherwise.

    `since`: the digest before, None for the first. `next_due`: when the next one comes; if it does not, the
    watch or the way to Teams is broken. `opened`, `resolved`: told since. `open`: findings that stand and
    were told, and nothing more is to be said of now. `quiet`: named reason (`muted-by:no-licence`,
    `excepted`, `held-by-brake`, `flapping`, …) to how many findings stand and are not told because of it;
    none is in both. `ends_held`: such a reason to how many findings are over and that is not told because of
    it. `flapping`: the first of the findings that come and go. `waiting`: hand-overs that failed and are
    tried again. `exceptions`: all in force, soonest end first; `users`: how many users were counted last,
    None if not yet; `swept_at`: the last complete reading. `seats`: the findings about seats, told or not.
    """

    next_due: datetime
    since: datetime | None = None
    opened: Mapping[str, int] = {}
    resolved: Mapping[str, int] = {}
    open: Mapping[str, int] = {}
    quiet: Mapping[str, int] = {}
    ends_held: Mapping[str, int] = {}
    flapping: tuple[Entry, ...] = ()
    flapping_more: int = 0
    seats: tuple[Entry, ...] = ()
    exceptions: tuple[Exemption, ...] = ()
    waiting: int = 0
    users: int | None = None
    swept_at: datetime | None = None

    @property
    def quiet_week(self) -> bool:
        """Whether there is nothing to say: the card is a sign of life."""
        told = self.opened or self.resolved
        return not (told or self.open or self.quiet or self.ends_held or self.exceptions)


About = Mass | Change | Exemption | ManyExemptions | Digest


class Message(Facts, frozen=True):
    """One card on one route, by its name. `late_since`: since when earlier hand-overs there have failed, if
    this one is to say so."""

    form: str
    route: str = ""
    items: tuple[Item, ...] = ()
    about: About | None = None
    late_since: datetime | None = None

    @property
    def exceptions(self) -> tuple[Exemption, ...]:
        """Those that it says end soon or have ended."""
        match self.about:
            case Exemption() as one:
                return (one,)
            case ManyExemptions(exceptions=many):
                return many
            case _:
                return ()

    @property
    def keys(self) -> tuple[str, ...]:
        """What a hand-over of this message is remembered by, on its route."""
        if self.form in (SINGLE, SUMMARY):
            return tuple(item.key for item in self.items)
        if self.exceptions:
            return tuple(f"{self.form}:{one.id}" for one in self.exceptions)
        if isinstance(self.about, Mass):
            return (f"{self.form}:{'worse' if self.about.worse else 'better'}",)
        return (self.form,)

    @property
    def key(self) -> str:
        """Stable over restarts: the same form of the same items on the same route has the same key."""
        digest = hashlib.blake2b(digest_size=12)
        for part in (self.route, self.form, *sorted(self.keys)):
            digest.update(part.encode() + b"\n")
        return digest.hexdigest()
