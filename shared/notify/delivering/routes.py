"""The ways to people: Teams Workflows ("When a Teams webhook request is received") and signed webhooks.

What a message becomes and how it is handed over depends on the route's type, and on nothing else of it.
"""

from datetime import datetime
from typing import Any, Protocol

import msgspec

from shared.notify.deciding.routing import WEBHOOK, RouteRule
from shared.notify.delivering.posting import TOTAL_SECONDS, Delivered, Failed, Post
from shared.notify.delivering.webhook import ID_HEADER, WebhookRoute
from shared.notify.messages import Message
from shared.notify.saying import cards, events
from shared.notify.saying.cards import Backdrop
from shared.notify.saying.wording import Wording
from shared.settings.routes import RouteSettings

__all__ = [
    "Delivered",
    "Failed",
    "Route",
    "WebhookRoute",
    "WorkflowsRoute",
    "named_in",
    "payload_of",
    "route_of",
]

ACCEPTED = (200, 202)
"""Workflows answers 202 before it posts, so "delivered" means handed over, not seen."""


class Route(Protocol):
    """Where messages are handed over."""

    async def post(self, message_id: str, payload: dict[str, Any], now: datetime) -> Delivered | Failed:
        """Hand one message over; `message_id` is that of `events.event_id`, `now` the time of the attempt.

        Never raises for what the network or the receiver does.
        """

    async def close(self) -> None:
        """Close the connections."""


class WorkflowsRoute:
    """Posts cards to one Workflows URL, one at a time; close it after use."""

    def __init__(self, url: str, *, total_seconds: float = TOTAL_SECONDS) -> None:
        self._post = Post(url, ACCEPTED, total_seconds)

    def __repr__(self) -> str:
        return "WorkflowsRoute(…)"

    async def post(self, message_id: str, payload: dict[str, Any], now: datetime) -> Delivered | Failed:
        """Hand one card over. Workflows itself can't tell a repeat; a flow can, by the id in the header."""
        return await self._post.send(msgspec.json.encode(payload), {ID_HEADER: message_id}, now)

    async def close(self) -> None:
        """Close the connections."""
        await self._post.close()


def route_of(settings: RouteSettings) -> Route:
    """The route that the settings describe; nothing is connected before the first message."""
    if settings.rule.type == WEBHOOK:
        return WebhookRoute(settings.url, settings.secret)
    return WorkflowsRoute(settings.url)


def payload_of(
    rule: RouteRule, message: Message, wording: Wording, backdrop: Backdrop, *, tenant_id: str, at: datetime
) -> dict[str, Any]:
    """What to post of this message on a route of this type: a card, or the event of a webhook. Pure."""
    if rule.type == WEBHOOK:
        return events.event(message, wording, tenant_id=tenant_id, at=at)
    return cards.card(message, wording, backdrop)


def named_in(rule: RouteRule, message: Message) -> frozenset[str]:
    """Ids of the users whose names `payload_of` can use, so that only those have to be looked up."""
    return events.users_named(message) if rule.type == WEBHOOK else cards.users_named(message)
