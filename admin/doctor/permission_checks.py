"""The app's permissions on Graph: what is missing and what is lost by it, and what is more than it needs."""

from collections.abc import Sequence

from admin.doctor.lights import Said
from admin.doctor.room import Room
from shared.graph.audits import ALSO_NEEDS
from shared.graph.errors import Forbidden
from shared.graph.permissions import table
from shared.graph.principals import Granted, granted
from shared.rules.policy import Policy
from shared.settings import Settings

TABLE = table()
USERS, GROUPS = (TABLE.of_subscriptions()[name] for name in ("users", "groups"))
ORGANIZATION, REPORT, POLICY = (
    TABLE.of_evidence()[name][0] for name in ("organization", "registration", "admin-policy")
)
MEMBERS, PRODUCTS = TABLE.lesser[GROUPS], TABLE.lesser[ORGANIZATION]
DIRECTORY = ALSO_NEEDS
PACKS = ("report", "policy", "doctor")
"""What any watch can make use of, beside what it can't do without; `audit` only by its settings."""


async def permissions(room: Room) -> Sequence[Said]:
    """Each missing one with what is lost; by the app's token, or by what Graph says is granted."""
    assigned, known = await _granted(room)
    if room.asked.as_me and not known:
        return [Said("unseen")]
    if room.asked.as_me and assigned is None:
        return [Said("no-app", {"app": room.settings.graph.client_id})]
    listed = frozenset(one.permission for one in assigned.grants) if assigned else frozenset[str]()
    if not room.asked.as_me and not room.claims.app_id:
        return [Said("unseen")]
    roles = listed if room.asked.as_me else frozenset(room.claims.roles)
    said = list(missing(roles, room.settings))
    if not room.asked.as_me:
        said += [Said("not-yet", {"permission": one}) for one in sorted(listed - roles)]
    return said or [Said("ok", {"n": len(roles & needed(room.settings))})]


async def too_broad(room: Room) -> Sequence[Said]:
    """Each permission that the watch has no use for, with the command that takes it away."""
    assigned, known = await _granted(room)
    if (not known and not room.claims.app_id) or (room.asked.as_me and (not known or assigned is None)):
        return [Said("unseen")]
    listed = {one.permission for one in assigned.grants} if assigned else set()
    roles = sorted(listed | set(() if room.asked.as_me else room.claims.roles))
    return [
        _removed(permission, assigned, room)
        for permission in roles
        if permission not in needed(room.settings)
    ] or [Said("ok")]


def needed(settings: Settings) -> frozenset[str]:
    """What this watch can make use of, by its settings."""
    packs = (*PACKS, "audit") if settings.policy.population == "used" else PACKS
    return frozenset((*TABLE.granted_by(packs), *TABLE.lesser.values()))


def missing(roles: frozenset[str], settings: Settings) -> Sequence[Said]:
    """What these permissions leave out of what the settings ask for. Pure."""
    policy = settings.policy
    said = []
    if USERS not in roles:
        said.append(Said("users", {"permission": USERS}))
    if ORGANIZATION not in roles:
        # A higher one does as well here, so only what is really lost is said.
        code = "" if DIRECTORY in roles else "ends" if PRODUCTS in roles else "organization"
        said += [Said(code, {"permission": ORGANIZATION})] if code else []
    if GROUPS not in roles:
        covered = bool(roles & {MEMBERS, DIRECTORY})
        said.append(Said("groups-by-delta" if covered else "groups", {"permission": GROUPS}))
    if REPORT not in roles:
        said.append(Said(_without_report(policy), {"permission": REPORT}))
    if policy.population == "used" and DIRECTORY not in roles:
        said.append(Said("audit-log", {"permission": DIRECTORY}))
    if POLICY not in roles:
        said.append(Said("policy", {"permission": POLICY}))
    return said


def _without_report(policy: Policy) -> str:
    if policy.scope == "report" or policy.population != "enabled":
        return "registration-needed"
    # Where the settings say who is in reach, the report only tells who is an administrator besides.
    return "registration" if policy.scope == "auto" else "administrators"


async def _granted(room: Room) -> tuple[Granted | None, bool]:
    """What is granted, and whether it could be read: few apps may read that of themselves."""
    app = room.settings.graph.client_id or ("" if room.asked.as_me else room.claims.app_id)
    if not app:
        return None, False
    try:
        return await granted(room.graph, app), True
    except Forbidden:
        return None, False


def _removed(permission: str, assigned: Granted | None, room: Room) -> Said:
    """The finding, with the command for this very grant, or to find it where it can't be read."""
    writes = "ReadWrite" in permission or not permission.endswith((".Read.All", ".Read", ".ReadBasic.All"))
    code = "writes" if writes else "unneeded"
    base = room.settings.graph.base_url
    grants = assigned.grants if assigned else ()
    one = next((grant for grant in grants if grant.permission == permission), None)
    if assigned and one:
        url = f"{base}/servicePrincipals/{assigned.principal_id}/appRoleAssignments/{one.id}"
        command = f'az rest --method DELETE --url "{url}"'
        return Said(code, {"permission": permission, "command": command})
    app = room.settings.graph.client_id or room.claims.app_id
    url = f"{base}/servicePrincipals(appId='{app}')/appRoleAssignments"
    command = f'az rest --method GET --url "{url}"'
    return Said(code, {"permission": permission, "command": command}, remedy="find")
