"""What a change notification says, and which misfortune meets it on its way (graph.md §3, §4). Pure."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.graph.rates import Rates
from sandbox.graph.records import Change
from sandbox.graph.subscriptions import Subscription
from sandbox.graph.wire import iso


@dataclass(slots=True)
class Tally:
    """What became of the notifications so far."""

    planned: int = 0
    lost: int = 0
    duplicated: int = 0
    suppressed: int = 0
    posts: int = 0
    delivered: int = 0
    retried: int = 0
    discarded: int = 0
    delayed: int = 0
    dropped: int = 0
    paused: int = 0
    late: int = 0
    reordered: int = 0
    published: int = 0
    unrouted: int = 0
    dead_lettered: int = 0


@dataclass(slots=True)
class Planner:
    """Turns a change into (seconds from now, URL, item) for each time that it will be told."""

    tenant_id: str
    rng: random.Random
    tally: Tally = field(default_factory=Tally)

    def plan(
        self, change: Change, held: tuple[Subscription, ...], rates: Rates
    ) -> list[tuple[float, str, dict[str, Any]]]:
        """Late, twice, never or out of order, as the rates say; never more than one loss for an item."""
        if change.licences and not rates.licence_changes_notify:
            # Nobody documents whether licence changes raise `updated` (graph.md §1.3, §12.1).
            self.tally.suppressed += 1
            return []
        plans = []
        for subscription in held:
            if not subscription.hears(change):
                continue
            self.tally.planned += 1
            item = notice(change, subscription, self.tenant_id, self.rng.randrange(10**17, 10**18))
            if self.rng.random() < rates.loss_of(change.kind):
                self.tally.lost += 1
                continue
            plans.append((self._latency(rates), subscription.notification_url, item))
            if self.rng.random() < rates.duplicate_rate:
                self.tally.duplicated += 1
                plans.append((self._latency(rates), subscription.notification_url, item))
        return plans

    def _latency(self, rates: Rates) -> float:
        shortest, longest = rates.notification_latency
        seconds = self.rng.uniform(shortest, longest)
        if self.rng.random() < rates.out_of_order_rate:
            # Long enough that what happens later is told earlier.
            self.tally.reordered += 1
            seconds += longest + self.rng.uniform(0.1, 0.5)
        if rates.late_rate and self.rng.random() < rates.late_rate:
            self.tally.late += 1
            seconds += self.rng.uniform(*rates.late_by)
        return seconds


def notice(change: Change, held: Subscription, tenant_id: str, number: int) -> dict[str, Any]:
    """One changeNotification: no actor, no properties, no values (graph.md §3.1)."""
    plural, singular = ("Users", "User") if change.kind == "user" else ("Groups", "Group")
    data: dict[str, Any] = {
        "@odata.type": f"#Microsoft.Graph.{singular}",
        "@odata.id": f"{plural}/{change.id}",
        "id": change.id,
        "organizationId": tenant_id,
        "eventTime": _precise(change.at),
        "sequenceNumber": number,
    }
    if change.added or change.removed:
        data["members@delta"] = [{"id": member} for member in change.added] + [
            {"id": member, "@removed": {"reason": "deleted"}} for member in change.removed
        ]
    return {
        "changeType": change.type,
        "clientState": held.client_state,
        "resource": f"{plural}/{change.id}",
        "resourceData": data,
        "subscriptionExpirationDateTime": held.expires_at.isoformat(),
        "subscriptionId": held.id,
        "tenantId": tenant_id,
    }


def lifecycle(held: Subscription, event: str, tenant_id: str) -> dict[str, Any]:
    """One lifecycle notification: `lifecycleEvent` instead of `changeType` (graph.md §4)."""
    return {
        "subscriptionId": held.id,
        "subscriptionExpirationDateTime": iso(held.expires_at),
        "tenantId": tenant_id,
        "clientState": held.client_state,
        "lifecycleEvent": event,
    }


def _precise(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}1Z"
