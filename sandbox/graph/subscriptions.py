"""`/subscriptions`: creation with its handshakes, renewal, listing (graph.md §1, §2)."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.graph import event_grid
from sandbox.graph.permissions import SUBSCRIPTION_ROLES
from sandbox.graph.records import Change
from sandbox.graph.wire import GraphAnswer, GraphFault, GraphRequest, bad_request, iso

if TYPE_CHECKING:
    from sandbox.graph.simulator import Simulator

LONGEST = timedelta(minutes=41_760)
SHORTEST = timedelta(minutes=45)
QUOTA = 100
_REQUIRED = ("changeType", "notificationUrl", "resource", "expirationDateTime")
_OPTIONAL = ("clientState", "lifecycleNotificationUrl", "latestSupportedTlsVersion")
_UPDATABLE = frozenset({"expirationDateTime", "notificationUrl"})
_TLS = ("v1_0", "v1_1", "v1_2", "v1_3")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(slots=True)
class Subscription:
    """One subscription of the application. `resource` is lower case and without slashes around it.

    `authorized`: False once its access token is expired or its permission revoked; nothing is delivered then.
    """

    id: str
    change_types: frozenset[str]
    resource: str
    given_change_type: str
    given_resource: str
    notification_url: str
    lifecycle_url: str | None
    client_state: str | None
    expires_at: datetime
    tls: str = "v1_2"
    authorized: bool = True
    told_at: datetime | None = None

    @property
    def role(self) -> str:
        """The role it needs as long as it lives."""
        return _role(self.resource)

    def hears(self, change: Change) -> bool:
        """Whether this change is told to it; one on groups hears of members too (graph.md §1.3)."""
        if change.type not in self.change_types:
            return False
        parts = self.resource.split("/")
        if parts[0] != f"{change.kind}s" or (len(parts) > 1 and parts[1] != change.id):
            return False
        return len(parts) < 3 or bool(change.added or change.removed)


class Subscriptions:
    """All live subscriptions; an expired one is gone (404), not merely silent (graph.md §1.1)."""

    def __init__(self) -> None:
        self._held: dict[str, Subscription] = {}

    def live(self, now: datetime) -> tuple[Subscription, ...]:
        """Those that have not expired."""
        for held in [held for held in self._held.values() if held.expires_at <= now]:
            del self._held[held.id]
        return tuple(self._held.values())

    def get(self, subscription_id: str, now: datetime) -> Subscription:
        """The subscription; 404 if it is gone."""
        found = next((held for held in self.live(now) if held.id == subscription_id), None)
        if found is None:
            raise GraphFault(404, "ResourceNotFound", "The object was not found.")
        return found

    def find(self, subscription_id: str) -> Subscription | None:
        """The subscription, expired or not; None if it is gone."""
        return self._held.get(subscription_id)

    def put(self, held: Subscription) -> None:
        """Take one in, whatever else there is."""
        self._held[held.id] = held

    def add(self, held: Subscription, now: datetime, *, by_spelling: bool) -> None:
        """Take one in; 409 if its changeType and resource exist, 403 beyond the quota (graph.md §1.1)."""
        self.refuse_twin(held, now, by_spelling=by_spelling)
        if len(self._held) >= QUOTA:
            text = f"You have reached the limit of {QUOTA} subscriptions for this application and tenant."
            raise GraphFault(403, "ExtensionError", text)
        self._held[held.id] = held

    def refuse_twin(self, held: Subscription, now: datetime, *, by_spelling: bool) -> None:
        """409 if another one has the same changeType and resource (`by_spelling`: as written)."""
        for other in self.live(now):
            same = (other.change_types, other.resource) == (held.change_types, held.resource)
            alike = (other.given_change_type, other.given_resource) == (
                held.given_change_type,
                held.given_resource,
            )
            if alike or (same and not by_spelling):
                text = f"Subscription Id {other.id} already exists for the requested combination"
                raise GraphFault(409, "Conflict", text)

    def remove(self, subscription_id: str) -> None:
        """Take one out."""
        self._held.pop(subscription_id, None)


def render(held: Subscription, app_id: str, base: str, *, reveal: bool) -> dict[str, Any]:
    """The resource; `clientState` only in the answer to its creation, null in LIST and GET."""
    return {
        "@odata.context": f"{base}/$metadata#subscriptions/$entity",
        "id": held.id,
        "resource": held.given_resource,
        "applicationId": app_id,
        "changeType": ",".join(sorted(held.change_types, reverse=True)),
        "clientState": held.client_state if reveal else None,
        "notificationUrl": held.notification_url,
        "notificationQueryOptions": None,
        "lifecycleNotificationUrl": held.lifecycle_url,
        "expirationDateTime": iso(held.expires_at),
        "creatorId": app_id,
        "includeResourceData": None,
        "latestSupportedTlsVersion": held.tls,
        "encryptionCertificate": None,
        "encryptionCertificateId": None,
        "notificationUrlAppId": None,
    }


async def create(request: GraphRequest, simulator: "Simulator") -> GraphAnswer:
    """`POST /subscriptions`: 201 after both URLs answered the handshake (graph.md §1.1, §2), or with the
    topic of Event Grid there (§5)."""
    body = _object(request)
    for name in _REQUIRED:
        if not isinstance(body.get(name), str) or not body[name]:
            raise bad_request(f"The request body misses the required property '{name}'.", "ValidationError")
    for name, value in body.items():
        # Rich notifications, query options and web push are not for users and groups (graph.md §1.2).
        if name not in _REQUIRED + _OPTIONAL and not name.startswith("@odata.") and value is not None:
            raise bad_request(f"The property '{name}' is not supported for this resource.", "ValidationError")
    resource = body["resource"].strip("/").lower()
    _permitted(resource, request.caller.roles)
    held = Subscription(
        id=str(uuid.uuid4()),
        change_types=_change_types(body["changeType"]),
        resource=resource,
        given_change_type=body["changeType"],
        given_resource=body["resource"],
        notification_url=_url(body["notificationUrl"], "notificationUrl"),
        lifecycle_url=_url(body["lifecycleNotificationUrl"], "lifecycleNotificationUrl")
        if body.get("lifecycleNotificationUrl")
        else None,
        client_state=_client_state(body),
        expires_at=_expiry(body["expirationDateTime"], request.now),
        tls=_tls(body),
    )
    by_spelling = simulator.world.rates.twins_by_spelling
    simulator.subscriptions.refuse_twin(held, request.now, by_spelling=by_spelling)
    await _reach(held.notification_url, held.lifecycle_url, simulator)
    simulator.subscriptions.add(held, request.now, by_spelling=by_spelling)
    if simulator.world.rates.notify_before_created:
        await simulator.tell_at_once(held)
    return GraphAnswer(201, render(held, request.caller.app_id, request.base, reveal=True))


async def update(request: GraphRequest, simulator: "Simulator") -> GraphAnswer:
    """`PATCH /subscriptions/{id}`: expiry and URL only; a new URL is validated; authorizes (§1.1)."""
    held = _held(request, simulator)
    body = _object(request)
    if not body or not set(body) <= _UPDATABLE:
        raise bad_request("Only expirationDateTime and notificationUrl can be updated.", "ValidationError")
    expires_at = held.expires_at
    if "expirationDateTime" in body:
        expires_at = _expiry(body["expirationDateTime"], request.now)
    if "notificationUrl" in body:
        url = _url(body["notificationUrl"], "notificationUrl")
        await _reach(url, held.lifecycle_url if event_grid.is_topic(url) else None, simulator)
        held.notification_url = url
    held.expires_at = expires_at
    simulator.authorize(held)
    return GraphAnswer(200, render(held, request.caller.app_id, request.base, reveal=False))


async def list_all(request: GraphRequest, simulator: "Simulator") -> GraphAnswer:
    """`GET /subscriptions`: those whose role the token has, without client states; 403 with neither role."""
    app_id = request.caller.app_id
    live = simulator.subscriptions.live(request.now)
    mine = [held for held in live if _role(held.resource) in request.caller.roles]
    rows = [render(held, app_id, request.base, reveal=False) for held in mine]
    for row in rows:
        del row["@odata.context"]
    return GraphAnswer(200, {"@odata.context": f"{request.base}/$metadata#subscriptions", "value": rows})


async def get(request: GraphRequest, simulator: "Simulator") -> GraphAnswer:
    """`GET /subscriptions/{id}`: without client state; 404 when gone."""
    held = _held(request, simulator)
    return GraphAnswer(200, render(held, request.caller.app_id, request.base, reveal=False))


async def delete(request: GraphRequest, simulator: "Simulator") -> GraphAnswer:
    """`DELETE /subscriptions/{id}`: 204. What is under way is still delivered."""
    held = _held(request, simulator)
    simulator.subscriptions.remove(held.id)
    return GraphAnswer(204)


async def reauthorize(request: GraphRequest, simulator: "Simulator") -> GraphAnswer:
    """`POST /subscriptions/{id}/reauthorize`: no body, and no later expiry (graph.md §1.1)."""
    simulator.authorize(_held(request, simulator))
    return GraphAnswer(204)


def _held(request: GraphRequest, simulator: "Simulator") -> Subscription:
    """The subscription of the path; 404 if it is gone, 403 without the role of its resource."""
    held = simulator.subscriptions.get(request.params["id"], request.now)
    _has_role(held.resource, request.caller.roles)
    return held


def _object(request: GraphRequest) -> Mapping[str, Any]:
    if not isinstance(request.body, dict):
        raise bad_request("Unable to read JSON request payload.", "BadRequest")
    return request.body


def _change_types(text: str) -> frozenset[str]:
    kinds = frozenset(kind.strip() for kind in text.split(","))
    if not kinds <= {"updated", "deleted"}:
        # Creation arrives as `updated`; asking for `created` is an error (graph.md §1.3).
        raise bad_request("Invalid 'changeType' attribute.", "ValidationError")
    return kinds


def _permitted(resource: str, roles: frozenset[str]) -> None:
    parts = resource.split("/")
    below = {"users": 2, "groups": 3}.get(parts[0], 0)
    if not below or len(parts) > below or (len(parts) == 3 and parts[2] not in ("members", "owners")):
        raise bad_request(f"Invalid resource '{resource}'.", "ValidationError")
    _has_role(resource, roles)


def _role(resource: str) -> str:
    return SUBSCRIPTION_ROLES[resource.partition("/")[0]]


def _has_role(resource: str, roles: frozenset[str]) -> None:
    if _role(resource) not in roles:
        raise GraphFault(403, "ExtensionError", "Operation failed; Exception: [Status Code: Forbidden]")


def _client_state(body: Mapping[str, Any]) -> str | None:
    state = body.get("clientState")
    if state is not None and (not isinstance(state, str) or len(state) > 128):
        raise bad_request("clientState must not exceed 128 characters.", "ValidationError")
    return state


def _tls(body: Mapping[str, Any]) -> str:
    tls = body.get("latestSupportedTlsVersion") or "v1_2"
    if tls not in _TLS:
        raise bad_request("Invalid 'latestSupportedTlsVersion'.", "ValidationError")
    return str(tls)


async def _reach(url: str, lifecycle_url: str | None, simulator: "Simulator") -> None:
    """See that both can be sent to.

    There is no handshake with a topic, and both must be the same one (§5).
    """
    if event_grid.is_topic(url) or event_grid.is_topic(lifecycle_url):
        parts = [event_grid.address(one) for one in (url, lifecycle_url or url) if event_grid.is_topic(one)]
        if len(parts) < 2 or parts[0] != parts[1]:
            text = "notificationUrl and lifecycleNotificationUrl must name the same partner topic."
            raise bad_request(text, "ValidationError")
        simulator.event_grid.ensure(url)
        return
    for one in (url, lifecycle_url):
        if one is not None:
            await simulator.outbound.handshake(one)


def _url(text: Any, name: str) -> str:
    if isinstance(text, str) and event_grid.is_topic(text):
        event_grid.address(text)
        return text
    parts = urlsplit(text) if isinstance(text, str) else None
    if parts is not None and parts.scheme == "https":
        return str(text)
    # The real service takes https only; on loopback the sandbox has no certificate.
    if parts is not None and parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return str(text)
    raise bad_request(f"'{name}' must be an https URL.", "ValidationError")


def _expiry(text: Any, now: datetime) -> datetime:
    """UTC with offset, at most 41,760 minutes ahead; raised to 45 minutes if nearer (graph.md §1.2)."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise bad_request("Invalid 'expirationDateTime'.", "ValidationError") from None
    if moment.tzinfo is None:
        raise bad_request("'expirationDateTime' must be UTC and say so.", "ValidationError")
    if moment <= now:
        raise bad_request("'expirationDateTime' must be in the future.", "ValidationError")
    if moment > now + LONGEST:
        minutes = int(LONGEST.total_seconds() // 60)
        raise bad_request(
            f"Subscription expiration can only be {minutes} minutes in the future.", "ValidationError"
        )
    return max(moment, now + SHORTEST)
