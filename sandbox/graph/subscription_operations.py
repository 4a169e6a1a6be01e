"""What the control API can do to subscriptions behind the application's back."""

import uuid
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from sandbox.graph.event_grid import PartnerTopic, Route
from sandbox.graph.operations import Operation
from sandbox.graph.simulator import Simulator
from sandbox.graph.subscriptions import Subscription
from sandbox.graph.world import Refused


class ExpireSubscription(Operation, tag="expire_subscription"):
    """Let a subscription expire so many seconds from now, whatever was asked for; nobody is told."""

    id: str
    seconds: float = 0.0

    def apply(self, simulator: Simulator) -> Any:
        held = _known(simulator, self.id)
        held.expires_at = simulator.world.now() + timedelta(seconds=self.seconds)
        return {}


class PauseSubscription(Operation, tag="pause_subscription"):
    """Let the access token of a subscription expire: delivery pauses until it is authorized again."""

    id: str

    def apply(self, simulator: Simulator) -> Any:
        simulator.unauthorize(_known(simulator, self.id))
        return {}


class AddSubscription(Operation, tag="add_subscription"):
    """Put in a subscription that somebody else made: a twin, or another deployment's; answers its id.

    There is no handshake and no check for an existing one.
    """

    notification_url: str
    resource: str = "users"
    change_type: str = "updated,deleted"
    lifecycle_url: str | None = None
    client_state: str | None = None
    minutes: float = 60.0

    def apply(self, simulator: Simulator) -> Any:
        held = Subscription(
            id=str(uuid.uuid4()),
            change_types=frozenset(kind.strip() for kind in self.change_type.split(",")),
            resource=self.resource.strip("/").lower(),
            given_change_type=self.change_type,
            given_resource=self.resource,
            notification_url=self.notification_url,
            lifecycle_url=self.lifecycle_url,
            client_state=self.client_state,
            expires_at=simulator.world.now() + timedelta(minutes=self.minutes),
        )
        simulator.subscriptions.put(held)
        return {"id": held.id}


class AuthorizePartner(Operation, tag="authorize_partner"):
    """Let Graph create partner topics in the resource group, or no longer; a topic that is there stays."""

    authorized: bool = True

    def apply(self, simulator: Simulator) -> Any:
        simulator.event_grid.authorized = self.authorized
        return {}


class ActivateTopic(Operation, tag="activate_topic"):
    """Activate a partner topic (`az eventgrid partner topic activate`), or deactivate it."""

    topic: str
    active: bool = True

    def apply(self, simulator: Simulator) -> Any:
        _topic(simulator, self.topic).active = self.active
        return {}


class RouteTopic(Operation, tag="route_topic"):
    """Have the events of a partner topic sent to an endpoint, at most `batch` in a call (`az eventgrid
    partner topic event-subscription create`). It answers the handshake first: see the state in get_state."""

    topic: str
    endpoint: str
    name: str = "watch"
    batch: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 1
    most_attempts: Annotated[int, msgspec.Meta(ge=1, le=30)] = 30

    def apply(self, simulator: Simulator) -> Any:
        route = Route(self.name, self.endpoint, self.batch, self.most_attempts)
        simulator.event_grid.route(_topic(simulator, self.topic), route)
        return {}


class DeleteTopic(Operation, tag="delete_topic"):
    """Delete a partner topic; subscriptions to it stay and send nowhere."""

    topic: str

    def apply(self, simulator: Simulator) -> Any:
        simulator.event_grid.remove(_topic(simulator, self.topic))
        return {}


def _topic(simulator: Simulator, name: str) -> PartnerTopic:
    found = simulator.event_grid.named(name)
    if found is None:
        raise Refused(f"no partner topic {name}")
    return found


def _known(simulator: Simulator, subscription_id: str) -> Subscription:
    held = simulator.subscriptions.find(subscription_id)
    if held is None:
        raise Refused(f"no subscription {subscription_id}")
    return held
