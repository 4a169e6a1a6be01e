"""A history from a seed: what happens to a tenant, step by step, drawn from how the tenant stands by then.

The draws depend on the seed and the simulated tenant only, never on the watch: the same seed gives the same
history. `KINDS` lists everything that can happen; `forced.py` adds at the end what a history has lacked.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.graph import operations as ops
from sandbox.graph import service_operations as service
from sandbox.graph.faults import Fault
from sandbox.graph.state import DEFAULT_ROLES
from tests.oracle import policies
from tests.oracle.author import Author, Operations, Step
from tests.oracle.tenants import ENTRA_P1

OPTIONAL_ROLES = ("AuditLog.Read.All", "Group.Read.All", "Organization.Read.All", "Policy.Read.All")
"""Roles that an administrator takes away and gives back; without User.Read.All there is no watch."""

FAULTS = (
    Fault(path="*", status=429, code="TooManyRequests", retry_after="1.517"),
    Fault(path="*", status=429, code="TooManyRequests", retry_after="1.517", count=6),
    Fault(path="/$batch", status=429, code="TooManyRequests", retry_after="90"),
    Fault(path="/users/*", where="item", status=429, code="TooManyRequests", retry_after="7", count=3),
    Fault(path="/users/*", where="item", status=503, count=3),
    Fault(path="*", status=503),
    Fault(path="*", status=503, count=8),
    Fault(path="*", status=504, code="UnknownError", count=3),
    Fault(path="*", kind="reset"),
    Fault(path="*", kind="reset", count=7),
    Fault(path="*", kind="truncate", count=2),
    Fault(path="*", kind="html", status=502, count=2),
    Fault(path="/groups*", status=503, count=6),
    Fault(path="/subscribedSkus", status=500, count=6),
    Fault(path="/reports/*", status=503, count=6),
    Fault(path="/users", status=410, code="Directory_ExpiredPageToken"),
    Fault(path="/users/delta", status=410, code="resyncRequired"),
    Fault(path="/users/delta", status=410, code="syncStateNotFound"),
    Fault(path="/users/delta", status=503, count=6),
)
HANG = Fault(path="*", kind="hang", seconds=5.0)
"""Longer than a worker of a history waits for an answer."""


# --- users -------------------------------------------------------------------------------------------------


def _assign(author: Author) -> Operations:
    return (ops.SetLicences(id=author.anybody().id, add={author.sku(): ()}),)


def _unassign(author: Author) -> Operations:
    user = author.anybody()
    if not user.direct:
        return ()
    return (ops.SetLicences(id=user.id, remove=(author.rng.choice(sorted(user.direct)),)),)


def _swap(author: Author) -> Operations:
    user = author.anybody()
    added = author.sku()
    if not user.direct or added in user.direct:
        return ()
    return (ops.SetLicences(id=user.id, add={added: ()}, remove=tuple(sorted(user.direct))),)


def _plan(author: Author) -> Operations:
    """Switch P1 off, or all plans on again, in a SKU held directly."""
    user = author.anybody()
    if not user.direct:
        return ()
    sku_id = author.rng.choice(sorted(user.direct))
    off = () if user.direct[sku_id].disabled else (ENTRA_P1,)
    return (ops.SetLicences(id=user.id, add={sku_id: off}),)


def _new(author: Author) -> Operations:
    rng = author.rng
    guest = rng.random() < 0.15
    return (
        ops.AddUser(
            display_name=f"New {rng.randrange(10**6)}",
            account_enabled=rng.random() < 0.9,
            user_type="Guest" if guest else "Member",
            creation_type="Invitation" if guest and rng.random() < 0.6 else None,
            usage_location=rng.choice(("NL", None)),
            synced=rng.choice((True, None, False)),
            is_admin=rng.random() < 0.1,
            methods=rng.choice(((), ("email",))),
        ),
    )


def _update(author: Author, **fields: Any) -> Operations:
    return (ops.UpdateUser(id=author.anybody().id, **fields),)


def _enable(author: Author) -> Operations:
    """Someone of the disabled, if any; so that accounts come back."""
    off = [user.id for user in author.present() if not user.account_enabled]
    return (ops.UpdateUser(id=author.rng.choice(off), account_enabled=True),) if off else ()


def _delete(author: Author) -> Operations:
    return (ops.DeleteUser(id=author.anybody().id),)


def _purge(author: Author) -> Operations:
    gone = author.deleted()
    user_id = author.rng.choice(gone) if gone and author.rng.random() < 0.5 else author.anybody().id
    return (ops.DeleteUser(id=user_id, permanently=True),)


def _restore(author: Author) -> Operations:
    gone = author.deleted()
    return (ops.RestoreUser(id=author.rng.choice(gone)),) if gone else ()


def _reset(author: Author) -> Operations:
    """Somebody uses what all this is about; or does what does not count as that."""
    activities = (
        "Reset password (self-service)",
        "Reset password (self-service)",
        "Unlock user account (self-service)",
        "Change password (self-service)",
    )
    return (
        ops.SelfServiceReset(
            user=author.anybody().id,
            activity=author.rng.choice(activities),  # type: ignore[arg-type]  # of its literal
            result=author.rng.choice(("success", "success", "failure")),
        ),
    )


# --- groups ------------------------------------------------------------------------------------------------


def _join(author: Author) -> Operations:
    return (ops.Members(group=author.licensing_group(), add=(author.anybody().id,)),)


def _leave(author: Author) -> Operations:
    group = author.licensing_group()
    members = sorted(author.tenant.world.groups[group].members)
    return (ops.Members(group=group, remove=(author.rng.choice(members),)),) if members else ()


def _group_licences(author: Author) -> Operations:
    licences: dict[str, tuple[str, ...]] = {author.sku(): () for _ in range(author.rng.choice((0, 1, 1, 2)))}
    return (ops.SetGroupLicences(group=author.licensing_group(), licences=licences),)


def _new_group(author: Author) -> Operations:
    members = tuple({author.anybody().id for _ in range(author.rng.randint(1, 3))})
    return (ops.AddGroup(display_name="Made later", members=members, licences={author.sku(): ()}),)


def _nest(author: Author) -> Operations:
    outer, inner = author.licensing_group(), author.licensing_group()
    nested = author.tenant.world.groups[outer].nested
    if outer == inner:
        return ()
    if inner in nested:
        return (ops.Members(group=outer, remove=(inner,)),)
    return (ops.Members(group=outer, add=(inner,)),)


def _fail(author: Author) -> Operations:
    """A member's licences fail for another reason than before, or no longer do."""
    group = author.licensing_group()
    users, members = author.tenant.world.users, sorted(author.tenant.world.groups[group].members)
    failing = [one for one in members if users[one].fails(group)]
    if failing and author.rng.random() < 0.7:
        members = failing
    if not members:
        return ()
    codes = ("MutuallyExclusiveViolation", "DependencyViolation", "UniquenessViolation", "Other", "", "")
    forced = ops.ForceError(group=group, user=author.rng.choice(members), code=author.rng.choice(codes))
    return (forced, ops.ReprocessGroup(group=group))


