"""Graph subscriptions: list, get, create, renew, delete, and carrying out a plan about them.

What Graph may have done already is never asked for twice: after a time-out the next run's list tells.
(Microsoft Graph API reference: subscription; change notifications through webhooks.)
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from kiota_abstractions.method import Method

from shared.graph.errors import Conflict, Forbidden, GraphError, NotFound
from shared.graph.pages import all_rows, read_object
from shared.graph.session import GraphSession, asking, with_body
from shared.graph.subscription_plan import (
    LIFETIME,
    Action,
    Create,
    Failed,
    Reason,
    Record,
    Renew,
    Replace,
    Report,
    Subscription,
    Wanted,
    Why,
    after_failure,
    failed,
    list_helps,
    list_needed,
    others,
    plan,
    reason_of,
    seen_as,
    strays,
)
from shared.guids import guid
from shared.model import zulu


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why a wanted subscription could not be had or kept. `ids`: those of others that stand in the way."""

    reason: Reason
    ids: tuple[str, ...] = ()


class Settled(msgspec.Struct, kw_only=True):
    """What a run left behind.

    `records` are to be stored. `done` names what was done (`users: created (missing)` …), `failed` what was
    refused, `troubles` why, by resource. `lost`: resources whose notifications may have been lost meanwhile.
    `others`: ids of this app's subscriptions that send elsewhere, None where Graph's list was not read.
    """

    records: tuple[Record, ...]
    done: list[str] = msgspec.field(default_factory=list)
    failed: list[Failed] = msgspec.field(default_factory=list)
    troubles: dict[str, Trouble] = msgspec.field(default_factory=dict)
    lost: set[str] = msgspec.field(default_factory=set)
    others: tuple[str, ...] | None = None

    def refuse(self, resource: str, problem: GraphError, reason: Reason) -> None:
        """Note that Graph refused what this resource needed."""
        self.failed.append(failed(resource, problem))
        self.troubles[resource] = Trouble(reason=reason)


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
    """Create it for 27 days. Graph calls both URLs for their handshake before it answers; a topic of Event
    Grid that is not there yet it creates.

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
        created_at=now,
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


async def remove(
    session: GraphSession,
    records: Sequence[Record],
    wanted: Sequence[Wanted],
    now: datetime,
    *,
    listing: bool = True,
) -> Settled:
    """Delete every recorded subscription, and with `listing` whatever else in Graph's list sends to us.

    `records` are then those that could not be deleted, and `failed` says why. Raises nothing of Graph's.
    """
    run = _Run(session, wanted, now, Settled(records=tuple(records)))
    await run.delete_recorded()
    if listing:
        await run.read_list()
        await run.tidy()
    return run.settled


async def settle(
    session: GraphSession,
    records: Sequence[Record],
    wanted: Sequence[Wanted],
    now: datetime,
    *,
    listing: bool = True,
    urgent: Collection[str] = (),
    waiting: Collection[str] = (),
) -> Settled:
    """Look at what is recorded, do what `plan` says, and once what `after_failure` says. Times are UTC.

    `listing`: read Graph's list although the records may suffice; what it shows of ours beside them is
    deleted. `urgent`: ids to renew now. `waiting`: resources of which none is created now. Raises nothing of
    Graph's: what it refuses is in `failed`, and everything else goes on.
    """
    run = _Run(session, wanted, now, Settled(records=tuple(records)))
    await run.look()
    wanted = [want for want in wanted if want.resource not in run.settled.troubles]
    creatable = [want for want in wanted if run.recorded(want.resource) or want.resource not in waiting]
    if listing or list_needed(run.settled.records, run.looked, now, creatable):
        await run.read_list()
    actions = plan(run.settled.records, run.looked, run.remote, now, wanted, urgent)
    run.forget_gone()
    for action in actions:
        # One of ours in Graph's list shows that it may be had after all: that is a `Replace`.
        if not isinstance(action, Create) or action.wanted.resource not in waiting:
            await run.take(action)
    await run.tidy()
    return run.settled


class _Run:
    """One run over the subscriptions: what Graph said of them, and what has come of it so far."""

    def __init__(
        self, session: GraphSession, wanted: Sequence[Wanted], now: datetime, settled: Settled
    ) -> None:
        self._session = session
        self._wanted = wanted
        self._now = now
        self.settled = settled
        self.looked: dict[str, Subscription | None] = {}
        self.remote: list[Subscription] | None = None

    def recorded(self, resource: str) -> bool:
        """Whether there is one on this resource as far as is known."""
        return any(
            record.resource == resource and self.looked.get(record.id, ...) is not None
            for record in self.settled.records
        )

    async def look(self) -> None:
        """Look at every recorded one by itself. One that can't be looked at is believed to be there."""
        resources = {want.resource for want in self._wanted}
        for record in self.settled.records:
            if record.resource not in resources:
                continue
            try:
                self.looked[record.id] = await get_subscription(self._session, record.id)
            except Forbidden as problem:
                self.settled.refuse(record.resource, problem, Reason.PERMISSION)
            except GraphError as problem:
                self.settled.failed.append(failed(record.resource, problem))
        self.settled.records = tuple(seen_as(record, self.looked) for record in self.settled.records)

    def forget_gone(self) -> None:
        """Drop the records of those that Graph does not know any more."""
        self.settled.records = tuple(
            record for record in self.settled.records if self.looked.get(record.id, ...) is not None
        )

    async def read_list(self) -> bool:
        """Read Graph's list; where that fails, what is known without it must do. Says whether it was read."""
        try:
            self.remote = await list_subscriptions(self._session)
        except GraphError as problem:
            self.settled.failed.append(failed("list", problem))
            return False
        self.settled.others = others(self.remote, self._wanted)
        return True

    async def take(self, action: Action) -> None:
        """Carry out an action; after a failure once more what may help."""
        try:
            await self._carry_out(action)
        except GraphError as problem:
            await self._recover(action, problem)

    async def delete_recorded(self) -> None:
        """Delete all that are recorded; what can't be deleted stays so."""
        for record in self.settled.records:
            if await self._deleted(record.id, record.resource):
                self.settled.records = tuple(one for one in self.settled.records if one is not record)
                self.settled.done.append(f"{record.resource}: deleted ({Why.ORDERED.value})")

    async def tidy(self) -> None:
        """Delete what sends to us and is not recorded. Nothing is lost by it: the recorded one tells all."""
        if self.remote is None:
            return
        for subscription_id in strays(self.settled.records, self.remote, self._wanted):
            if await self._deleted(subscription_id, subscription_id):
                self.settled.done.append(f"{subscription_id}: deleted ({Why.STRAY.value})")

    async def _deleted(self, subscription_id: str, about: str) -> bool:
        try:
            await delete(self._session, subscription_id)
        except GraphError as problem:
            self.settled.failed.append(failed(about, problem))
            return False
        return True

    async def _recover(self, action: Action, problem: GraphError) -> None:
        resource = action.wanted.resource
        if list_helps(action, problem) and not await self.read_list():
            # What stands in the way of it may be one of ours: the next run's list tells.
            unknown = (
                Reason.FAILED if isinstance(problem, Conflict) else reason_of(problem, None, action.wanted)
            )
            self.settled.refuse(resource, problem, unknown)
            return
        second = after_failure(action, problem, self.remote)
        try:
            if second is not None:
                await self._carry_out(second)
                return
        except GraphError as again:
            problem = again
        self.settled.refuse(resource, problem, reason_of(problem, self.remote, action.wanted))

    async def _carry_out(self, action: Action) -> None:
        settled, resource = self.settled, action.wanted.resource
        match action:
            case Report():
                settled.failed.append(Failed(about=resource, ids=action.ids))
                settled.troubles[resource] = Trouble(reason=Reason.IN_THE_WAY, ids=action.ids)
                return
            case Renew():
                record = await renew(self._session, action.record, self._now)
                word = "renewed"
            case Create():
                record = await create(self._session, action.wanted, self._now)
                word = "created"
            case Replace():
                for subscription_id in action.ids:
                    await self._delete(subscription_id)
                # Nothing is subscribed now: without its record the next run makes a failed create good.
                settled.records = tuple(kept for kept in settled.records if kept.resource != resource)
                record = await create(self._session, action.wanted, self._now)
                word = "replaced"
        if not isinstance(action, Renew):
            settled.lost.add(resource)
        settled.records = (*(kept for kept in settled.records if kept.resource != resource), record)
        settled.done.append(f"{resource}: {word} ({action.why.value})")

    async def _delete(self, subscription_id: str) -> None:
        await delete(self._session, subscription_id)
        if self.remote is not None:
            self.remote = [one for one in self.remote if one.id != subscription_id]
