"""The reading of an audit from beginning to end: facts, what is said of users, the users themselves."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from shared.audit.aside import Aside
from shared.audit.books import Books
from shared.audit.patience import Unfinished, patiently
from shared.audit.sources import Read, Sources
from shared.audit.told import Told, Untold
from shared.graph.errors import Forbidden, Gone410, GraphError, Unavailable
from shared.graph.pages import RawRows
from shared.graph.session import GraphSession
from shared.graph.tenant import read_tenant
from shared.graph.users import count_users, read_users, user_pages, users_of
from shared.guids import as_guid
from shared.ledger.manifest import TENANT
from shared.ledger.records import TenantRecord
from shared.model import EvidenceStatus, TenantFacts
from shared.rules.loader import Rules
from shared.rules.policy import Policy
from shared.snapshot.lines import SCHEMA, Head
from shared.snapshot.pseudonyms import Pseudonyms
from shared.watch.reach.registration_rows import standings
from shared.watch.standing import absent, standing_of
from shared.watch.tenant import judge_tenant, merge
from shared.watch.users.judging import Look

SNAPSHOT, RECORDS = "snapshot.ndjson.gz", "records.ndjson.gz"
"""The files that a reading leaves in its folder; the second is for making the report, and then to go."""

_TIMES_ASKED = 3
_REQUIRED = frozenset({"skus", "organization"})
"""Without these no verdict means anything (`permissions.NEEDS`)."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be read. `groups`: of whose members the snapshot shall tell, besides those of the policy."""

    policy: Policy
    groups: tuple[str, ...] = ()
    pseudonyms: Pseudonyms | None = None


class Audited(msgspec.Struct, frozen=True):
    """A tenant that was read whole. `record`: as the ledger would hold it after its first complete reading.

    `policy`: that it was judged by; with pseudonyms, the groups that it names are under theirs.
    """

    record: TenantRecord
    policy: Policy
    facts: TenantFacts
    began_at: datetime
    users: int


async def read(
    session: GraphSession, rules: Rules, asked: Asked, folder: Path, told: Told | None = None
) -> Audited:
    """Read and judge the tenant that the session's settings name, and leave the files in the folder.

    Raises `Unfinished` where something could not be read whole, and `WrongTenant`. Then, and where it is
    cancelled, what lies in the folder is worth nothing.
    """
    told = told or Untold()
    began = session.now()
    told.begin("facts")
    facts = await _facts(session, rules, asked.policy, told, began)
    with Aside.at(folder / "aside.sqlite") as aside:
        sources = await Sources(session, aside, told).read(asked.policy, facts, asked.groups)
        facts = _with_sources(facts, sources)
        head = Head(
            schema=SCHEMA,
            taken_at=began,
            source="audit",
            rules=rules.digest,
            policy=asked.policy,
            facts=facts,
            groups=_told_of(facts, asked),
        )
        reader = _Users(session, aside, sources, told)
        files = folder / SNAPSHOT, folder / RECORDS
        for last in (False, True):
            try:
                with Books(rules, head, facts, sources.failing, files, asked.pseudonyms) as books:
                    await reader.read(books, facts, began)
                if not books.totals.users:
                    # Whoever reads is a user, so none is no answer, and never an all-clear.
                    raise Unavailable(200, code="no-users")
                break
            except Gone410 as problem:
                if last:
                    raise Unfinished("users", problem) from None
                # Graph forgot the page that comes next, so what was read is no whole: from the start, once.
                aside.forget_seen()
            except GraphError as problem:
                raise Unfinished("users", problem) from None
    return _audited(rules, books, began, session.now())


async def _facts(
    session: GraphSession, rules: Rules, policy: Policy, told: Told, at: datetime
) -> TenantFacts:
    async def whole() -> TenantFacts:
        return await read_tenant(session, None, at, waits=True)

    found = await patiently(told, whole)
    for name, evidence in found.evidence.items():
        if evidence.status is EvidenceStatus.FAILED:
            raise Unfinished(name, Unavailable(0, code=evidence.problem))
        if evidence.status is EvidenceStatus.FORBIDDEN and name in _REQUIRED:
            # It was allowed when it was tried: a role or a sign-in ended since.
            raise Unfinished(name, Forbidden(403))
    return merge(None, found, policy.fingerprint(rules.digest), at)


def _with_sources(facts: TenantFacts, sources: Read) -> TenantFacts:
    groups = {
        key: msgspec.structs.replace(group, nested=sources.inside.get(key, group.nested))
        for key, group in facts.groups.items()
    }
    evidence = {**facts.evidence, **sources.evidence}
    return msgspec.structs.replace(facts, groups=groups, evidence=evidence, watched=dict(sources.watched))