def _join_in_vain(author: Author) -> Operations:
    """Someone enters a licensing group whose licences fail on them: no user changes but for the error."""
    group, user_id = author.licensing_group(), author.anybody().id
    if user_id in author.tenant.world.groups[group].members:
        return ()
    code = author.rng.choice(("MutuallyExclusiveViolation", "UniquenessViolation", "Other"))
    forced = ops.ForceError(group=group, user=user_id, code=code)
    return (forced, ops.Members(group=group, add=(user_id,)))


def _reprocess(author: Author) -> Operations:
    return (ops.ReprocessGroup(group=author.licensing_group()),)


def _membership(author: Author) -> Operations:
    """Someone enters or leaves the scope group or the emergency group, perhaps by a nested group."""
    name = author.rng.choice(("scope", "scope", "scope", "emergency"))
    groups = author.tenant.world.groups
    group = groups[author.tenant.groups[name]]
    if group.nested and author.rng.random() < 0.5:
        group = groups[author.rng.choice(sorted(group.nested))]
    user_id = author.anybody().id
    return (ops.Members(group=group.id, **{"remove" if user_id in group.members else "add": (user_id,)}),)


# --- the tenant --------------------------------------------------------------------------------------------


def _seats(author: Author) -> Operations:
    sku_id = author.sku()
    taken = author.tenant.world.consumed(sku_id)
    return (ops.SetSku(sku=sku_id, enabled=max(1, taken + author.rng.choice((-3, -1, 0, 0, 5, 40)))),)


def _sku_state(author: Author) -> Operations:
    """A whole SKU lapses or comes back; the cast's soon comes back, or no verdict but one is left."""
    sku_id = author.sku()
    lapsed = author.tenant.world.skus[sku_id].status != "Enabled"
    states = ("Enabled",) if lapsed else ("Warning", "Suspended", "LockedOut", "Deleted")
    return (ops.SetSku(sku=sku_id, status=author.rng.choice(states)),)  # type: ignore[arg-type]  # of its literal


def _partial_lapse(author: Author) -> Operations:
    """Some of a SKU's seats lapse while others stay."""
    sku_id = author.sku()
    sku = author.tenant.world.skus[sku_id]
    total = sku.enabled + sku.warning + sku.suspended + sku.locked_out
    part = author.rng.randint(0, total)
    if author.rng.random() < 0.5:
        return (ops.SetSku(sku=sku_id, enabled=total - part, warning=part),)
    return (ops.SetSku(sku=sku_id, enabled=total - part, suspended=part),)


def _trial(author: Author) -> Operations:
    ends = author.tenant.world.now() + timedelta(days=author.rng.choice((5, 12, 60, 300)))
    return (ops.SetSku(sku=author.sku(), trial=author.rng.random() < 0.6, ends_at=ends),)


def _drop_sku(author: Author) -> Operations:
    own = [one for one in author.tenant.bought if one in author.tenant.world.skus]
    return (ops.DropSku(sku=author.rng.choice(own)),) if own else ()


