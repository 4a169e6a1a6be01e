"""Users as read, made into the ledger's records and the lines of a snapshot, one page at a time.

By the very functions that the watch commits with, on an empty shard: what they would store is what is kept.
"""

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from shared.audit.aside import DIRECT, NAMED, NESTED, Membership
from shared.judgement import Judge
from shared.ledger.commits import UserReading, apply_readings
from shared.ledger.records import Shard, UserRecord
from shared.ledger.totals import add, totals_of
from shared.model import Standing, TenantFacts, Totals, User
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.snapshot.file import SectionWriter
from shared.snapshot.lines import Head, Reading
from shared.snapshot.pseudonyms import Pseudonyms
from shared.watch.users.judging import Look, readings_of

_decoder = msgspec.json.Decoder(UserRecord)
_encoder = msgspec.json.Encoder()


class Chosen(msgspec.Struct, frozen=True):
    """The settings of an audit."""

    policy: Policy


class Bench:
    """Judges users of one tenant as its facts stand (`users.judging.Judging`)."""

    def __init__(self, rules: Rules, policy: Policy, facts: TenantFacts) -> None:
        self.rules = rules
        self.settings = Chosen(policy)
        self._judge = Judge(rules, policy, facts)

    def judge(self, facts: TenantFacts) -> Judge:
        """The judge; an audit has but one generation of facts."""
        return self._judge


class Books:
    """Takes users in. `totals` are the sums over them; `unlicensed` counts nested members by licensing group.

    `facts` as read: with `pseudonyms` everything is written under those, and judged by them.
    """

    def __init__(
        self,
        rules: Rules,
        head: Head,
        facts: TenantFacts,
        failing: Mapping[str, frozenset[str]],
        files: tuple[Path, Path],
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self.totals = Totals()
        self.unlicensed: Counter[str] = Counter()
        self._rules = rules
        self._facts, self._failing = facts, failing
        self.pseudonyms = pseudonyms
        self._head = pseudonyms.head(head) if pseudonyms else head
        self._bench = Bench(rules, self._head.policy, self._head.facts)
        self._groups = frozenset(head.groups)
        snapshot, records = files
        self._open = ExitStack()
        self._snapshot = SectionWriter(self._open.enter_context(snapshot.open("wb")), self._head)
        self._records = self._open.enter_context(gzip.GzipFile(records, "wb", compresslevel=1))

    @property
    def head(self) -> Head:
        """Of the snapshot, as written."""
        return self._head

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._snapshot.end()
        self._open.close()

    def take(
        self,
        looks: Sequence[Look],
        standings: Mapping[str, Standing],
        memberships: Mapping[str, set[Membership]],
        at: datetime,
    ) -> None:
        """Judge these users and write them down; nobody may come twice."""
        known = {look.user.id: self._known(look, standings, memberships) for look in looks}
        self._count(known)
        if self.pseudonyms:
            known = {user_id: self.pseudonyms.reading(one) for user_id, one in known.items()}
        member_of = {one.user.id: one.member_of for one in known.values()}
        readings = readings_of(
            self._bench,
            self._head.facts,
            [Look(one.user, one.at) for one in known.values()],
            {one.user.id: one.standing for one in known.values()},
            {},
            baseline=True,
        )
        for one in readings:
            line = Reading(one.user, one.standing, one.observed_at, member_of[one.user.id])
            self._snapshot.add(line, one.judged)
        self._keep(readings, at)

    def _known(
        self, look: Look, standings: Mapping[str, Standing], memberships: Mapping[str, set[Membership]]
    ) -> Reading:
        """One user and all that is known of it."""
        mine = memberships.get(look.user.id, set())
        direct = {one.group_id for one in mine if one.how == DIRECT}
        nested = tuple(sorted({one.group_id for one in mine if one.how == NESTED} - direct))
        standing = standings[look.user.id]
        if nested:
            standing = msgspec.structs.replace(standing, nested_in=nested)
        groups = {one.group_id for one in mine if one.how == NAMED}.union(
            direct, nested, _licensed_by(look.user)
        )
        return Reading(look.user, standing, look.observed_at, tuple(sorted(groups & self._groups)))

    def _count(self, known: Mapping[str, Reading]) -> None:
        """Who gets nothing of a licensing group but being in a group of it (`watch.licensing.nested`)."""
        for user_id, one in known.items():
            held = {sku.sku_id for sku in one.user.assigned_licenses}
            for group_id in one.standing.nested_in:
                fails = user_id in self._failing.get(group_id, ())
                if not fails and held.isdisjoint(self._facts.groups[group_id].sku_ids):
                    self.unlicensed[group_id] += 1

    def _keep(self, readings: Sequence[UserReading], at: datetime) -> None:
        shard, _ = apply_readings(Shard(name="audit"), readings, at, self._facts.tenant_id, self._rules)
        records = shard.users.values()
        self.totals = add(self.totals, totals_of(records))
        for record in records:
            self._records.write(_encoder.encode(record) + b"\n")


def records_in(file: Path) -> Iterator[UserRecord]:
    """The records that were written down, one at a time."""
    with gzip.open(file) as lines:
        for line in lines:
            yield _decoder.decode(line)


def _licensed_by(user: User) -> Iterable[str]:
    """Group licensing serves direct members alone, so whoever has a source of a group is one."""
    return (one.assigned_by_group.lower() for one in user.license_assignment_states if one.assigned_by_group)
