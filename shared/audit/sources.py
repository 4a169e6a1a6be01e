"""What is read of users beside the users themselves: the report, the audit log, who is in which group.

A piece that Graph refuses is left out, and its evidence says so; one that can't be read to its end ends the
audit, for a report with a hole would take people out of reach (judgement.md §4).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

import msgspec

from shared.audit.aside import DIRECT, NAMED, NESTED, Aside
from shared.audit.patience import Unfinished, patiently
from shared.audit.told import Told
from shared.graph.audits import ALSO_NEEDS, use_page
from shared.graph.errors import Gone410, GraphError, NotFound
from shared.graph.evidence import after_attempt
from shared.graph.groups import (
    MemberPage,
    member_pages,
    nested_group_ids,
    read_failing,
    transitive_member_page,
)
from shared.graph.registration import registration_page
from shared.graph.session import GraphSession
from shared.model import Evidence, EvidenceStatus, TenantFacts
from shared.rules.policy import Policy
from shared.watch.reach.registration_rows import (
    USED_WITHIN,
    Ages,
    ForEmergency,
    InScope,
    Used,
    aged,
    put_aside,
    reported,
)
from shared.watch.reach.registration_state import AUDIT, EMERGENCY, REPORT, SCOPE, wanted

_REQUIRED = frozenset({SCOPE, EMERGENCY, AUDIT, "named-groups"})
"""Read because a setting says so; a refusal comes only where a role ended since it was tried."""


class Read(msgspec.Struct, frozen=True):
    """What was read. `evidence`: by piece. `watched`: the groups in each group of the policy.

    `inside`: the groups in each licensing group, and in those; absent where that could not be read.
    `failing`: of licensing groups with groups in them, the ids of members on whom their licences fail.
    """

    evidence: Mapping[str, Evidence]
    watched: Mapping[str, tuple[str, ...]]
    inside: Mapping[str, tuple[str, ...]]
    failing: Mapping[str, frozenset[str]]

    @property
    def whole(self) -> frozenset[str]:
        """The pieces that were read."""
        return frozenset(name for name, one in self.evidence.items() if one.status is EvidenceStatus.OK)


class Sources:
    """Reads them one after the other, and puts aside what they say."""

    def __init__(self, session: GraphSession, aside: Aside, told: Told) -> None:
        self._session, self._aside, self._told = session, aside, told

    async def read(self, policy: Policy, facts: TenantFacts, groups: Iterable[str]) -> Read:
        """All that this policy rests on, and who is in `groups`. Raises `Unfinished`."""
        pieces = wanted(policy)
        evidence: dict[str, Evidence] = {}
        watched: dict[str, tuple[str, ...]] = {}
        if REPORT in pieces:
            self._told.begin("registration")
            evidence[REPORT] = await self._report()
        self._told.begin("groups")
        if SCOPE in pieces:
            evidence[SCOPE] = await self._piece(SCOPE, partial(self._scope, policy.scope_groups, watched))
        if EMERGENCY in pieces:
            reading = partial(self._emergency, policy.emergency_group, watched)
            evidence[EMERGENCY] = await self._piece(EMERGENCY, reading)
        for group_id in groups:
            await self._piece("named-groups", partial(self._named, group_id))
        inside, failing, refused = await self._nested(facts)
        if refused is not None:
            evidence["groups"] = msgspec.structs.replace(refused, read_at=facts.evidence_of("groups").read_at)
        if AUDIT in pieces:
            self._told.begin("audit")
            evidence[AUDIT] = await self._audit(evidence.get(REPORT))
        return Read(evidence, watched, inside, failing)

    async def _piece(self, name: str, reading: Callable[[], Awaitable[None]]) -> Evidence:
        """How reading a piece ended. Raises `Unfinished` unless it was read whole, or may be done without."""
        began = self._session.now()
        problem: GraphError | None = None
        try:
            try:
                await reading()
            except Gone410:
                # Graph forgot where we were. Rows that were put aside already only come once more.
                await reading()
        except GraphError as fault:
            problem = fault
        evidence = after_attempt(name, Evidence(), problem, began)
        needed = name in _REQUIRED and evidence.status is EvidenceStatus.FORBIDDEN
        if problem and (needed or evidence.status is EvidenceStatus.FAILED):
            raise Unfinished(name, problem)
        return evidence

    async def _report(self) -> Evidence:
        ages = Ages(self._session.now())

        async def reading() -> None:
            link: str | None = None
            while True:
                page = await patiently(self._told, partial(registration_page, self._session, link))
                rows = [reported(row) for row in page.rows]
                self._aside.put(put_aside(rows))
                for row in rows:
                    ages.count(row.registration)
                self._told.advance(len(rows))
                link = page.next_link
                if link is None:
                    return

        evidence = await self._piece(REPORT, reading)
        return evidence if evidence.read_at is None else aged(evidence, ages.oldest, ages.days)

    async def _audit(self, report: Evidence | None) -> Evidence:
        since = self._session.now() - USED_WITHIN

        async def reading() -> None:
            link: str | None = None
            while True:
                page = await patiently(self._told, partial(use_page, self._session, since, link))
                self._aside.put(put_aside(Used(one.user_id, one.at) for one in page.uses))
                self._told.advance(len(page.uses))
                link = page.next_link
                if link is None:
                    return

        evidence = await self._piece(AUDIT, reading)
        if evidence.permission and report and report.status is EvidenceStatus.OK:
            # The report shows that the one permission is there, so it is the other that is missing.
            evidence = msgspec.structs.replace(evidence, permission=ALSO_NEEDS)
        return evidence

    async def _scope(self, groups: Iterable[str], watched: dict[str, tuple[str, ...]]) -> None:
        for group_id in groups:
            inside: set[str] = set()
            async for page in self._pages(group_id):
                self._aside.put(put_aside(InScope(one) for one in page.users))
                self._aside.put_members(group_id, NAMED, page.users)
                inside.update(page.groups)
            watched[group_id] = tuple(sorted(inside))

    async def _emergency(self, group_id: str, watched: dict[str, tuple[str, ...]]) -> None:
        inside: set[str] = set()
        async for page in self._pages(group_id):
            self._aside.put(put_aside(ForEmergency(one) for one in page.users))
            inside.update(page.groups)
        watched[group_id] = tuple(sorted(inside))

    async def _named(self, group_id: str) -> None:
        async for page in self._pages(group_id):
            self._aside.put_members(group_id, NAMED, page.users)

    async def _pages(self, group_id: str) -> AsyncIterator[MemberPage]:
        """All members, also through other groups."""
        link: str | None = None
        while True:
            call = partial(transitive_member_page, self._session, group_id, link)
            page = await patiently(self._told, call)
            self._told.advance(len(page.users))
            yield page
            link = page.next_link
            if link is None:
                return

    async def _nested(
        self, facts: TenantFacts
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, frozenset[str]], Evidence | None]:
        """The groups in licensing groups, whose members get nothing of them (`watch.licensing.nested`).

        Last how a refusal is recorded: a group may hide its members from whoever may read all others.
        """
        refused: Evidence | None = None
        inside: dict[str, tuple[str, ...]] = {}
        failing: dict[str, frozenset[str]] = {}

        async def reading(group_id: str, at: datetime) -> None:
            try:
                inner = await patiently(self._told, partial(nested_group_ids, self._session, group_id))
            except NotFound:
                inner = frozenset()
            found = set(inner)
            if inner:
                await patiently(self._told, partial(self._direct, group_id))
                fails = await patiently(self._told, partial(read_failing, self._session, group_id, at))
                failing[group_id] = fails.members
            for one in sorted(inner):
                found |= await self._through(group_id, one)
            inside[group_id] = tuple(sorted(found))

        for group in facts.groups.values():
            if group.sku_ids:
                evidence = await self._piece("groups", partial(reading, group.id, self._session.now()))
                if evidence.status is not EvidenceStatus.OK:
                    refused = evidence
        return inside, failing, refused

    async def _direct(self, group_id: str) -> None:
        """Note who is in a licensing group itself."""
        async for page in member_pages(self._session, group_id, transitive=False):
            self._aside.put_members(group_id, DIRECT, page.users)

    async def _through(self, group_id: str, inner: str) -> set[str]:
        """Note who is in a licensing group through this one; a group that is gone has nobody."""
        found: set[str] = set()
        try:
            async for page in self._pages(inner):
                self._aside.put_members(group_id, NESTED, page.users)
                found.update(page.groups)
        except NotFound:
            pass
        return found
