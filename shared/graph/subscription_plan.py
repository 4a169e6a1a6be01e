"""What to do about the watch's Graph subscriptions: pure. `subscriptions.py` carries it out.

A subscription is known by its record, not by Graph's list: LIST gives clientState as null, and PATCH can
change neither clientState nor the lifecycle URL, so one that we did not record, or recorded under another
secret or URL, is deleted and created anew. (Microsoft Graph: subscription resource type, update subscription,
lifecycle notifications.)
"""

import enum
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shared.graph.errors import Conflict, GraphError, NotFound

LIFETIME = timedelta(days=27)
"""Under the 41,760 minutes that users and groups may have, with a day to spare."""
CHANGES = "updated,deleted"
"""Creation and soft deletion arrive as `updated`, permanent deletion as `deleted`."""


class _Wire(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    pass


class Subscription(_Wire, frozen=True):
    """A subscription as Graph shows it. `client_state` is null in LIST."""

    id: str
    resource: str
    change_type: str = ""
    notification_url: str | None = None
    lifecycle_notification_url: str | None = None
    expiration_date_time: datetime | None = None
    client_state: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription that the watch should have. `resource`: `users` or `groups`.

    `client_state` is the secret that Graph repeats in every notification; at most 128 characters.
    """

    resource: str
    notification_url: str
    lifecycle_url: str
    client_state: str
    change_type: str = CHANGES

    def __post_init__(self) -> None:
        if not 1 <= len(self.client_state) <= 128:
            raise ValueError("client_state must have 1 to 128 characters")

    def __repr__(self) -> str:
        return f"Wanted({self.resource!r})"

    @property
    def fingerprint(self) -> str:
        """Changes with the secret and the URLs; the secret cannot be read from it."""
        parts = (
            self.resource,
            self.change_type,
            self.notification_url,
            self.lifecycle_url,
            self.client_state,
        )
        return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What the watch remembers of a subscription of its own. `renewed_at`: when its present life began."""

    id: str
    resource: str
    fingerprint: str
    renewed_at: datetime
    expires_at: datetime

    def due(self, now: datetime) -> bool:
        """Half of its present life is over."""
        return now >= self.renewed_at + (self.expires_at - self.renewed_at) / 2


class Why(enum.StrEnum):
    """Why something is done about a subscription; for the log and for what must follow."""

    MISSING = "missing"
    GONE = "gone"
    EXPIRED = "expired"
    UNRECORDED = "unrecorded"
    CHANGED = "changed"
    HALF_LIFE = "half-life"
    CONFLICT = "conflict"


class Create(msgspec.Struct, frozen=True, tag=True):
    """Create it."""

    wanted: Wanted
    why: Why


class Renew(msgspec.Struct, frozen=True, tag=True):
    """PATCH its expiry: this renews and reauthorises."""

    wanted: Wanted
    record: Record
    why: Why


class Replace(msgspec.Struct, frozen=True, tag=True):
    """Delete `ids`, then create it. What happened in between is lost: read the delta after it."""

    wanted: Wanted
    ids: tuple[str, ...]
    why: Why


class Report(msgspec.Struct, frozen=True, tag=True):
    """Another subscription of this app stands in the way and sends elsewhere: a person must decide."""

    wanted: Wanted
    ids: tuple[str, ...]
    why: Why


Action = Create | Renew | Replace | Report


def plan(
    records: Sequence[Record],
    remote: Sequence[Subscription] | None,
    now: datetime,
    wanted: Sequence[Wanted],
) -> tuple[Action, ...]:
    """One action at most for each wanted subscription. `remote` None: Graph's list was not read.

    Subscriptions that nobody wants, and records of them, are left alone.
    """
    actions = (_action(want, records, remote, now) for want in wanted)
    return tuple(action for action in actions if action is not None)


def after_failure(action: Action, error: GraphError, remote: Sequence[Subscription] | None) -> Action | None:
    """What to do after `action` failed with `error`; None: nothing else would help now. Apply it once.

    `remote` is Graph's list read after the failure.
    """
    if isinstance(action, Renew) and isinstance(error, NotFound):
        return Create(action.wanted, Why.GONE)
    if isinstance(action, Create | Replace) and isinstance(error, Conflict):
        ours, others = _standing(action.wanted, remote or ())
        if ours:
            return Replace(action.wanted, ours, Why.CONFLICT)
        return Report(action.wanted, others, Why.CONFLICT)
    return None


def _action(
    want: Wanted, records: Sequence[Record], remote: Sequence[Subscription] | None, now: datetime
) -> Action | None:
    """A record is believed unless Graph's list contradicts it; several records of one resource: the last."""
    record = next((record for record in reversed(records) if record.resource == want.resource), None)
    listed = None if remote is None else {subscription.id for subscription in remote}
    ours, others = _standing(want, remote or ())
    present = record is not None and (listed is None or record.id in listed)
    if record is None or not present or record.expires_at <= now:
        why = Why.MISSING if record is None else Why.GONE if not present else Why.EXPIRED
        if ours:
            return Replace(want, ours, Why.UNRECORDED if why is not Why.EXPIRED else why)
        return Report(want, others, why) if others else Create(want, why)
    if record.fingerprint != want.fingerprint:
        return Replace(want, tuple(dict.fromkeys((record.id, *ours))), Why.CHANGED)
    return Renew(want, record, Why.HALF_LIFE) if record.due(now) else None


def _standing(want: Wanted, remote: Sequence[Subscription]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of the same resource and change type: those that send to our URL, and the others."""
    same = [
        subscription
        for subscription in remote
        if subscription.resource.strip("/").lower() == want.resource.lower()
        and _changes(subscription.change_type) == _changes(want.change_type)
    ]
    ours = tuple(found.id for found in same if found.notification_url == want.notification_url)
    return ours, tuple(found.id for found in same if found.id not in ours)


def _changes(text: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in text.split(","))
