"""What the control API can do to the service, and what it can be asked; and the list of all operations."""

from typing import Any, Literal

import msgspec

from sandbox.graph import groups, users
from sandbox.graph.faults import Fault
from sandbox.graph.operations import (
    AddGroup,
    AddUser,
    DeleteGroup,
    DeleteUser,
    DropSku,
    ForceError,
    Members,
    Operation,
    ReprocessGroup,
    RestoreUser,
    SelfServiceReset,
    SetGroupLicences,
    SetLicences,
    SetScope,
    SetSku,
    SetTenant,
    TakeLicence,
    UpdateUser,
)
from sandbox.graph.rates import Rates
from sandbox.graph.records import User
from sandbox.graph.simulator import Simulator
from sandbox.graph.subscription_operations import (
    ActivateTopic,
    AddSubscription,
    AuthorizePartner,
    DeleteTopic,
    ExpireSubscription,
    PauseSubscription,
    RouteTopic,
)

_SHOWN = tuple(users.PROPERTIES)


class RefreshReport(Operation, tag="refresh_report"):
    """Make the registration report anew."""

    def apply(self, simulator: Simulator) -> Any:
        simulator.world.report.refresh()
        return {"rows": len(simulator.world.report.rows)}


class SetRates(Operation, tag="set_rates"):
    """Change the given knobs (`rates.Rates` explains them), the others stay; answers all of them."""

    rates: dict[str, Any] = msgspec.field(default_factory=dict)

    def apply(self, simulator: Simulator) -> Any:
        merged = msgspec.to_builtins(simulator.world.rates) | self.rates
        simulator.world.rates = msgspec.convert(merged, Rates)
        return msgspec.to_builtins(simulator.world.rates)


class PutFault(Operation, tag="put_fault"):
    """Have the next matching calls fail (`faults.Fault` explains the fields)."""

    fault: Fault

    def apply(self, simulator: Simulator) -> Any:
        simulator.faults.put(self.fault)
        return {}


class ClearFaults(Operation, tag="clear_faults"):
    """Forget the faults that wait."""

    def apply(self, simulator: Simulator) -> Any:
        simulator.faults.clear()
        return {}


class Announce(Operation, tag="announce"):
    """Send a lifecycle notification to one or all subscriptions; answers how many."""

    event: Literal["reauthorizationRequired", "subscriptionRemoved", "missed"] = "reauthorizationRequired"
    subscription: str | None = None

    def apply(self, simulator: Simulator) -> Any:
        return {"told": simulator.announce(self.event, self.subscription)}


class DropSubscription(Operation, tag="drop_subscription"):
    """Let a subscription end as if it had expired: nobody is told."""

    id: str

    def apply(self, simulator: Simulator) -> Any:
        simulator.subscriptions.remove(self.id)
        return {}


class ForgetDelta(Operation, tag="forget_delta"):
    """Refuse every delta link given so far: with 410 and a new start (`reset`), or as too old (`expired`)."""

    kind: Literal["users", "groups"] = "users"
    how: Literal["reset", "expired"] = "reset"

    def apply(self, simulator: Simulator) -> Any:
        world = simulator.world
        (world.user_journal if self.kind == "users" else world.group_journal).forget(self.how)
        return {}


class GetUser(Operation, tag="get_user"):
    """A user with every property, deleted or not, and how the direct and inherited sources stand."""

    id: str

    def apply(self, simulator: Simulator) -> Any:
        user = simulator.world.user(self.id)
        rest = {"deleted": user.deleted_at is not None, "groups": sorted(user.groups)}
        return users.render(simulator.world, user, _SHOWN) | rest


class GetGroup(Operation, tag="get_group"):
    """A group with members, licences, processing state and the members in error."""

    id: str

    def apply(self, simulator: Simulator) -> Any:
        world = simulator.world
        group = world.group(self.id)
        return {
            "id": group.id,
            "displayName": group.display_name,
            "members": sorted(group.members),
            "nested": sorted(group.nested),
            "licences": {sku_id: sorted(off) for sku_id, off in group.licences.items()},
            "state": world.licensing.state_of(group),
            "errors": groups.in_error(world, group),
        }


