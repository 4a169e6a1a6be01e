"""`/users`: pages, one user, the count (graph.md §3.1, §7.1)."""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.graph import odata
from sandbox.graph.crowd_views import CrowdListing, CrowdOrder, CrowdSet, CrowdUsers
from sandbox.graph.records import Inherited, User
from sandbox.graph.skus import BY_ID
from sandbox.graph.wire import GraphAnswer, GraphRequest, bad_request, iso, not_found, unsupported
from sandbox.graph.world import World

DEFAULT = (
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
)
"""What comes without `$select`: nothing about licences (graph.md §7.1)."""


def _licences(world: World, user: User) -> list[dict[str, Any]]:
    held = world.assigned(user)
    return [{"skuId": sku_id, "disabledPlans": sorted(disabled)} for sku_id, disabled in sorted(held.items())]


def _states(world: World, user: User) -> list[dict[str, Any]]:
    rows: list[tuple[str | None, str, Inherited]] = [
        (None, sku_id, Inherited("Active", "", d.disabled, d.at)) for sku_id, d in user.direct.items()
    ]
    rows.extend((group, sku_id, state) for (group, sku_id), state in user.inherited.items())
    return [
        {
            "skuId": sku_id,
            "disabledPlans": sorted(row.disabled),
            "assignedByGroup": group,
            "state": row.state,
            "error": row.error or no_error(world.seed, user.id, sku_id, group),
            "lastUpdatedDateTime": iso(row.at),
        }
        for group, sku_id, row in rows
    ]


def no_error(seed: int, user_id: str, sku_id: str, group_id: str | None) -> str | None:
    """How "no error" is spelled for this source: null, empty or `None`, by chance but always the same."""
    draw = zlib.crc32(f"{seed}{user_id}{sku_id}{group_id}".encode()) % 3
    return (None, "", "None")[draw]


def _plans(world: World, user: User) -> list[dict[str, Any]]:
    rows = []
    for sku_id, disabled in sorted(world.assigned(user).items()):
        sku = world.skus.get(sku_id)
        plans = sku.plans if sku else BY_ID[sku_id].plans if sku_id in BY_ID else ()
        for plan in plans:
            status = "Deleted" if plan.id in disabled or sku is None else sku.status
            at = user.direct[sku_id].at if sku_id in user.direct else user.created_at
            service = plan.name.split("_")[0]
            rows.append(
                {
                    "servicePlanId": plan.id,
                    "service": service,
                    "capabilityStatus": status,
                    "assignedDateTime": iso(at),
                }
            )
    return rows


def _identities(world: World, user: User) -> list[dict[str, Any]]:
    if user.identities:
        return list(user.identities)
    issuer = world.organization.domains[0]
    return [{"signInType": "userPrincipalName", "issuer": issuer, "issuerAssignedId": user.upn}]


PROPERTIES: dict[str, Callable[[World, User], Any]] = {
    "id": lambda _, u: u.id,
    "userPrincipalName": lambda _, u: u.upn,
    "displayName": lambda _, u: u.display_name,
    "givenName": lambda _, u: u.given_name,
    "surname": lambda _, u: u.surname,
    "jobTitle": lambda _, u: u.job_title,
    "mail": lambda _, u: u.upn if u.user_type == "Member" else None,
    "businessPhones": lambda _, __: [],
    "mobilePhone": lambda _, __: None,
    "officeLocation": lambda _, __: None,
    "preferredLanguage": lambda _, __: None,
    "accountEnabled": lambda _, u: u.account_enabled,
    "userType": lambda _, u: u.user_type,
    "creationType": lambda _, u: u.creation_type,
    "externalUserState": lambda _, u: u.external_user_state,
    "identities": _identities,
    "usageLocation": lambda _, u: u.usage_location,
    "onPremisesSyncEnabled": lambda _, u: u.synced,
    "createdDateTime": lambda _, u: iso(u.created_at),
    "assignedLicenses": _licences,
    "licenseAssignmentStates": _states,
    "assignedPlans": _plans,
}
"""Every property the simulator knows, and how it is read."""


_CHANGING = frozenset({"assignedPlans"})
"""Properties that follow the state of the tenant's SKUs, so that no stencil can be kept of them."""


def render(world: World, user: User, names: tuple[str, ...]) -> dict[str, Any]:
    """The user with exactly these properties."""
    return {name: PROPERTIES[name](world, user) for name in names}


