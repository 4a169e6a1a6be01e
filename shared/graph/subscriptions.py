"""Graph subscriptions: list, get, create, renew, delete, and carrying out a plan about them.

What Graph may have done already is never asked for twice: after a time-out the next run's list tells.
(Microsoft Graph API reference: subscription; change notifications through webhooks.)
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from kiota_abstractions.method import Method

from shared.graph.errors import GraphError, NotFound
from shared.graph.ids import guid
from shared.graph.pages import all_rows, read_object
from shared.graph.session import GraphSession, asking, with_body
from shared.graph.subscription_plan import (
    LIFETIME,
    Action,
    Create,
    Record,
    Renew,
    Replace,
    Report,
    Subscription,
    Wanted,
    after_failure,
    plan,
)


class Settled(msgspec.Struct, kw_only=True):
    """What a run left behind.

    `records` are to be stored. `done` names what was done (`users: created (missing)` …), `reports` what
    needs a person, `failed` what Graph refused. `lost`: resources whose notifications may have been lost
    meanwhile.
    """

    records: tuple[Record, ...]
    done: list[str] = msgspec.field(default_factory=list)
    reports: list[str] = msgspec.field(default_factory=list)
    failed: list[str] = msgspec.field(default_factory=list)
    lost: set[str] = msgspec.field(default_factory=set)


async def list_subscriptions(session: GraphSession) -> list[Subscription]:
    """All subscriptions of this app in this tenant; Graph shows their clientState as null."""
    builder: Any = session.client.subscriptions
    return await all_rows(session, builder.to_get_request_information(asking()), Subscription)


async def get_subscription(session: GraphSession, subscription_id: str) -> Subscription | None:
    """One subscription; None if Graph does not know it."""
    builder: Any = session.client.subscriptions.by_subscription_id(guid(subscription_id))
    try:
        return read_object(await session.send(builder.to_get_request_information(asking())), Subscription)
    except NotFound:
        return None


async def create(session: GraphSession, wanted: Wanted, now: datetime) -> Record:
    """Create it for 27 days. Graph calls both URLs for their handshake before it answers.

    Raises `Conflict` where one with this resource and change type stands, `Forbidden` where a quota is full.
    """
    body = {
        "changeType": wanted.change_type,
        "resource": wanted.resource,
        "notificationUrl": wanted.notification_url,
        "lifecycleNotificationUrl": wanted.lifecycle_url,
        "expirationDateTime": zulu(now + LIFETIME),
        "clientState": wanted.client_state,
        "latestSupportedTlsVersion": "v1_2",
    }
    answer = await session.send(with_body(session.client.subscriptions, Method.POST, body))
    created = read_object(answer, Subscription)
    return Record(
        id=created.id,
        resource=wanted.resource,
        fingerprint=wanted.fingerprint,
        renewed_at=now,
        expires_at=created.expiration_date_time or now + LIFETIME,
    )


async def renew(session: GraphSession, record: Record, now: datetime) -> Record:
    """Move its expiry to 27 days from now; one PATCH renews and reauthorises.

    Raises `NotFound` if it is gone.
    """
    builder: Any = session.client.subscriptions.by_subscription_id(guid(record.id))
    answer = await session.send(
        with_body(builder, Method.PATCH, {"expirationDateTime": zulu(now + LIFETIME)})
    )
    renewed = read_object(answer, Subscription)
    expires_at = renewed.expiration_date_time or now + LIFETIME
    return msgspec.structs.replace(record, renewed_at=now, expires_at=expires_at)


async def delete(session: GraphSession, subscription_id: str) -> None:
    """Delete it; one that is gone already counts as deleted."""
    builder: Any = session.client.subscriptions.by_subscription_id(guid(subscription_id))
    try:
        await session.send(builder.to_delete_request_information())
    except NotFound:
        return


async def settle(
    session: GraphSession, records: Sequence[Record], wanted: Sequence[Wanted], now: datetime
) -> Settled:
    """Read Graph's list, do what `plan` says, and once what `after_failure` says. Times are UTC.

    A `GraphError` of the list is raised; one of an action is in `failed`, and the other actions go on.
    """
    remote = await list_subscriptions(session)
    settled = Settled(records=tuple(records))
    for action in plan(records, remote, now, wanted):
        try:
            await _carry_out(session, action, now, settled)
        except GraphError as problem:
            await _recover(session, action, problem, now, settled)
    return settled


async def _recover(
    session: GraphSession, action: Action, problem: GraphError, now: datetime, settled: Settled
) -> None:
    try:
        second = after_failure(action, problem, await list_subscriptions(session))
        if second is not None:
            await _carry_out(session, second, now, settled)
            return
    except GraphError as again:
        problem = again
    settled.failed.append(f"{action.wanted.resource}: {problem}")


async def _carry_out(session: GraphSession, action: Action, now: datetime, settled: Settled) -> None:
    resource = action.wanted.resource
    match action:
        case Report():
            settled.reports.append(f"{resource}: {action.why.value}, in the way: {', '.join(action.ids)}")
            return
        case Renew():
            record = await renew(session, action.record, now)
            word = "renewed"
        case Create():
            record = await create(session, action.wanted, now)
            word = "created"
        case Replace():
            for subscription_id in action.ids:
                await delete(session, subscription_id)
            # Nothing is subscribed now: without its record the next run makes a failed create good.
            settled.records = tuple(kept for kept in settled.records if kept.resource != resource)
            record = await create(session, action.wanted, now)
            word = "replaced"
    if not isinstance(action, Renew):
        settled.lost.add(resource)
    settled.records = (*(kept for kept in settled.records if kept.resource != resource), record)
    settled.done.append(f"{resource}: {word} ({action.why.value})")


def zulu(at: datetime) -> str:
    """A time as Graph wants it: UTC with `Z`. Raises ValueError for one without time zone."""
    if at.tzinfo is None:
        raise ValueError("a time for Graph needs a time zone")
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
