"""One user read now: the account, what is known of it besides, and the tenant's facts.

As a reading of everybody would have it, by few requests: of groups that the policy names, pages of members
are read until the user is among them.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from shared.audit.patience import patiently
from shared.audit.told import Told, Untold
from shared.graph.audits import ALSO_NEEDS, use_page
from shared.graph.errors import Forbidden, GraphError, NotFound, Unavailable
from shared.graph.evidence import after_attempt
from shared.graph.groups import transitive_member_page
from shared.graph.registration import registration_of
from shared.graph.session import GraphSession
from shared.graph.tenant import read_tenant
from shared.graph.users import read_user
from shared.model import Evidence, EvidenceStatus, Registration, Standing, TenantFacts, User
from shared.rules.policy import Policy
from shared.watch.reach.registration_rows import USED_WITHIN
from shared.watch.reach.registration_state import AUDIT, EMERGENCY, REPORT, SCOPE, wanted


class Person(msgspec.Struct, frozen=True):
    """A user as read. `at`: our clock just before the request for the account was sent."""

    user: User
    standing: Standing
    facts: TenantFacts
    at: datetime


async def read_person(
    session: GraphSession, policy: Policy, wanted_user: str, told: Told | None = None
) -> Person | None:
    """The user of this id or sign-in name; None where there is none.

    What is refused beyond the account, the products and the tenant itself leaves its evidence missing.
    Raises `GraphError`, also `Forbidden` for one of these, and `WrongTenant`.
    """
    told = told or Untold()
    at = session.now()
    try:
        user = await patiently(told, partial(read_user, session, wanted_user))
    except NotFound:
        return None
    except GraphError as problem:
        if problem.status != 400:
            raise
        # What is typed has not the form of a name.
        return None
    facts = await patiently(told, partial(read_tenant, session, None, at, waits=True))
    for name in ("skus", "organization"):
        evidence = facts.evidence_of(name)
        if evidence.status is EvidenceStatus.FORBIDDEN:
            raise Forbidden(403, code=evidence.permission)
        if evidence.status is EvidenceStatus.FAILED:
            raise Unavailable(0, code=evidence.problem)
    known = _Known(session, told, user.id)
    await known.read(policy)
    facts = msgspec.structs.replace(facts, evidence={**facts.evidence, **known.evidence})
    return Person(user, known.standing(), facts, at)


class _Known:
    """What is known of one user beyond the account."""

    def __init__(self, session: GraphSession, told: Told, user_id: str) -> None:
        self._session, self._told, self._user_id = session, told, user_id
        self._found: dict[str, Any] = {}
        self.evidence: dict[str, Evidence] = {}

    async def read(self, policy: Policy) -> None:
        """All that this policy rests on."""
        pieces = wanted(policy)
        if REPORT in pieces:
            await self._piece(REPORT, partial(registration_of, self._session, self._user_id))
        if SCOPE in pieces:
            await self._piece(SCOPE, partial(self._in_any, policy.scope_groups))
        if EMERGENCY in pieces:
            await self._piece(EMERGENCY, partial(self._in_any, (policy.emergency_group,)))
        if AUDIT in pieces:
            await self._piece(AUDIT, self._used)

    def standing(self) -> Standing:
        """What was found; None where it could not be read."""
        row: Registration | None = self._found.get(REPORT)
        return Standing(
            registration=row,
            in_scope_group=self._found.get(SCOPE),
            emergency=bool(self._found.get(EMERGENCY)),
            used=self._found.get(AUDIT),
        )

    async def _piece(self, name: str, reading: Callable[[], Awaitable[Any]]) -> None:
        began = self._session.now()
        problem: GraphError | None = None
        try:
            self._found[name] = await patiently(self._told, reading)
        except GraphError as fault:
            problem = fault
        evidence = after_attempt(name, Evidence(), problem, began)
        if name == AUDIT and evidence.permission and REPORT in self._found:
            evidence = msgspec.structs.replace(evidence, permission=ALSO_NEEDS)
        self.evidence[name] = evidence

    async def _in_any(self, groups: tuple[str, ...]) -> bool:
        for group_id in groups:
            link: str | None = None
            while True:
                page = await transitive_member_page(self._session, group_id, link)
                if self._user_id in page.users:
                    return True
                link = page.next_link
                if link is None:
                    break
        return False

    async def _used(self) -> bool:
        since = self._session.now() - USED_WITHIN
        link: str | None = None
        while True:
            page = await use_page(self._session, since, link)
            if any(one.user_id == self._user_id for one in page.uses):
                return True
            link = page.next_link
            if link is None:
                return False
