"""The changes that can be tried on a saved reading, and how they are asked for.

They are applied in one order, whatever order they are asked in: the choices (edition, writeback, scope), then
what is dropped, then the seats that are added, then the groups that are moved, one after another as given.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from shared.guids import GUID
from shared.model import Facts, TenantFacts
from shared.rules.loader import Rules
from shared.snapshot.lines import Head
from shared.whatif.scope import membership_known

MOST_SEATS = 10_000_000
WRITEBACK = ("on", "off", "unknown")


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with what was asked. `code`: a text of section `what_if.faults`, with `values`."""

    code: str
    values: Mapping[str, str] = {}


class BadChange(Exception):
    """A change can't be tried on this snapshot: every fault of it."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__(", ".join(one.code for one in faults))


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The changes as they were written, each as its option has it; empty: not asked."""

    writeback: str = ""
    scope: str = ""
    edition: str = ""
    drop: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    move: tuple[str, ...] = ()


class AddSeats(Facts, frozen=True):
    """So many more paid seats of a SKU."""

    sku_id: str
    seats: int


class MoveGroup(Facts, frozen=True):
    """Who is in `source` goes to `target`; both are groups that assign licences."""

    source: str
    target: str


class Scope(Facts, frozen=True):
    """For whom password reset is enabled: members of these groups, or everybody where there is none."""

    groups: tuple[str, ...] = ()


class Changes(Facts, frozen=True):
    """All that is tried at once. Empty: as it was."""

    writeback: str = ""
    scope: Scope | None = None
    edition: str = ""
    drop: tuple[str, ...] = ()
    add: tuple[AddSeats, ...] = ()
    move: tuple[MoveGroup, ...] = ()

    @property
    def seats_matter(self) -> bool:
        """Whether who gets what depends on how many there are."""
        return bool(self.add or self.move)


def understood(asked: Asked, head: Head, rules: Rules, *, later: bool = False) -> Changes:
    """What was asked, in the ids of this snapshot. Raises `BadChange`.

    `later`: of a section that is not the first; what the tenant has given up meanwhile may still be dropped.
    """
    reading = _Reading(head, rules)
    changes = Changes(
        writeback=reading.writeback(asked.writeback),
        scope=reading.scope(asked.scope),
        edition=reading.edition(asked.edition),
        drop=tuple(dict.fromkeys(key for text in asked.drop if (key := reading.dropped(text, later)))),
        add=reading.seats(asked.add),
        move=tuple(one for text in asked.move if (one := reading.move(text))),
    )
    if asked == Asked():
        reading.faults.append(Fault("nothing-asked"))
    reading.check_together(changes)
    if reading.faults:
        raise BadChange(*reading.faults)
    return changes


class _Reading:
    """Reads options against one head; `faults` are those found so far."""

    def __init__(self, head: Head, rules: Rules) -> None:
        self._head = head
        self._facts: TenantFacts = head.facts
        self._rules = rules
        self.faults: list[Fault] = []

    def writeback(self, text: str) -> str:
        word = text.strip().casefold()
        if word and word not in WRITEBACK:
            self._fault("bad-writeback", value=text)
        return word

    def edition(self, text: str) -> str:
        name = text.strip()
        if name and name not in self._rules.editions:
            self._fault("unknown-edition", edition=name, editions=", ".join(sorted(self._rules.editions)))
        return name

    def scope(self, text: str) -> Scope | None:
        if not text:
            return None
        word, _, listed = text.strip().partition(":")
        groups = tuple(dict.fromkeys(one.strip().lower() for one in listed.split(",") if one.strip()))
        word = word.casefold()
        if word == "all" and not listed:
            return Scope()
        if word != "groups" or not groups:
            self._fault("bad-scope", value=text)
            return None
        for group in groups:
            if not membership_known(group, groups, self._head):
                # An audit takes object ids only: it could record nobody of what is none.
                code = "unknown-scope-group" if GUID.fullmatch(group) else "scope-not-id"
                self._fault(code, group=group)
        return Scope(groups=groups)

    def dropped(self, text: str, later: bool) -> str:
        """A product that the tenant has: without one that it never had everybody stands as they stood.

        Where its products were not read, whatever our table has: people may hold it.
        """
        sku_id = self.sku(text)
        if sku_id and self._facts.skus and sku_id not in self._facts.skus and not later:
            self._fault("not-owned", sku=self._name(sku_id), known=self._listed(self._owned()))
            return ""
        return sku_id

    def sku(self, text: str) -> str:
        """The id of a SKU named by id or part number: of the tenant, else of our table."""
        name = text.strip()
        if (lower := name.lower()) in self._facts.skus or self._rules.skus.get(lower):
            return lower
        own = [key for key, sku in self._facts.skus.items() if _same(sku.part_number, name)]
        listed = [key for key, entry in self._rules.skus.entries.items() if _same(entry.string_id, name)]
        found = sorted(own or listed)
        if len(found) == 1:
            return found[0]
        if found:
            self._fault("ambiguous-sku", sku=name, ids=", ".join(found))
        else:
            self._fault("unknown-sku", sku=name, known=self._listed(self._owned()))
        return ""

    def seats(self, texts: Sequence[str]) -> tuple[AddSeats, ...]:
        """Seats by SKU; those of one that is named twice add up."""
        seats: dict[str, int] = {}
        for text in texts:
            name, _, number = text.rpartition("=")
            # Without the zeros before it, no number that is allowed is longer than the largest one.
            digits = number.strip().lstrip("0") or number.strip()[:1]
            known = digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_SEATS))
            if not (name.strip() and known and int(digits) <= MOST_SEATS):
                self._fault("bad-seats", value=text)
            elif sku_id := self.sku(name):
                seats[sku_id] = seats.get(sku_id, 0) + int(digits)
        return tuple(AddSeats(sku_id=key, seats=number) for key, number in seats.items())

    def move(self, text: str) -> MoveGroup | None:
        source, _, target = (one.strip().lower() for one in text.partition(":"))
        if not (source and target) or source == target:
            self._fault("bad-move", value=text)
            return None
        for group in (source, target):
            if group not in self._facts.groups:
                self._fault("unknown-group", group=group, known=self._listed(sorted(self._facts.groups)))
        return MoveGroup(source=source, target=target)

    def check_together(self, changes: Changes) -> None:
        """What can't be asked at once, or not of this snapshot."""
        if changes.seats_matter and not self._facts.skus:
            self._fault("no-skus")
        for both in {one.sku_id for one in changes.add} & set(changes.drop):
            self._fault("dropped-and-added", sku=self._name(both))
        sources = [one.source for one in changes.move]
        for twice in {one for one in sources if sources.count(one) > 1}:
            self._fault("moved-twice", group=twice)

    def _owned(self) -> list[str]:
        return sorted({sku.part_number or key for key, sku in self._facts.skus.items()})

    def _name(self, sku_id: str) -> str:
        """The part number, by which people name a product here; else its id."""
        own, listed = self._facts.skus.get(sku_id), self._rules.skus.get(sku_id)
        return (own.part_number if own else "") or (listed.string_id if listed else "") or sku_id

    def _listed(self, names: Iterable[str]) -> str:
        return ", ".join(names) or "-"

    def _fault(self, code: str, **values: str) -> None:
        fault = Fault(code, values)
        if fault not in self.faults:
            self.faults.append(fault)


def _same(one: str, other: str) -> bool:
    return bool(one) and one.casefold() == other.casefold()
