"""A call of Graph to our notification or lifecycle URL: what in it is ours and what is to be looked at. Pure.

The function app answers Graph within three seconds or is put on a slow list, from cold too: so this module
loads nothing beyond msgspec. A basic notification carries no signature; its clientState is all that proves
it, and its content is never believed, only taken as a hint whom to read. The queue messages bear the id of
the call that is at work, if there is one (`shared.following`). (Microsoft Graph: change
notifications through webhooks, lifecycle notifications, changeNotification resource type.)
"""

import hmac
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared import following
from shared.guids import as_guid
from shared.spread import IDS_A_MESSAGE, neighbours

MAX_BODY = 1 << 20
MAX_TOKEN = 4 << 10

COUNTS = (
    "accepted",
    "forged",
    "foreign",
    "malformed",
    "previous_secret",
    "duplicate",
)
"""The classes of `Call.counts`.

Each item is accepted, forged, foreign or malformed; the others say more of it.
"""

_PATH = re.compile(r"/?(users|groups)(?:/([0-9a-f-]{36})|\('([0-9a-f-]{36})'\))(?:/.*)?", re.IGNORECASE)
_KINDS = {"#microsoft.graph.user": "users", "#microsoft.graph.group": "groups"}
_EVENT = re.compile(r"[A-Za-z]{1,64}")


class BadCall(Exception):
    """The call as a whole cannot be used; answer it with `status` (400 or 413)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class Lifecycle(msgspec.Struct, frozen=True):
    """An authentic lifecycle event of a subscription."""

    subscription: str
    event: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The authentic content of a call. Ids are distinct, in order of appearance.

    `counts` has every name of COUNTS. `subscriptions`: accepted items by the id of the subscription that they
    name, empty where that is no GUID.
    """

    user_ids: tuple[str, ...]
    group_ids: tuple[str, ...]
    lifecycle: tuple[Lifecycle, ...]
    counts: Mapping[str, int]
    subscriptions: Mapping[str, int]


class Handshake(msgspec.Struct, frozen=True):
    """The answer to Graph's validation of a URL."""

    status: int
    body: str
    headers: Mapping[str, str]


class _Envelope(msgspec.Struct):
    value: list[msgspec.Raw]


class _Item(msgspec.Struct, rename="camel"):
    """Every field may be of any type: one odd item must not take the others with it."""

    tenant_id: Any = None
    client_state: Any = None
    subscription_id: Any = None
    change_type: Any = None
    lifecycle_event: Any = None
    resource: Any = None
    resource_data: msgspec.Raw = msgspec.Raw(b"null")


class _ResourceData(msgspec.Struct):
    id: Any = None
    type: Any = msgspec.field(name="@odata.type", default=None)
    members: Any = msgspec.field(name="members@delta", default=None)


_envelope = msgspec.json.Decoder(_Envelope)
_item = msgspec.json.Decoder(_Item)
_resource_data = msgspec.json.Decoder(_ResourceData | None)
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeError)


def parse_call(body: bytes, tenant_id: str, secrets: Sequence[str]) -> Call:
    """Read and verify a call. Raises `BadCall` and nothing else.

    `secrets`: the current clientState, then the previous one; an empty one matches nothing. A notification
    under whatever subscription is processed: its clientState proves it.
    """
    if len(body) > MAX_BODY:
        raise BadCall(413, "the body is larger than 1 MiB")
    try:
        raws = _envelope.decode(body).value
    except _UNREADABLE:
        raise BadCall(400, "the body is not a JSON object with a list `value`") from None
    reader = _Reader(tenant_id, secrets)
    for raw in raws:
        reader.take(raw)
    return Call(
        user_ids=tuple(reader.ids["users"]),
        group_ids=tuple(reader.ids["groups"]),
        lifecycle=tuple(reader.lifecycle),
        counts={name: reader.counts[name] for name in COUNTS},
        subscriptions=reader.by_subscription(),
    )


def handshake(token: str) -> Handshake:
    """The answer to `?validationToken=…`: 200 and the token as given; 400 if it is empty or over 4 KiB.

    `token` has been URL-decoded once, by whoever read the query. The text is opaque and goes back unaltered;
    as `text/plain` with `nosniff` no browser runs what may be in it.
    """
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    size = len(token.encode("utf-8", "surrogatepass"))
    if not 0 < size <= MAX_TOKEN:
        return Handshake(400, "", headers)
    return Handshake(200, token, headers)


def messages(call: Call, at: datetime) -> list[str]:
    """The texts for the queue `changed-users`: at most 400 ids each, users and groups apart.

    Users of one shard of the ledger stand together: fewer messages write it.
    """
    stamp = _zulu(at)
    return [
        _text({name: part, "look": 1, "at": stamp, **_call()})
        for name, ids in (("users", neighbours(call.user_ids)), ("groups", call.group_ids))
        for part in _parts(ids)
    ]


