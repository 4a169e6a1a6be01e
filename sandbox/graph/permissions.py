"""Which application roles each call accepts (graph.md §10), and what it costs (graph.md §9): tables, no code.

Every route has a row in both senses: a route without roles is never available app-only.
"""

from dataclasses import dataclass

_USERS = ("User.Read.All", "Directory.Read.All")
_GROUPS = ("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All")
_ANY: tuple[str, ...] = ("*",)
_PRINCIPALS = ("Application.Read.All", "Directory.Read.All")
_SUBSCRIBING = ("User.Read.All", "Group.Read.All")


@dataclass(frozen=True, slots=True)
class Call:
    """One call: method and path, accepted roles (`*`: any; none: app-only not supported), resource units.

    `also` is a role needed besides, unless the rate `audits_need_directory_role` is off.
    """

    method: str
    path: str
    roles: tuple[str, ...]
    bucket: str = "identity"
    units: int = 1
    also: str = ""

    @property
    def key(self) -> str:
        """`GET /users/{id}`: the name of the call in counters and route table."""
        return f"{self.method} {self.path}"


CALLS = (
    Call("GET", "/users", _USERS, units=2),
    Call("GET", "/users/$count", _USERS),
    Call("GET", "/users/delta", _USERS),
    Call("GET", "/users/{id}", _USERS),
    Call("GET", "/users/{id}/licenseDetails", (), units=2),
    Call("GET", "/groups", _GROUPS),
    Call("GET", "/groups/delta", _GROUPS),
    Call("GET", "/groups/{id}", _GROUPS),
    Call("GET", "/groups/{id}/members", _GROUPS, units=3),
    Call("GET", "/groups/{id}/members/{cast}", _GROUPS, units=3),
    Call("GET", "/groups/{id}/transitiveMembers", _GROUPS, units=5),
    Call("GET", "/groups/{id}/transitiveMembers/{cast}", _GROUPS, units=5),
    Call("GET", "/groups/{id}/membersWithLicenseErrors", _GROUPS),
    Call(
        "GET",
        "/subscribedSkus",
        ("LicenseAssignment.Read.All", "Organization.Read.All", "Directory.Read.All"),
        units=3,
    ),
    Call("GET", "/directory/subscriptions", ("Organization.Read.All", "Directory.Read.All")),
    Call("GET", "/directory/onPremisesSynchronization", ()),
    Call("GET", "/organization", ("Organization.Read.All", "Directory.Read.All")),
    Call(
        "GET",
        "/reports/authenticationMethods/userRegistrationDetails",
        ("AuditLog.Read.All",),
        bucket="reports",
    ),
    Call(
        "GET",
        "/reports/authenticationMethods/userRegistrationDetails/{id}",
        ("AuditLog.Read.All",),
        bucket="reports",
    ),
    Call(
        "GET",
        "/auditLogs/directoryAudits",
        ("AuditLog.Read.All",),
        bucket="reports",
        also="Directory.Read.All",
    ),
    Call("GET", "/policies/authorizationPolicy", ("Policy.Read.All",)),
    Call("GET", "/servicePrincipals(appId='{app}')", _PRINCIPALS),
    Call("GET", "/servicePrincipals/{id}/appRoleAssignments", _PRINCIPALS),
    Call("GET", "/subscriptions", _SUBSCRIBING, bucket="list-subscriptions"),
    Call("POST", "/subscriptions", _ANY, bucket="write-subscriptions"),
    Call("GET", "/subscriptions/{id}", _SUBSCRIBING, bucket="get-subscription"),
    Call("PATCH", "/subscriptions/{id}", _SUBSCRIBING, bucket="write-subscriptions"),
    Call("DELETE", "/subscriptions/{id}", _SUBSCRIBING, bucket="write-subscriptions"),
    Call("POST", "/subscriptions/{id}/reauthorize", _SUBSCRIBING, bucket="reauthorize"),
)
"""All calls that the simulator answers."""

PERMISSIONS = frozenset(role for call in CALLS for role in (*call.roles, call.also) if role not in ("", "*"))
"""Every application role that some call asks for."""

SUBSCRIPTION_ROLES = {"users": "User.Read.All", "groups": "Group.Read.All"}
"""The role for a subscription by the kind of resource: to create it, and for whatever is done with it later.

Nothing higher, nothing lower serves (graph.md §1.3).
"""

MEMBER_ROLES = frozenset(_USERS)
"""Without one of these a group's members are shown by type and id alone (graph.md §10)."""

BUCKETS = {
    "identity": (8000.0, 10.0),
    "reports": (5.0, 10.0),
    "list-subscriptions": (25.0, 20.0),
    "get-subscription": (500.0, 20.0),
    "write-subscriptions": (500.0, 20.0),
    "reauthorize": (1000.0, 20.0),
}
"""Units and seconds of each throttling bucket, per application and tenant (graph.md §9)."""

IDENTITY_SIZES = ((49, 3500.0), (500, 5000.0))
"""The identity bucket of tenants of up to so many users; larger ones have the figure in `BUCKETS`."""


def match(method: str, path: str) -> tuple[Call, dict[str, str]] | None:
    """The call of this method and decoded path, with its variable segments; literal segments win."""
    segments = path.strip("/").split("/")
    best: tuple[int, Call, dict[str, str]] | None = None
    for call in CALLS:
        if call.method != method:
            continue
        params = _params(call.path.strip("/").split("/"), segments)
        if params is not None and (best is None or len(params) < best[0]):
            best = (len(params), call, params)
    return None if best is None else (best[1], best[2])


def known(path: str) -> bool:
    """Whether any method answers at this path."""
    segments = path.strip("/").split("/")
    return any(_params(call.path.strip("/").split("/"), segments) is not None for call in CALLS)


def _params(pattern: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    params = {}
    for expected, given in zip(pattern, segments, strict=True):
        before, brace, rest = expected.partition("{")
        name, _, after = rest.partition("}")
        if brace and given.lower().startswith(before.lower()) and given.endswith(after):
            params[name] = given[len(before) : len(given) - len(after)]
        elif expected.lower() != given.lower():
            return None
    return params
