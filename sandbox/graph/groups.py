"""`/groups`, their members and licence errors (graph.md §7.3)."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

from sandbox.graph import odata, users
from sandbox.graph.crowd_views import CrowdSet
from sandbox.graph.permissions import MEMBER_ROLES
from sandbox.graph.records import Group
from sandbox.graph.wire import GraphAnswer, GraphRequest, bad_request, iso, not_found, unsupported
from sandbox.graph.world import World

DEFAULT = (
    "id",
    "createdDateTime",
    "description",
    "displayName",
    "groupTypes",
    "mail",
    "mailEnabled",
    "mailNickname",
    "onPremisesSyncEnabled",
    "securityEnabled",
    "visibility",
)
"""What comes without `$select`: nothing about licences (graph.md §7.3)."""


def _licences(_: World, group: Group) -> list[dict[str, Any]]:
    rows = sorted(group.licences.items())
    return [{"skuId": sku_id, "disabledPlans": sorted(disabled)} for sku_id, disabled in rows]


def _processing(world: World, group: Group) -> dict[str, str] | None:
    state = world.licensing.state_of(group)
    return None if state is None else {"state": state}


PROPERTIES: dict[str, Callable[[World, Group], Any]] = {
    "id": lambda _, g: g.id,
    "displayName": lambda _, g: g.display_name,
    "createdDateTime": lambda _, g: iso(g.created_at),
    "description": lambda _, __: None,
    "groupTypes": lambda _, __: [],
    "mail": lambda _, __: None,
    "mailEnabled": lambda _, __: False,
    "mailNickname": lambda _, g: g.id[:8],
    "onPremisesSyncEnabled": lambda _, __: None,
    "securityEnabled": lambda _, __: True,
    "visibility": lambda _, __: None,
    "assignedLicenses": _licences,
    "licenseProcessingState": _processing,
    # A real property that the service never returns; filter only (graph.md §7.3).
    "hasMembersWithLicenseErrors": lambda _, __: None,
}


def _render(world: World, group: Group, names: tuple[str, ...]) -> dict[str, Any]:
    return {n: PROPERTIES[n](world, group) for n in names if n != "hasMembersWithLicenseErrors"}


def in_error(world: World, group: Group) -> list[str]:
    """Members on whom a licence of this group fails, as a reader sees them, sorted."""
    return sorted(
        known.id
        for known in world.objects()
        if known.id in group.members and (user := world.seen(known.id)) is not None and user.fails(group.id)
    )


def _wanted(request: GraphRequest, world: World) -> Callable[[str], bool]:
    """The filter of a listing as a predicate over ids; those on licences are answered by the index."""
    text = request.query.get("$filter")
    if text is None:
        return lambda group_id: True
    plain = "".join(text.split())
    if plain == "hasMembersWithLicenseErrorseqtrue":
        return lambda group_id: world.index.read(group_id).failing
    if plain == "assignedLicenses/$countne0":
        odata.advanced(request)
        return lambda group_id: bool(world.index.read(group_id).sku_ids)
    sku_id = odata.holds_sku(text)
    if sku_id is not None:
        return lambda group_id: sku_id in world.index.read(group_id).sku_ids
    pair = odata.equals(text)
    if pair is None or pair[0] not in ("id", "displayName"):
        raise unsupported("Unsupported or invalid query filter clause specified.")
    name, value = pair
    return lambda group_id: PROPERTIES[name](world, world.groups[group_id]) == value


def list_groups(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /groups`, with the licensing filters; `assignedLicenses/$count` is an advanced query."""
    names = odata.selected(request, PROPERTIES, DEFAULT, "group")
    keep = _wanted(request, world)
    body = odata.page(
        request, world, world.group_order, keep, lambda i: _render(world, world.groups[i], names)
    )
    return GraphAnswer(200, {"@odata.context": f"{request.base}/$metadata#groups", **body})


def get_group(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /groups/{id}`."""
    names = odata.selected(request, PROPERTIES, DEFAULT, "group")
    context = f"{request.base}/$metadata#groups/$entity"
    return GraphAnswer(200, {"@odata.context": context, **_render(world, _group(request, world), names)})


def list_members(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /groups/{id}/members`: direct ones, groups among them."""
    group = _group(request, world)
    return _members(request, world, group.members, group.nested)


def list_transitive(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /groups/{id}/transitiveMembers`: all below, groups among them."""
    found, nested = world.transitive_members(_group(request, world).id)
    return _members(request, world, found, nested)


def list_errors(request: GraphRequest, world: World) -> GraphAnswer:
    """`GET /groups/{id}/membersWithLicenseErrors`."""
    return _members(request, world, set(in_error(world, _group(request, world))), set())


def _members(
    request: GraphRequest, world: World, people: AbstractSet[str], nested: AbstractSet[str]
) -> GraphAnswer:
    """A page of directory objects; soft-deleted users stay members but are not shown (graph.md §6)."""
    cast = request.params.get("cast")
    if cast is not None:
        kind = cast.removeprefix("microsoft.").removeprefix("graph.")
        if cast == kind or kind not in ("user", "group"):
            raise bad_request(f"Resource not found for the segment '{cast}'.", "BadRequest")
        # Microsoft Graph, "Advanced query capabilities on directory objects": a cast of members is one.
        odata.advanced(request)
        people, nested = (people, set()) if kind == "user" else (set(), nested)
    known = users.PROPERTIES | PROPERTIES
    names = odata.selected(request, known, (), "directoryObject")
    hidden = MEMBER_ROLES.isdisjoint(request.caller.roles)

    shown = tuple(n for n in names or users.DEFAULT if n in users.PROPERTIES)

    def mark(kind: str) -> dict[str, str]:
        return {} if cast else {"@odata.type": f"#microsoft.graph.{kind}"}

    def render(object_id: str) -> dict[str, Any]:
        if object_id in world.groups:
            group = world.groups[object_id]
            rest = tuple(n for n in names or DEFAULT if n in PROPERTIES)
            return mark("group") | _render(world, group, rest)
        if hidden:
            # Without a permission on users only type and id are given, the rest is null (graph.md §10).
            return mark("user") | dict.fromkeys(shown) | {"id": object_id}
        return mark("user") | users.render_seen(world, object_id, shown)

    def there(object_id: str) -> bool:
        return object_id in world.groups or world.visible(object_id)

    pages: odata.Listing
    if isinstance(people, CrowdSet) and not hidden and users.stencilled(world, shown):
        # Groups are no users, so none of their ids has a number in the crowd.
        everybody = CrowdSet(people.crowd, people.flags, [*people.others, *nested])
        pages = users.listing(world, everybody, shown, mark("user"), there, render)
    else:
        pages = odata.SortedIds(sorted(people | nested), there, render)
    body = odata.page_of(request, world, pages)
    return GraphAnswer(200, {"@odata.context": f"{request.base}/$metadata#directoryObjects", **body})


def _group(request: GraphRequest, world: World) -> Group:
    group = world.groups.get(request.params["id"].lower())
    if group is None:
        raise not_found(request.params["id"])
    return group
