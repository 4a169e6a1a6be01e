"""What delta queries go by: every change of users and groups in order, and when a reader learns of it. Pure.

A link of delta is a position in a journal. An entry keeps how the object stood after it, since Graph may
replay older states (graph.md §6).
"""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime

from sandbox.graph.records import User

WHOLE: frozenset[str] = frozenset()
"""Instead of names: the object as such came, went or came back, whatever is selected."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `changed`: names of properties as Graph calls them, or `WHOLE`.

    `state`: the user after it, None where there is none any more (`gone` is then the reason of `@removed`).
    `added` and `removed`: members of the group.
    """

    id: str
    shows_at: datetime
    changed: frozenset[str] = WHOLE
    state: User | None = None
    gone: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(slots=True)
class Journal:
    """The changes of one kind of object. `rng` decides about replays and nothing else."""

    rng: random.Random
    entries: list[Entry] = field(default_factory=list)
    nulled: dict[str, set[str]] = field(default_factory=dict)
    """Object id to properties that once had a value and were changed to null."""
    generation: int = 0
    """Links of an earlier generation are not followed any more; `ended` says how they are refused."""
    ended: str = "reset"
    _shown: int = 0

    def note(self, entry: Entry) -> None:
        """Take in a change."""
        self.entries.append(entry)

    def end(self, now: datetime) -> int:
        """How many entries readers know: nobody learns of a change before those that went before it."""
        while self._shown < len(self.entries) and self.entries[self._shown].shows_at <= now:
            self._shown += 1
        return self._shown

    def forget(self, how: str) -> None:
        """Refuse every link given so far: `reset` with 410 and a new start, `expired` as one too old."""
        self.generation += 1
        self.ended = how


def snapshot(user: User) -> User:
    """A copy that later changes leave alone."""
    return replace(user, direct=dict(user.direct), inherited=dict(user.inherited))