def _scope(author: Author) -> Operations:
    scope = author.rng.choice(
        ("all", "all", "none", author.tenant.groups["scope"], author.tenant.groups["scope"])
    )
    return (ops.SetScope(scope=scope), *_report(author))


def _report(author: Author) -> Operations:
    return (service.RefreshReport(),)


def _switch(author: Author) -> Operations:
    return (ops.SetTenant(admins_may_reset=not author.tenant.world.admins_may_reset),)


def _roles(author: Author) -> Operations:
    """A permission is taken away, or all are given back."""
    held = author.tenant.world.roles
    kept = held - {author.rng.choice(OPTIONAL_ROLES)} if held == DEFAULT_ROLES else DEFAULT_ROLES
    return (ops.SetTenant(roles=tuple(sorted(kept))),)


def _token(author: Author) -> Operations:
    """Graph forgets every delta link."""
    how = author.rng.choice(("reset", "expired"))
    kind = author.rng.choice(("users", "users", "groups"))
    return (service.ForgetDelta(kind=kind, how=how),)  # type: ignore[arg-type]  # of its literals


def _subscription(author: Author) -> Operations:
    """A subscription ends behind the watch's back, or Graph says something of it."""
    held = author.tenant.live()
    if held and author.rng.random() < 0.6:
        return (service.DropSubscription(id=author.rng.choice(held).id),)
    event = author.rng.choice(("reauthorizationRequired", "subscriptionRemoved", "missed"))
    return (service.Announce(event=event),)  # type: ignore[arg-type]  # of its literal


def _setting(author: Author) -> policies.Settings:
    """Other settings; or those of before again, as when somebody thinks better of it."""
    former, author.former = author.former, author.settings
    if former is not None and former != author.settings and author.rng.random() < 0.5:
        return former
    return policies.other(author.rng, author.settings, author.tenant.groups)


def _fault(author: Author) -> Operations:
    if author.rng.random() < 0.03:
        return (service.PutFault(fault=_copy(HANG)),)
    chosen = author.rng.sample(FAULTS, author.rng.randint(1, 2))
    return tuple(service.PutFault(fault=_copy(one)) for one in chosen)


def _copy(fault: Fault) -> Fault:
    return Fault(**{name: getattr(fault, name) for name in Fault.__struct_fields__})


def _nothing(_: Author) -> Operations:
    return (service.ResetCounters(),)


KINDS: dict[str, tuple[float, Callable[[Author], Operations | policies.Settings]]] = {
    "assign": (8, _assign),
    "unassign": (8, _unassign),
    "swap": (3, _swap),
    "plan": (4, _plan),
    "new": (4, _new),
    "rename": (2, lambda a: _update(a, display_name=f"Renamed {a.rng.randrange(10**6)}")),
    "disable": (3, lambda a: _update(a, account_enabled=False)),
    "enable": (3, _enable),
    "synced": (3, lambda a: _update(a, synced=a.rng.choice((True, None, False)))),
    "location": (2, lambda a: _update(a, usage_location=a.rng.choice(("NL", None, "IR")))),
    "admin": (2, lambda a: _update(a, is_admin=a.rng.random() < 0.6)),
    "methods": (2, lambda a: _update(a, methods=a.rng.choice(((), ("email", "mobilePhone"))))),
    "reset": (2, _reset),
    "delete": (4, _delete),
    "purge": (1.5, _purge),
    "restore": (4, _restore),
    "join": (4, _join),
    "leave": (4, _leave),
    "group-licences": (2, _group_licences),
    "new-group": (1.5, _new_group),
    "nest": (1.5, _nest),
    "fail": (4, _fail),
    "join-in-vain": (4, _join_in_vain),
    "reprocess": (2, _reprocess),
    "membership": (4, _membership),
    "seats": (4, _seats),
    "sku-state": (3, _sku_state),
    "partial-lapse": (2, _partial_lapse),
    "trial": (2, _trial),
    "drop-sku": (0.7, _drop_sku),
    "scope": (1.5, _scope),
    "report": (3, _report),
    "switch": (1, _switch),
    "roles": (2, _roles),
    "token": (1.5, _token),
    "subscription": (1.5, _subscription),
    "setting": (4, _setting),
    "fault": (10, _fault),
    "timers": (6, _nothing),
    "wait": (2, _nothing),
}
"""What can happen: how often, and how it is drawn. An empty draw: not possible now."""


def next_step(author: Author) -> Step:
    """The next step; one that is impossible now is drawn anew."""
    names, weights = zip(*((name, weight) for name, (weight, _) in KINDS.items()), strict=True)
    while True:
        kind = author.rng.choices(names, weights)[0]
        made = KINDS[kind][1](author)
        if made:
            break
    settings = None
    if isinstance(made, dict):
        settings, made = made, ()
        author.settings = settings
    timers = kind in ("timers", "setting") or author.rng.random() < 0.12
    return Step(kind, made, settings, author.pause(kind), timers)
