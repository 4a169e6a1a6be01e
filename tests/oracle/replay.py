"""The journal read from its beginning: what it leaves open, and whether its numbers have no gap."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.ledger.journal import JournalLine
from shared.ledger.ledger import Ledger
from shared.ledger.manifest import TENANT
from shared.model import Moment, OpenFinding

Key = tuple[str, str, str, str]
"""Kind of subject, its id, kind of finding, and which of several of that kind."""
Open = dict[Key, tuple[str, str]]
"""Findings by key: id and fingerprint."""


@dataclass(slots=True)
class Replayed:
    """`open` is what the lines leave open; `faults` what no journal may show; `told` lines after the
    baseline."""

    open: Open = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    told: int = 0
    moments: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)

    def take(self, line: JournalLine) -> None:
        """One line more."""
        key = (line.subject.type, line.subject.id, line.kind, line.subject.about)
        if line.id in self.ids:
            self.faults.append(f"line {line.id} occurs twice")
        self.ids.add(line.id)
        # What the baseline opened keeps its mark until it is resolved.
        self.told += not (line.baseline and line.transition is Moment.OPENED)
        self.moments.add(line.transition.value)
        held = self.open.get(key)
        if (held is None) != (line.transition is Moment.OPENED):
            self.faults.append(f"{line.transition.value} of {key} while it was {held or 'not open'}")
        if held is not None and held[0] != line.finding:
            self.faults.append(f"{key} goes on as {line.finding}, it was {held[0]}")
        if line.transition is Moment.CHANGED and held == (line.finding, line.fingerprint):
            self.faults.append(f"{key} is said to have changed and has not")
        if line.transition is Moment.RESOLVED:
            self.open.pop(key, None)
        else:
            self.open[key] = (line.finding, line.fingerprint)


async def replay(ledger: Ledger) -> Replayed:
    """Every book's journal, in order."""
    result = Replayed()
    for book in await ledger.books():
        expected = 1
        async for seq, lines in ledger.read_journal(book):
            if seq != expected:
                result.faults.append(f"the journal of {book} goes on with {seq} instead of {expected}")
            expected = seq + 1
            for line in lines:
                if line.seq != seq:
                    result.faults.append(f"line {line.id} lies in blob {seq} of {book}")
                result.take(line)
        result.faults += await _unpublished(ledger, book, expected)
    return result


async def _unpublished(ledger: Ledger, book: str, expected: int) -> list[str]:
    """After everything was read, and so published, nothing is left over and nothing is missing."""
    held = await (ledger.read_tenant() if book == TENANT else ledger.read_shard(book))
    faults = []
    if held.record.outbox:
        faults.append(f"{book} still has an outbox")
    if held.record.next_seq != expected:
        faults.append(f"{book} counts on with {held.record.next_seq}, its journal ends before {expected}")
    return faults


async def open_in_ledger(ledger: Ledger, tenant_id: str) -> Open:
    """The findings that the ledger holds open, of users, groups and the tenant."""
    found: Open = {}
    async for record in ledger.records():
        found.update(_of("user", record.id, record.open))
    subjects = (await ledger.read_tenant()).record.subjects
    for key, subject in subjects.items():
        if key == TENANT:
            found.update(_of("tenant", tenant_id, subject.open))
        else:
            found.update(_of("group", key, subject.open))
    return found


def _of(kind: str, subject: str, held: Mapping[str, OpenFinding]) -> Iterable[tuple[Key, tuple[str, str]]]:
    for one in held.values():
        yield (kind, subject, one.finding.kind, one.finding.about), (one.id, one.fingerprint)
