"""What a reading may read, tried before it begins: one small request of each kind."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import msgspec
from kiota_abstractions.request_information import RequestInformation

from shared.audit.patience import patiently
from shared.audit.told import Told, Untold
from shared.graph.errors import Forbidden, GraphError, NotFound
from shared.graph.parallel import few_at_a_time
from shared.graph.permissions import table
from shared.graph.session import GraphSession, Query, asking
from shared.graph.tenant import Whose, whose
from shared.guids import guid
from shared.rules.policy import Policy

_PARALLEL = 4
_ONE = Query(select=["id"], top=1)

Asking = Callable[[GraphSession], RequestInformation]


class Need(msgspec.Struct, frozen=True):
    """One kind of request. `piece` names what is lost without it; `permission`: the least that allows it,
    several with a comma between them.

    `required`: without it there is nothing to report. `slow`: one of the reports, which have a limit of their
    own. `subject`: the group that is asked about, if any.
    """

    piece: str
    permission: str
    ask: Asking
    required: bool = False
    slow: bool = False
    subject: str = ""


class Granted(msgspec.Struct, frozen=True):
    """What became of the requests. Nothing may be read where something is `missing` or `unknown`.

    `missing`: required, and refused. `lost`: refused, and not required. `unknown`: ids of groups that are not
    there. `whose`: the tenant; None where that was refused.
    """

    missing: tuple[Need, ...]
    lost: tuple[Need, ...]
    unknown: tuple[str, ...]
    whose: Whose | None


def _users(session: GraphSession) -> RequestInformation:
    builder: Any = session.client.users
    request: RequestInformation = builder.to_get_request_information(asking(_ONE))
    return request


def _skus(session: GraphSession) -> RequestInformation:
    builder: Any = session.client.subscribed_skus
    request: RequestInformation = builder.to_get_request_information(asking())
    return request


def _organization(session: GraphSession) -> RequestInformation:
    builder: Any = session.client.organization
    request: RequestInformation = builder.to_get_request_information(asking(Query(select=["id"])))
    return request


def _subscriptions(session: GraphSession) -> RequestInformation:
    builder: Any = session.client.directory.subscriptions
    request: RequestInformation = builder.to_get_request_information(asking())
    return request


def _groups(session: GraphSession) -> RequestInformation:
    builder: Any = session.client.groups
    request: RequestInformation = builder.to_get_request_information(asking(_ONE))
    return request


def _members(group_id: str, session: GraphSession) -> RequestInformation:
    group: Any = session.client.groups.by_group_id(guid(group_id))
    request: RequestInformation = group.transitive_members.to_get_request_information(asking(_ONE))
    return request


def _registration(session: GraphSession) -> RequestInformation:
    builder: Any = session.client.reports.authentication_methods.user_registration_details
    request: RequestInformation = builder.to_get_request_information(asking(Query(top=1)))
    return request


def _admin_policy(session: GraphSession) -> RequestInformation:
    builder: Any = session.client.policies.authorization_policy
    request: RequestInformation = builder.to_get_request_information(asking())
    return request


def _audits(session: GraphSession) -> RequestInformation:
    builder: Any = session.client.audit_logs.directory_audits
    request: RequestInformation = builder.to_get_request_information(asking(Query(top=1)))
    return request


def _need(piece: str, ask: Asking, **besides: Any) -> Need:
    """What this piece takes by the table of permissions."""
    return Need(piece, ", ".join(table().of_evidence()[piece]), ask, **besides)


NEEDS = (
    _need("users", _users, required=True),
    _need("skus", _skus, required=True),
    _need("organization", _organization, required=True),
    _need("subscriptions", _subscriptions),
    _need("groups", _groups),
    _need("registration", _registration, slow=True),
    _need("admin-policy", _admin_policy),
)
"""What every reading asks for."""

_AUDIT = _need("audit", _audits, required=True, slow=True)


def needs_of(policy: Policy, groups: Iterable[str] = ()) -> Iterator[Need]:
    """What a reading under this policy asks for; `groups` are named besides those of the policy."""
    yield from NEEDS
    if policy.population == "used":
        yield _AUDIT
    scope = policy.scope_groups if policy.scope == "groups" else ()
    named = [("scope-groups", one) for one in scope] + [("named-groups", one) for one in groups]
    if policy.emergency_group:
        named.append(("emergency-group", policy.emergency_group))
    for piece, group_id in named:
        yield _need(piece, partial(_members, group_id), required=True, subject=group_id)


async def granted(
    session: GraphSession, policy: Policy, groups: Iterable[str] = (), told: Told | None = None
) -> Granted:
    """Ask for a little of everything. Raises `GraphError` where Graph fails otherwise than by refusing."""
    told = told or Untold()
    needs = tuple(needs_of(policy, groups))
    asking_each = [partial(patiently, told, partial(_refusal, session, one)) for one in needs]
    refusals = await few_at_a_time(_PARALLEL, asking_each)
    by_need = list(zip(needs, refusals, strict=True))
    refused = [one for one, refusal in by_need if isinstance(refusal, Forbidden)]
    missing = tuple(one for one in refused if one.required)
    known = not any(one.piece == "organization" for one in missing)
    return Granted(
        missing=missing,
        lost=tuple(one for one in refused if not one.required),
        unknown=tuple(dict.fromkeys(one.subject for one, why in by_need if isinstance(why, NotFound))),
        whose=await patiently(told, partial(whose, session)) if known else None,
    )


async def _refusal(session: GraphSession, need: Need) -> GraphError | None:
    """Why it is refused; None if it isn't, or only because the tenant has no P1 or P2."""
    try:
        await session.send(need.ask(session), slow=need.slow)
    except Forbidden as problem:
        return None if problem.not_premium else problem
    except NotFound as problem:
        if need.subject:
            return problem
        raise
    except GraphError as problem:
        if problem.status == 400:
            # The request was let in, and only its form was not liked: the reports document no page size.
            return None
        raise
    return None
