"""What still waits: notifications, messages, second looks, delta, readings, outboxes, hand-overs, holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.ledger.records import TenantRecord
from shared.notify import memory
from shared.notify.table import Table
from shared.watch.users import delta_state
from tests.soak.troupe import Troupe

LOOKS = "messages in changed-users"
FEW = 3


@dataclass
class Waiting:
    """How much waits of each, none of it zero; `queues` are their lengths, hidden messages too."""

    things: dict[str, int] = field(default_factory=dict)
    queues: Mapping[str, int] = field(default_factory=dict)

    @property
    def anything(self) -> bool:
        """Whether there is something left to do."""
        return bool(self.things)

    @property
    def only_handovers(self) -> bool:
        """Whether nothing is left but messages that receivers did not take yet, and a look or two: users with
        a failed licence are looked at in every round."""
        rest = self.things.keys() - {"hand-overs", LOOKS}
        return "hand-overs" in self.things and not rest and self.things.get(LOOKS, 0) <= FEW

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in self.things.items()) or "nothing"


async def rounds_of_delta(troupe: Troupe) -> int:
    """How many rounds have ended."""
    await troupe.watch.found()
    return (await delta_state.read(troupe.watch)).state.rounds


async def waiting(troupe: Troupe, rounds: int | None = None) -> Waiting:
    """Look at everything. With `rounds` so many rounds of delta must have ended, and all books been read."""
    storage = troupe.storage
    queues = {
        "changed-users": await storage.changed_users.length(),
        "sweeps": await storage.sweeps.length(),
        "journal": await storage.journal.length(),
    }
    poison = {name: await storage.poison(name).length() for name in ("changed-users", "sweeps")}
    await troupe.watch.found()
    record = await troupe.tenant()
    table = (await memory.recall(storage.ledger, await troupe.ledger.manifest())).table
    delta = (await delta_state.read(troupe.watch)).state
    found = {
        "notifications": 0 if troupe.simulator.quiet else max(1, troupe.simulator.outbound.pending),
        **{f"messages in {name}": count for name, count in queues.items()},
        **{f"messages in {name}-poison": count for name, count in poison.items()},
        "rounds of delta": max(0, (rounds or 0) - delta.rounds) + int(delta.round_began_at is not None),
        "readings of everybody": _reading(record),
        "users to be judged again": len(record.owed),
        "hand-overs": sum(bool(one.items) for one in table.handovers),
        "holds": sum(one.holds for one in table.brakes) + int(table.declared is not None),
        "unread books": await _unread(troupe, table) if rounds is not None else 0,
    }
    return Waiting({name: count for name, count in found.items() if count}, queues)


def _reading(record: TenantRecord) -> int:
    return int(record.sweep is not None and record.sweep.ended_at is None)


async def _unread(troupe: Troupe, table: Table) -> int:
    """Books whose journal the notifier has not read to its end, or that still hold an outbox."""
    books = await troupe.books()
    return sum(
        bool(book.outbox) or table.cursors.get(name, 0) != book.next_seq - 1 for name, book in books.items()
    )
