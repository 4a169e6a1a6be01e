"""Hands messages over, each on its route: names joined, put into words, posted, and what came of it noted."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from azure.core.exceptions import AzureError

from shared import telemetry
from shared.following import about
from shared.ledger.ledger import Ledger
from shared.ledger.records import SubjectRecord, TenantRecord, UserRecord
from shared.ledger.shards import LedgerUnreadable
from shared.model import OpenFinding, SubjectType, TenantFacts
from shared.notify import trail
from shared.notify.deciding import handover
from shared.notify.deciding.routing import RouteRule
from shared.notify.delivering.routes import Delivered, Failed, Route, named_in, payload_of
from shared.notify.entries import Entry
from shared.notify.messages import Digest, Item, Message
from shared.notify.saying import events
from shared.notify.saying.cards import Backdrop
from shared.notify.saying.names import Names, Person
from shared.notify.saying.wording import Wording
from shared.notify.table import Table
from shared.rules.loader import Rules
from shared.settings import Settings
from shared.storage import Lease, NewerSchema
from shared.texts.catalogue import catalogue

DELIVERED = "delivered"
"""In log and metric: the receiver took it over; else the status of `Failed`."""

PAUSE = 0.3
"""Seconds between two cards: Workflows throttles more than four requests a second."""

_log = logging.getLogger("watch.telling")


class Sent(msgspec.Struct, frozen=True):
    """What came of it: the table, the trail, how many cards were handed over and how many were not."""

    table: Table
    lines: tuple[trail.TrailLine, ...] = ()
    cards: int = 0
    failures: int = 0


class Sender:
    """Sends on the routes of `settings`. `open_route` and `sleep` are for tests."""

    def __init__(
        self,
        ledger: Ledger,
        rules: Rules,
        settings: Settings,
        open_route: Callable[..., Route],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._sleep = sleep
        self._ways: Mapping[str, tuple[RouteRule, Route]] = {
            one.rule.name: (one.rule, open_route(one)) for one in settings.routes
        }

    async def close(self) -> None:
        """Close the connections of all routes."""
        for _, route in self._ways.values():
            await route.close()

    async def send(
        self, table: Table, messages: Sequence[Message], record: TenantRecord, now: datetime, lease: Lease
    ) -> Sent:
        """Hand the messages over in order; after a failure that would befall the next on the same route too,
        the rest of that route is kept."""
        began = time.monotonic()
        lines: list[trail.TrailLine] = []
        cards = failures = 0
        barred: set[str] = set()
        for number, message in enumerate(messages):
            if number:
                await self._sleep(PAUSE)
            if not lease:
                table = handover.withdrawn(table, messages[number:], now)
                break
            if message.route in barred:
                table = handover.withdrawn(table, (message,), now)
                continue
            # A receiver of signed events holds the time of the attempt against its own clock.
            at = now + timedelta(seconds=time.monotonic() - began)
            result = await self._hand_over(message, record, at)
            self._measure(message, result)
            if isinstance(result, Delivered):
                table = handover.delivered(table, message, now)
                lines.append(trail.of_message(message, now))
                cards += 1
                continue
            failures += 1
            table = _kept(table, message, result, now)
            lines.append(trail.of_message(message, now, result.status))
            if result.route:
                barred.add(message.route)
        return Sent(table, tuple(lines), cards, failures)

    def _measure(self, message: Message, result: Delivered | Failed) -> None:
        """Say what was handed over, with the ids by which it can be found again: card, route, findings."""
        rule, _ = self._ways[message.route]
        status = result.status if isinstance(result, Failed) else DELIVERED
        telemetry.TEAMS_RESULTS.note(1, route=rule.type, result=status)
        _log.log(
            logging.WARNING if isinstance(result, Failed) else logging.INFO,
            "telling: a %s message of %d findings: %s",
            message.form,
            len(message.items),
            status,
            extra=about(
                card=events.event_id(message),
                route=message.route,
                findings=[item.entry.id for item in message.items],
            ),
        )

    async def _hand_over(self, message: Message, record: TenantRecord, at: datetime) -> Delivered | Failed:
        """Post the message. One whose names can't be read, or that can't be worded, fails by itself: it keeps
        no other back, and what was handed over before it is remembered."""
        rule, route = self._ways[message.route]
        try:
            message, wording, backdrop = await self._words(rule, message, record, at)
            payload = payload_of(rule, message, wording, backdrop, tenant_id=self._settings.tenant_id, at=at)
        except (LookupError, TypeError, ValueError) as fault:
            _log.error("telling: a card can't be worded: %s", type(fault).__name__)
            return Failed(status="unwordable", route=False)
        except (LedgerUnreadable, NewerSchema, AzureError) as fault:
            _log.error("telling: the names for a card can't be read: %s", type(fault).__name__)
            return Failed(status="names-unread", route=False)
        return await route.post(events.event_id(message), payload, at)

    async def _words(
        self, rule: RouteRule, message: Message, record: TenantRecord, at: datetime
    ) -> tuple[Message, Wording, Backdrop]:
        """The message with the details that the ledger has now, names for what it shows, and what stands
        beside the findings."""
        facts = record.facts or TenantFacts(tenant_id=self._settings.tenant_id)
        texts = catalogue(self._settings.telling.language)
        shown = _first_users(message)
        users = await self._ledger.user_records(sorted(shown | named_in(rule, message)))
        detailed = _with_details(message, _open_now(users, record.subjects))
        further = named_in(rule, detailed) - users.keys()
        users = {**users, **(await self._ledger.user_records(sorted(further)) if further else {})}
        names = Names(
            texts=texts,
            style=self._settings.telling.names,
            users={one: Person(held.name, held.upn) for one, held in users.items()},
            groups={group.id: group.display_name for group in facts.groups.values()},
            product=lambda sku: self._rules.skus.name(
                sku, facts.skus[sku].part_number if sku in facts.skus else ""
            ),
            tenant=facts.display_name,
            members={one: n for one, group in record.named.items() if (n := group.counted) is not None},
            everybody=record.totals.users if record.totals else None,
        )
        totals, sweep = record.totals, record.sweep
        backdrop = Backdrop(
            edition=self._settings.policy.edition,
            at=at,
            differing=totals.differing if totals else None,
            users=totals.users if totals else sweep.users if sweep else None,
            report=self._settings.report_url,
        )
        return detailed, Wording(texts, names, self._rules), backdrop


DETAILED = 25
"""So many findings of users get their details from the ledger; a card names fewer."""


def _kept(table: Table, message: Message, result: Failed, now: datetime) -> Table:
    """The message goes again after its own delay."""
    return handover.failed(
        table,
        message,
        now,
        result.retry_after,
        status=result.status,
        certain=result.certain,
        offered_at=now,
    )


def _first_users(message: Message) -> frozenset[str]:
    entries = [item.entry for item in message.items]
    users = (one for one in entries if one.subject_type is SubjectType.USER)
    return frozenset(entry.subject_id for _, entry in zip(range(DETAILED), users, strict=False))


def _open_now(
    users: Mapping[str, UserRecord], subjects: Mapping[str, SubjectRecord]
) -> dict[str, OpenFinding]:
    """The open findings of these users, of the tenant and of all groups, by id."""
    opened: Iterable[Mapping[str, OpenFinding]] = (
        *(one.open for one in users.values()),
        *(one.open for one in subjects.values()),
    )
    return {one.id: one for findings in opened for one in findings.values()}


def _with_details(message: Message, known: Mapping[str, OpenFinding]) -> Message:
    """What a card says of a finding that stands is as of now: seats come and go without a transition."""
    items = tuple(
        Item(moment=item.moment, entry=_detailed(item.entry, known.get(item.entry.id)))
        for item in message.items
    )
    about = message.about
    if isinstance(about, Digest):
        about = msgspec.structs.replace(
            about,
            seats=tuple(_detailed(entry, known.get(entry.id)) for entry in about.seats),
            flapping=tuple(_detailed(entry, known.get(entry.id)) for entry in about.flapping),
        )
    return msgspec.structs.replace(message, items=items, about=about)


def _detailed(entry: Entry, held: OpenFinding | None) -> Entry:
    if held is None or not entry.open or held.fingerprint != entry.fingerprint:
        return entry
    finding = held.finding
    return msgspec.structs.replace(
        entry, skus=finding.skus, groups=finding.groups, facts=finding.facts, remedy=finding.remedy
    )
