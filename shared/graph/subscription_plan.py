"""What to do about the watch's Graph subscriptions: pure. `subscriptions.py` carries it out.

A subscription is known by its record, not by Graph's list: LIST gives clientState as null, and PATCH can
change neither clientState nor the lifecycle URL, so one that we did not record, or recorded under another
secret or URL, is deleted and created anew. Graph's list is dear (25 calls in 20 seconds), a look at one
subscription is cheap: so recorded ones are looked at by id, and the list is read where that does not do.
(Microsoft Graph: subscription resource type, update subscription, lifecycle notifications,
throttling limits.)
"""

import contextlib
import enum
import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from shared.graph.errors import Conflict, Forbidden, GraphError, NotFound, answer_of
from shared.graph.permissions import table
from shared.topic import NotTopic, is_topic, read_topic

LIFETIME = timedelta(days=27)
"""Under the 41,760 minutes that users and groups may have, with a day to spare."""
CHANGES = "updated,deleted"
"""Creation and soft deletion arrive as `updated`, permanent deletion as `deleted`."""
QUOTA = 100
"""Subscriptions that an application may have in a tenant (Microsoft Graph: change notifications overview)."""
PERMISSIONS = table().of_subscriptions()
"""The only application permission that a subscription on this resource takes."""


class _Wire(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    pass


class Subscription(_Wire, frozen=True):
    """A subscription as Graph shows it. `client_state` is null in LIST."""

    id: str
    resource: str
    change_type: str = ""
    notification_url: str | None = None
    expiration_date_time: datetime | None = None
    client_state: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription that the watch should have. `resource`: `users` or `groups`.

    `client_state` is the secret that Graph repeats in every notification; at most 128 characters. A URL may
    be that of an Event Grid topic. `formerly`: addresses that a subscription of ours may have from before,
    when it was delivered otherwise.
    """

    resource: str
    notification_url: str
    lifecycle_url: str
    client_state: str
    change_type: str = CHANGES
    formerly: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.client_state) <= 128:
            raise ValueError("client_state must have 1 to 128 characters")

    def __repr__(self) -> str:
        return f"Wanted({self.resource!r})"

    def is_ours(self, url: str | None) -> bool:
        """Whether what sends there is ours, now or from before."""
        return any(same_address(url, own) for own in (self.notification_url, *self.formerly))

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
    """What the watch remembers of a subscription of its own. `renewed_at`: when its present life began.

    `created_at`: when Graph made it; None for one that an earlier version recorded.
    """

    id: str
    resource: str
    fingerprint: str
    renewed_at: datetime
    expires_at: datetime
    created_at: datetime | None = None

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
    REAUTHORIZE = "reauthorize"
    STRAY = "stray"
    ORDERED = "ordered"


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be done about a resource, a subscription by its id, or Graph's `list` of them.

    Graph's answer as `GraphError` has it, with its `kind`; without a kind others are in the way: `ids`, none
    where Graph does not name them. As text: the line of the log.
    """

    about: str
    kind: str = ""
    status: int = 0
    code: str = ""
    request_id: str = ""
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.kind:
            named = ", ".join(self.ids) or "not named by Graph"
            return f"{self.about}: {Why.CONFLICT.value}, in the way: {named}"
        return f"{self.about}: {answer_of(self.kind, self.status, self.code, self.request_id)}"


def failed(about: str, problem: GraphError) -> Failed:
    """What Graph refused about this."""
    return Failed(
        about=about,
        kind=type(problem).__name__,
        status=problem.status,
        code=problem.code,
        request_id=problem.request_id,
    )


class Reason(enum.StrEnum):
    """Why a wanted subscription could not be had: each asks something else of a person."""

    PERMISSION = "permission"
    QUOTA = "quota"
    ADDRESS = "address"
    TOPIC = "topic"
    IN_THE_WAY = "in-the-way"
    FAILED = "failed"


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

Looked = Mapping[str, Subscription | None]
"""What Graph said of single subscriptions, by id; None: it does not know that one."""


def plan(
    records: Sequence[Record],
    looked: Looked,
    remote: Sequence[Subscription] | None,
    now: datetime,
    wanted: Sequence[Wanted],
    urgent: Collection[str] = (),
) -> tuple[Action, ...]:
    """One action at most for each wanted subscription. `remote` None: Graph's list was not read.

    `urgent`: ids of subscriptions to renew now. What nobody wants is left alone here (see `strays`).
    """
    actions = (_action(want, records, looked, remote, now, urgent) for want in wanted)
    return tuple(action for action in actions if action is not None)


def list_needed(records: Sequence[Record], looked: Looked, now: datetime, wanted: Sequence[Wanted]) -> bool:
    """Whether one of the wanted is to be made anew: only Graph's list tells what stands there instead."""
    return any(isinstance(action, Create | Replace) for action in plan(records, looked, None, now, wanted))


def after_failure(action: Action, error: GraphError, remote: Sequence[Subscription] | None) -> Action | None:
    """What to do after `action` failed with `error`; None: nothing else would help now. Apply it once.

    `remote` is Graph's list read after the failure.
    """
    if isinstance(action, Renew) and isinstance(error, NotFound):
        ours, _ = _standing(action.wanted, remote or ())
        return Replace(action.wanted, ours, Why.GONE) if ours else Create(action.wanted, Why.GONE)
    if isinstance(action, Create | Replace) and isinstance(error, Conflict):
        ours, others = _standing(action.wanted, remote or ())
        if ours:
            return Replace(action.wanted, ours, Why.CONFLICT)
        return Report(action.wanted, others, Why.CONFLICT)
    return None


def list_helps(action: Action, error: GraphError) -> bool:
    """Whether Graph's list says what to do after this failure, or what is to blame for it."""
    if isinstance(action, Renew):
        return isinstance(error, NotFound)
    return isinstance(error, Conflict | Forbidden)


def reason_of(error: GraphError, remote: Sequence[Subscription] | None, wanted: Wanted) -> Reason:
    """Why Graph refused what was wanted.

    A missing permission and a full quota are both 403; only their number tells them apart, and nothing does
    where other applications filled the tenant's own quota of 1,000.
    """
    if isinstance(error, Forbidden):
        return Reason.QUOTA if remote is not None and len(remote) >= QUOTA else Reason.PERMISSION
    if isinstance(error, Conflict):
        return Reason.IN_THE_WAY
    # What we ask is always the same and well formed: what Graph can find wrong with it is the address, which
    # it calls before it answers, or the topic, which it creates where it may.
    if error.status != 400:
        return Reason.FAILED
    return Reason.TOPIC if is_topic(wanted.notification_url) else Reason.ADDRESS


def strays(
    records: Sequence[Record], remote: Sequence[Subscription], wanted: Sequence[Wanted]
) -> tuple[str, ...]:
    """Ids of subscriptions that send to our address and are not recorded: whatever they are, we made them and
    lost sight of them, or they are a second one of the same kind. Each would tell everything once more."""
    recorded = {record.id for record in records}
    return tuple(
        one.id for one in remote if one.id not in recorded and _any_owns(wanted, one.notification_url)
    )


def others(remote: Sequence[Subscription], wanted: Sequence[Wanted]) -> tuple[str, ...]:
    """Ids of subscriptions of this app that send elsewhere: another deployment's, not ours to touch."""
    return tuple(one.id for one in remote if not _any_owns(wanted, one.notification_url))


def seen_as(record: Record, looked: Looked) -> Record:
    """The record with the expiry that Graph itself names; the very same where it named none."""
    found = looked.get(record.id)
    if found is None or found.expiration_date_time in (None, record.expires_at):
        return record
    return msgspec.structs.replace(record, expires_at=found.expiration_date_time)


def _action(
    want: Wanted,
    records: Sequence[Record],
    looked: Looked,
    remote: Sequence[Subscription] | None,
    now: datetime,
    urgent: Collection[str],
) -> Action | None:
    """A record is believed unless Graph contradicts it; several records of one resource: the last."""
    record = next((record for record in reversed(records) if record.resource == want.resource), None)
    ours, _ = _standing(want, remote or ())
    if record is None:
        return Replace(want, ours, Why.UNRECORDED) if ours else Create(want, Why.MISSING)
    if not _present(record, looked, remote):
        return Replace(want, ours, Why.UNRECORDED) if ours else Create(want, Why.GONE)
    record = seen_as(record, looked)
    if record.expires_at <= now:
        return Replace(want, ours, Why.EXPIRED) if ours else Create(want, Why.EXPIRED)
    if record.fingerprint != want.fingerprint or _moved(looked.get(record.id), want):
        return Replace(want, tuple(dict.fromkeys((record.id, *ours))), Why.CHANGED)
    if record.id in urgent:
        return Renew(want, record, Why.REAUTHORIZE)
    return Renew(want, record, Why.HALF_LIFE) if record.due(now) else None


def _present(record: Record, looked: Looked, remote: Sequence[Subscription] | None) -> bool:
    if record.id in looked:
        return looked[record.id] is not None
    return remote is None or any(one.id == record.id for one in remote)


def _moved(found: Subscription | None, want: Wanted) -> bool:
    """Somebody gave it another address: a PATCH can."""
    return bool(
        found and found.notification_url and not same_address(found.notification_url, want.notification_url)
    )


def _standing(want: Wanted, remote: Sequence[Subscription]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of the same resource and change type: those that are ours by where they send, and the others."""
    same = [
        subscription
        for subscription in remote
        if subscription.resource.strip("/").lower() == want.resource.lower()
        and _changes(subscription.change_type) == _changes(want.change_type)
    ]
    mine = tuple(found.id for found in same if want.is_ours(found.notification_url))
    return mine, tuple(found.id for found in same if found.id not in mine)


def same_address(one: str | None, other: str | None) -> bool:
    """Whether two URLs lead to one place, or to one topic, however they are written."""
    return _address(one) == _address(other)


def _any_owns(wanted: Sequence[Wanted], url: str | None) -> bool:
    return any(want.is_ours(url) for want in wanted)


def _address(url: str | None) -> tuple[str, ...]:
    """A URL as far as it leads elsewhere: the case of the host and a slash at the end do not."""
    if is_topic(url):
        with contextlib.suppress(NotTopic):
            return read_topic(url or "").key
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return ("", "", url or "", "")
    return (parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/"), parts.query)


def _changes(text: str) -> frozenset[str]:
    return frozenset(part.strip().lower() for part in text.split(","))
