"""Reads a report's figures and rows from the ledger, and remembers what it read by ETag.

It only reads: whoever watches publishes what an outbox holds, a report does not. Of each shard the counts and
the rows are kept, so that the next request costs a listing and the shards that changed since. At most
`ROWS_KEPT` rows are kept; in a tenant with more to act on, the shards beyond are read again each time.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial

import msgspec

from shared.graph.parallel import few_at_a_time
from shared.ledger.manifest import TENANT, LedgerMissing, Paths, manifest_path
from shared.ledger.memberships import memberships
from shared.ledger.records import Manifest, TenantRecord
from shared.ledger.shards import LedgerUnreadable, decode, shard_of
from shared.model import SubjectType
from shared.notify.exceptions import agreed
from shared.notify.exceptions.exemptions import Exemptions
from shared.notify.saying.names import Person
from shared.report.building import order_of, report_of, users_named, with_exception
from shared.report.counting import Tally, excepted_kinds, row_of, tally_of, together
from shared.report.figures import Point, Report, Row
from shared.report.lean import users_of
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.storage import Listed, Storage
from shared.texts.catalogue import Catalogue

ROWS_KEPT = 250_000
"""Rows in memory at most, by all shards; a row takes some 700 bytes."""

_NOBODY: frozenset[str] = frozenset()

_PARALLEL = 8
"""Shards read at a time."""


class Gathered(msgspec.Struct, frozen=True):
    """A report and all its rows, with exceptions, in no particular order."""

    report: Report
    rows: tuple[Row, ...]


class _Part(msgspec.Struct, frozen=True):
    """What one version of one shard gave. `named`: users of it whom the report named then."""

    etag: str
    tally: Tally
    rows: tuple[Row, ...]
    named: Mapping[str, Person]
    wanted: frozenset[str]


class Gatherer:
    """Gathers for one tenant; one a process, so that it remembers."""

    def __init__(self, storage: Storage, tenant_id: str, rules: Rules, policy: Policy) -> None:
        self._storage, self._tenant_id = storage, tenant_id
        self._rules, self._policy = rules, policy
        self._order = order_of(rules)
        self._parts: dict[str, _Part] = {}
        self._tally: tuple[tuple[str, ...], Tally] | None = None
        # Two requests at once would read everything twice.
        self._turn = asyncio.Lock()

    async def gather(
        self,
        texts: Catalogue,
        at: datetime,
        *,
        trend: tuple[Point, ...] = (),
        health: tuple[str, ...] | None = None,
    ) -> Gathered:
        """The report as of now, and its rows.

        Raises `LedgerMissing`, `LedgerUnreadable`, `AgreedUnreadable`, and what storage raises.
        """
        manifest = await self.manifest()
        paths = Paths(manifest)
        async with self._turn:
            record, exemptions = await asyncio.gather(
                self._tenant(paths), agreed.recall(self._storage.ledger, self._tenant_id)
            )
            in_force = [one for one in exemptions if one.holds(at)]
            wanted = users_named(record, in_force)
            parts = await self._shards(paths, _by_shard(wanted, manifest))
        all_rows = [row for part in parts for row in part.rows]
        groups = frozenset(one.subject_id for one in in_force if one.subject_type == SubjectType.GROUP)
        members = await memberships(
            self._storage, self._tenant_id, groups, {row.id for row in all_rows} if groups else ()
        )
        exceptions = Exemptions(in_force, members)
        rows, excepted = _excepted(all_rows, exceptions)
        report = report_of(
            record,
            self._together(parts),
            self._rules,
            self._policy,
            texts,
            at=at,
            source="ledger",
            rows=len(rows),
            exceptions=exceptions,
            excepted=excepted,
            people={key: one for part in parts for key, one in part.named.items() if key in wanted},
            trend=trend,
            health=health,
        )
        return Gathered(report, tuple(rows))

    async def manifest(self) -> Manifest:
        """The ledger's manifest. Raises `LedgerMissing`, `LedgerUnreadable`."""
        path = manifest_path(self._tenant_id)
        stored = await self._storage.ledger.read(path)
        if stored is None:
            raise LedgerMissing(self._tenant_id)
        try:
            return msgspec.json.decode(stored.data, type=Manifest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LedgerUnreadable(path, str(error)) from None

    async def _tenant(self, paths: Paths) -> TenantRecord:
        path = paths.book(TENANT)
        stored = await self._storage.ledger.read(path)
        return decode(stored.data, TenantRecord, path) if stored else TenantRecord(name=TENANT)

    async def _shards(self, paths: Paths, wanted: Mapping[str, frozenset[str]]) -> list[_Part]:
        """What each shard gives now; those that changed are read, a few at a time."""
        listed = [one async for one in self._storage.ledger.names(paths.users)]
        there = {one.name for one in listed}
        self._parts = {name: part for name, part in self._parts.items() if name in there}
        found: dict[str, _Part] = {}
        kept = sum(len(part.rows) for part in self._parts.values())

        async def read(one: Listed) -> None:
            nonlocal kept
            before = self._parts.pop(one.name, None)
            kept -= len(before.rows) if before else 0
            part = await self._read(one.name, wanted.get(paths.name(one.name), _NOBODY))
            found[one.name] = part
            if kept + len(part.rows) <= ROWS_KEPT:
                self._parts[one.name] = part
                kept += len(part.rows)

        due = []
        for one in listed:
            known, named = self._parts.get(one.name), wanted.get(paths.name(one.name), _NOBODY)
            if known is not None and known.etag == one.etag and named <= known.wanted:
                found[one.name] = known
            else:
                due.append(one)
        await few_at_a_time(_PARALLEL, [partial(read, one) for one in due])
        return [found[one.name] for one in listed]

    async def _read(self, path: str, wanted: frozenset[str]) -> _Part:
        stored = await self._storage.ledger.read(path)
        if stored is None:
            return _Part("", Tally(), (), {}, wanted)
        users = list(users_of(stored.data, path))
        rows = tuple(row for user in users if (row := row_of(user, self._order)))
        named = {user.id: Person(user.name, user.upn) for user in users if user.id in wanted}
        return _Part(stored.etag, tally_of(users), rows, named, wanted)

    def _together(self, parts: list[_Part]) -> Tally:
        etags = tuple(part.etag for part in parts)
        if self._tally is None or self._tally[0] != etags:
            self._tally = etags, together([part.tally for part in parts])
        return self._tally[1]


def _by_shard(user_ids: Iterable[str], manifest: Manifest) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for user_id in user_ids:
        found.setdefault(shard_of(user_id, manifest.shards), set()).add(user_id)
    return {name: frozenset(ids) for name, ids in found.items()}


def _excepted(rows: list[Row], exceptions: Exemptions) -> tuple[list[Row], Counter[str]]:
    """The rows with the exceptions that cover them, and how many findings of each kind are covered."""
    excepted: Counter[str] = Counter()
    if not exceptions:
        return rows, excepted
    found: list[Row] = []
    for row in rows:
        if exceptions.may_cover(row.id):
            excepted.update(excepted_kinds(row, exceptions))
            found.append(with_exception(row, exceptions))
        else:
            found.append(row)
    return found, excepted