def render_seen(world: World, user_id: str, names: tuple[str, ...]) -> dict[str, Any]:
    """A user of a listing, as a reader sees it; the listing has already left out who isn't seen."""
    return render(world, world.seen(user_id) or world.user(user_id), names)


def wanted(request: GraphRequest, world: World) -> Callable[[str], bool]:
    """The filter of a listing as a predicate over ids; 400 for one that isn't supported."""
    text = request.query.get("$filter")
    if text is None:
        return world.visible

    def seen(fits: Callable[[User], bool]) -> Callable[[str], bool]:
        return lambda user_id: (user := world.seen(user_id)) is not None and fits(user)

    sku_id = odata.holds_sku(text)
    if sku_id is not None:
        return seen(lambda user: sku_id in world.assigned(user))
    if "".join(text.split()) == "assignedLicenses/$counteq0":
        odata.advanced(request)
        return seen(lambda user: not world.assigned(user))
    pair = odata.equals(text)
    if pair is None or pair[0] not in ("id", "userPrincipalName", "accountEnabled"):
        raise unsupported("Unsupported or invalid query filter clause specified.")
    name, value = pair
    given: Any = odata.boolean(value) if name == "accountEnabled" else value
    return seen(lambda user: bool(PROPERTIES[name](world, user) == given))


def stencilled(world: World, names: tuple[str, ...]) -> bool:
    """Whether users of a crowd can be filled into stencils of these properties."""
    return isinstance(world.users, CrowdUsers) and _CHANGING.isdisjoint(names)


def listing(
    world: World,
    ids: CrowdSet,
    names: tuple[str, ...],
    mark: Mapping[str, Any],
    keep: Callable[[str], bool],
    other: Callable[[str], Any],
) -> odata.Listing:
    """Pages of a large tenant's `ids`, `mark` before the properties of each.

    Whoever is not of the crowd, or no longer, is shown if `keep` says so, by `other`.
    """
    users = world.users
    assert isinstance(users, CrowdUsers)  # noqa: S101 - only a tenant with a crowd has such a set
    key = (names, *mark, world.organization.domains)
    row = users.crowd.rows(key, lambda user: {**mark, **render(world, user, names)})
    return CrowdListing(ids, users.untouched, row, keep, other)


def list_users(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /users`: `$select`, `$top`, `$filter`, next links."""
    names = odata.selected(request, PROPERTIES, DEFAULT, "user")
    keep = wanted(request, world)
    order = world.user_order

    def shown(user_id: str) -> dict[str, Any]:
        return render_seen(world, user_id, names)

    pages: odata.Listing = odata.SortedIds(order, keep, shown)
    if isinstance(order, CrowdOrder) and "$filter" not in request.query and stencilled(world, names):
        pages = listing(world, order.ids, names, {}, keep, shown)
    body = odata.page_of(request, world, pages)
    return GraphAnswer(200, {"@odata.context": f"{request.base}/$metadata#users", **body})


def get_user(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /users/{id or UPN}`: 404 once deleted, and for a short while after creation (graph.md §3.1)."""
    given = request.params["id"]
    user_id = given.lower()
    if "@" in given:
        user_id = _with_upn(world, user_id)
    user = world.seen(user_id)
    if user is None:
        raise not_found(given)
    names = odata.selected(request, PROPERTIES, DEFAULT, "user")
    context = f"{request.base}/$metadata#users/$entity"
    return GraphAnswer(200, {"@odata.context": context, **render(world, user, names)})


def _with_upn(world: World, upn: str) -> str:
    """The id of the user with this UPN in lower case; empty if there is none."""
    found = next((user.id for user in world.objects() if user.upn.lower() == upn), "")
    if found or not isinstance(world.users, CrowdUsers):
        return found
    index = world.users.crowd.index_of_upn(upn)
    return "" if index is None or not world.users.untouched[index] else world.users.crowd.id_of(index)


def count_users(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /users/$count`: a number as text, only with `ConsistencyLevel: eventual`."""
    if not request.eventual:
        raise bad_request("$count is not currently supported.")
    keep = wanted(request, world)
    if "$filter" not in request.query:
        hidden = sum(1 for user in world.objects() if not keep(user.id))
        return GraphAnswer(200, str(len(world.users) - hidden))
    return GraphAnswer(200, str(sum(1 for user_id in world.user_order if keep(user_id))))


def license_details(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /users/{id}/licenseDetails`: delegated only, so no role ever gets here (graph.md §7.1)."""
    raise not_found(request.params["id"])