class FindUsers(Operation, tag="find_users"):
    """Ids of enabled users that answer to everything asked, at most `limit`, in order of id."""

    synced: bool | None = None
    holds: tuple[str, ...] = ()
    only: bool = False
    limit: int = 20

    def apply(self, simulator: Simulator) -> Any:
        world = simulator.world

        def fits(user: User) -> bool:
            held = set(world.assigned(user))
            right = held == set(self.holds) if self.only else held.issuperset(self.holds)
            return user.account_enabled and right and self.synced in (None, user.synced is True)

        found = [
            i for i in world.user_order if world.visible(i) and (u := world.peek(i)) is not None and fits(u)
        ]
        return {"ids": found[: self.limit], "count": len(found)}


class GetState(Operation, tag="get_state"):
    """The tenant at a glance: cast, seats, subscriptions, topics of Event Grid, deliveries, calls."""

    def apply(self, simulator: Simulator) -> Any:
        world = simulator.world
        seats = {
            sku.part_number: {
                "skuId": sku.sku_id,
                "usable": sku.usable,
                "consumed": world.consumed(sku.sku_id),
                "status": sku.status,
            }
            for sku in world.skus.values()
        }
        held = [
            {
                "id": s.id,
                "resource": s.given_resource,
                "changeType": s.given_change_type,
                "authorized": s.authorized,
                "clientState": s.client_state,
                "notificationUrl": s.notification_url,
                "lifecycleNotificationUrl": s.lifecycle_url,
                "expiresAt": s.expires_at.isoformat(),
            }
            for s in simulator.subscriptions.live(world.now())
        ]
        return {
            "tenant": world.organization.id,
            "client": world.app_id,
            "users": len(world.users),
            "groups": len(world.groups),
            "cast": world.cast,
            "skus": seats,
            "subscriptions": held,
            "topics": [
                {
                    "name": topic.name,
                    "resourceGroup": topic.group,
                    "location": topic.location,
                    "active": topic.active,
                    "routes": {
                        one.name: {"endpoint": one.endpoint, "state": one.state, "dead": len(one.dead)}
                        for one in topic.routes.values()
                    },
                }
                for topic in simulator.event_grid.topics.values()
            ],
            "deliveries": msgspec.to_builtins(simulator.planner.tally),
            "endpoints": simulator.outbound.endpoints.modes,
            "pending": {"deliveries": simulator.outbound.pending, "jobs": world.licensing.pending},
            "faults": simulator.faults.waiting,
            "requests": dict(simulator.requests),
            "items": dict(simulator.items),
            "statuses": dict(simulator.statuses),
        }


class ResetCounters(Operation, tag="reset_counters"):
    """Count calls from zero."""

    def apply(self, simulator: Simulator) -> Any:
        for counter in (simulator.requests, simulator.items, simulator.statuses):
            counter.clear()
        return {}


AnyOperation = (
    AddUser
    | UpdateUser
    | DeleteUser
    | RestoreUser
    | SetLicences
    | TakeLicence
    | AddGroup
    | Members
    | SetGroupLicences
    | ReprocessGroup
    | ForceError
    | SetSku
    | DropSku
    | SetScope
    | SetTenant
    | SelfServiceReset
    | RefreshReport
    | SetRates
    | PutFault
    | ClearFaults
    | Announce
    | DropSubscription
    | AddSubscription
    | ExpireSubscription
    | PauseSubscription
    | AuthorizePartner
    | ActivateTopic
    | RouteTopic
    | DeleteTopic
    | ForgetDelta
    | DeleteGroup
    | GetUser
    | GetGroup
    | FindUsers
    | GetState
    | ResetCounters
)
"""Every operation, told apart by its field `do`."""