def lifecycle_messages(call: Call, at: datetime) -> list[str]:
    """The texts for the queue `sweeps`: at most 400 lifecycle events each."""
    stamp = _zulu(at)
    return [_text({"lifecycle": part, "at": stamp, **_call()}) for part in _parts(call.lifecycle)]


class _Reader:
    """Takes the items of one call, each by itself."""

    def __init__(self, tenant_id: str, secrets: Iterable[str]) -> None:
        self._tenant_id = tenant_id.lower()
        self._secrets = [secret.encode("utf-8", "surrogatepass") for secret in secrets]
        self._named: Counter[object] = Counter()
        self.ids: dict[str, dict[str, None]] = {"users": {}, "groups": {}}
        self.lifecycle: dict[Lifecycle, None] = {}
        self.counts: Counter[str] = Counter()

    def take(self, raw: msgspec.Raw) -> None:
        """Count one item and keep what it points to, if it is ours and authentic."""
        try:
            item = _item.decode(raw)
        except _UNREADABLE:
            self.counts["malformed"] += 1
            return
        if not isinstance(item.tenant_id, str) or item.tenant_id.lower() != self._tenant_id:
            self.counts["foreign"] += 1
            return
        secret = self._secret(item.client_state)
        if secret is None:
            self.counts["forged"] += 1
            return
        if not (self._take_event(item) if item.lifecycle_event is not None else self._take_change(item)):
            self.counts["malformed"] += 1
            return
        self.counts["accepted"] += 1
        self.counts["previous_secret"] += secret > 0
        named = item.subscription_id
        self._named[named if isinstance(named, str) else None] += 1

    def by_subscription(self) -> dict[str, int]:
        """Accepted items by the subscription that they name."""
        found: Counter[str] = Counter()
        for named, count in self._named.items():
            found[as_guid(named) or ""] += count
        return dict(found)

    def _secret(self, given: object) -> int | None:
        """Which of our secrets it is; every one is compared, so that the time taken tells nothing."""
        if not isinstance(given, str):
            return None
        state = given.encode("utf-8", "surrogatepass")
        equal = [hmac.compare_digest(state, secret) and secret != b"" for secret in self._secrets]
        return equal.index(True) if True in equal else None

    def _take_event(self, item: _Item) -> bool:
        subscription, event = as_guid(item.subscription_id), item.lifecycle_event
        if subscription is None or not isinstance(event, str) or not _EVENT.fullmatch(event):
            return False
        self._keep(self.lifecycle, Lifecycle(subscription, event))
        return True

    def _take_change(self, item: _Item) -> bool:
        if not isinstance(item.change_type, str):
            return False
        try:
            data = _resource_data.decode(item.resource_data)
        except _UNREADABLE:
            return False
        target = _target(item.resource, data)
        if target is None:
            return False
        kind, object_id = target
        self._keep(self.ids[kind], object_id)
        if data is not None and data.members is not None:
            for member in _member_ids(data.members):
                self.ids["users"].setdefault(member)
        return True

    def _keep[K](self, kept: dict[K, None], key: K) -> None:
        self.counts["duplicate"] += key in kept
        kept[key] = None


def _target(resource: object, data: _ResourceData | None) -> tuple[str, str] | None:
    """`users` or `groups` and the id; None where path and data name none, or different ones."""
    path = _PATH.fullmatch(resource) if isinstance(resource, str) else None
    kind = path[1].lower() if path else None
    object_id = as_guid(path[2] or path[3]) if path else None
    if data is None:
        return (kind, object_id) if kind and object_id else None
    if data.id is not None:
        named = as_guid(data.id)
        if named is None or (object_id is not None and object_id != named):
            return None
        object_id = named
    if data.type is not None:
        typed = _KINDS.get(data.type.lower()) if isinstance(data.type, str) else None
        if typed is None or (kind is not None and kind != typed):
            return None
        kind = typed
    return (kind, object_id) if kind and object_id else None


def _member_ids(value: object) -> Iterator[str]:
    """GUIDs in `members@delta`, whose shape Microsoft does not document: texts, or objects with an `id`.

    They are hints whom to look at. Objects that say they are no users are left out.
    """
    waiting = [value]
    while waiting:
        member = waiting.pop()
        if isinstance(member, list):
            waiting.extend(reversed(member))
        elif isinstance(member, dict):
            kind = member.get("@odata.type")
            if not isinstance(kind, str) or kind.lower() == "#microsoft.graph.user":
                waiting.extend(
                    inner for inner in (member.get("id"), member.get("value")) if inner is not None
                )
        else:
            found = as_guid(member)
            if found is not None:
                yield found


def _parts[T](ids: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(ids), IDS_A_MESSAGE):
        yield ids[start : start + IDS_A_MESSAGE]


def _text(message: object) -> str:
    return msgspec.json.encode(message).decode("ascii", "strict")


def _call() -> dict[str, str]:
    """What the message bears so that its way can be followed in the log."""
    call = following.current_call()
    return {"call": call} if call else {}


def _zulu(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