def _told_of(facts: TenantFacts, asked: Asked) -> tuple[str, ...]:
    """The groups of whose members the snapshot tells."""
    scope = asked.policy.scope_groups if asked.policy.scope == "groups" else ()
    assigning = (group.id for group in facts.groups.values() if group.sku_ids)
    return tuple(sorted({*scope, *asked.groups, *assigning}))


def _audited(rules: Rules, books: Books, began: datetime, at: datetime) -> Audited:
    """The tenant's record after the users were counted, as the end of a first sweep makes it."""
    head, pseudonyms = books.head, books.pseudonyms
    counted = {
        (pseudonyms.object_id(key) if pseudonyms else key): count for key, count in books.unlicensed.items()
    }
    groups = {
        key: msgspec.structs.replace(group, nested_unlicensed=counted.get(key, 0))
        for key, group in head.facts.groups.items()
    }
    facts = msgspec.structs.replace(head.facts, groups=groups)
    record = TenantRecord(
        name=TENANT, facts=facts, totals=books.totals, counted_at=at, standing_policy=facts.policy
    )
    judged, _ = judge_tenant(record, rules, head.policy, at)
    record = msgspec.structs.replace(judged, baseline_ended_at=at)
    return Audited(record, head.policy, facts, began, books.totals.users)


class _Users:
    """Reads all users page by page."""

    def __init__(self, session: GraphSession, aside: Aside, sources: Read, told: Told) -> None:
        self._session, self._aside, self._sources, self._told = session, aside, sources, told

    async def read(self, books: Books, facts: TenantFacts, began: datetime) -> None:
        """Every user into the books. Raises `GraphError`."""
        self._told.begin("users", await self._expected())
        coming = asyncio.ensure_future(self._page(None))
        try:
            while True:
                page = await coming
                if page.unnamed:
                    raise Unavailable(200, code="unreadable-row")
                if page.next_link:
                    # While this page is judged, Graph already puts the next one together.
                    coming = asyncio.ensure_future(self._page(page.next_link))
                    await asyncio.sleep(0)
                looks = await self._looks(page)
                self._take(books, facts, looks, began)
                self._told.advance(len(page.rows))
                if not page.next_link:
                    return
        finally:
            coming.cancel()
            # Whatever became of it is of no interest any more, and nobody is told of it on the way out.
            await asyncio.gather(coming, return_exceptions=True)

    async def _expected(self) -> int | None:
        try:
            return await count_users(self._session)
        except GraphError:
            # Only how far the bar is rests on it.
            return None

    async def _page(self, link: str | None) -> RawRows:
        return await patiently(self._told, partial(user_pages, self._session, link))

    async def _looks(self, page: RawRows) -> list[Look]:
        """The users of a page; one that isn't as documented is asked for by itself."""
        users, odd = users_of(b"[" + b",".join(bytes(row) for _, row in page.rows) + b"]")
        looks = [Look(user, page.asked_at) for user in users]
        return looks + await self._one_by_one(one for one in map(as_guid, odd) if one)

    async def _one_by_one(self, ids: Iterable[str]) -> list[Look]:
        looks: list[Look] = []
        left: Sequence[str] = list(ids)
        for _ in range(_TIMES_ASKED):
            if not left:
                break
            found = await read_users(self._session, left)
            looks += [Look(user, found.observed_at[key]) for key, user in found.users.items()]
            if found.failed:
                raise Unavailable(200, code=next(iter(sorted(found.codes))).replace(" ", "-"))
            left = sorted(found.throttled)
            if left:
                delay = max(found.throttled.values())
                self._told.waits(delay)
                await asyncio.sleep(delay)
        if left:
            raise Unavailable(429, code="throttled")
        return looks

    def _take(self, books: Books, facts: TenantFacts, looks: list[Look], began: datetime) -> None:
        """Paging may show somebody twice; who was there already is passed over."""
        new = self._aside.first_seen(look.user.id for look in looks)
        # Of two rows on one page the later one is as good.
        first = {look.user.id: look for look in looks if look.user.id in new}
        whole = self._sources.whole
        nothing = absent(groups_read="scope-groups" in whole, audit_read="audit" in whole)
        rows = standings({}, [self._aside.rows(first)], whole, nothing, began)
        known = {user_id: standing_of(user_id, rows, facts) for user_id in first}
        books.take(list(first.values()), known, self._aside.memberships(first), self._session.now())
