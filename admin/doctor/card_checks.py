"""Telling: a test card where somebody said yes to it, the last hand-overs, the last digest."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from admin.doctor.lights import Said
from admin.doctor.room import Room
from shared.notify.delivering.posting import Failed
from shared.notify.delivering.routes import route_of
from shared.notify.saying import events
from shared.notify.saying.cards.frame import notice
from shared.settings.routes import WEBHOOK, RouteSettings
from shared.texts.catalogue import Catalogue, catalogue
from shared.watch.wellbeing.overdue import stamp

LATE = timedelta(hours=6)
"""So long after it was due may a digest come: the app may have stood still."""


async def cards(room: Room) -> Sequence[Said]:
    """Each route: handed over, refused, or not asked for. The address is in none of the words.

    Nothing is sent where the address or the secret is not seen here.
    """
    texts, hidden = catalogue(room.settings.telling.language), unseen_routes(room)
    return [
        Said("unseen", {"route": one.rule.name}) if one.rule.name in hidden else await _sent(room, one, texts)
        for one in room.settings.routes
    ]


def unseen_routes(room: Room) -> frozenset[str]:
    """The routes, by name, to which nothing can be sent from here."""
    stand_in = {room.values[name] for name in room.unseen}
    return frozenset(
        one.rule.name
        for one in room.settings.routes
        if one.url in stand_in or (one.secret and one.secret in stand_in)
    )


async def _sent(room: Room, route: RouteSettings, texts: Catalogue) -> Said:
    name = route.rule.name
    if name not in room.asked.cards:
        return Said("not-asked", {"route": name})
    way = route_of(route)
    try:
        result = await way.post(f"doctor-{secrets.token_hex(8)}", payload(room, route, texts), room.now)
    finally:
        await way.close()
    if isinstance(result, Failed):
        return Said("failed", {"route": name, "status": result.status})
    return Said("taken" if route.rule.type == WEBHOOK else "sent", {"route": name})


def payload(room: Room, route: RouteSettings, texts: Catalogue) -> dict[str, Any]:
    """What to post: a card, or an event without findings."""
    tenant = room.settings.tenant_id
    if route.rule.type == WEBHOOK:
        return events.trial(route.rule.name, tenant_id=tenant, language=texts.language, at=room.now)
    said = texts.text("doctor", "card", "said", route=route.rule.name, at=texts.moment(room.now))
    title = texts.text("doctor", "card", "title")
    return notice(title, [said, texts.text("doctor", "card", "nothing")], texts.language)


async def _routes(room: Room) -> dict[str, dict[str, datetime | None]]:
    detail = (await room.watch.notifier.health(room.now)).detail
    routes: dict[str, dict[str, datetime | None]] = detail["routes"]
    return routes


async def handovers(room: Room) -> Sequence[Said]:
    """What could not be handed over, in the notifier's own words; else each route's last hand-over."""
    well = await room.watch.notifier.health(room.now)
    if well.problems:
        return [Said("failing", {"said": one}) for one in well.problems]
    if not (await room.seen()).record.baseline_ended_at:
        return [Said("waiting")]
    routes = {name: at["last_handover_at"] for name, at in (await _routes(room)).items()}
    return [
        Said("ok", {"route": name, "at": stamp(at)}) if at else Said("never", {"route": name})
        for name, at in routes.items()
    ]


async def digest(room: Room) -> Sequence[Said]:
    """Whether each route's last digest was handed over when it was due."""
    every = room.settings.telling.digest_every
    if not every:
        return [Said("off")]
    said = []
    for name, at in (await _routes(room)).items():
        last = at["digest_at"] or at["baseline_told_at"]
        if last is None:
            said.append(Said("waiting", {"route": name}))
            continue
        late = room.now - last > every + LATE
        said.append(Said("late" if late else "ok", {"route": name, "at": stamp(last)}))
    return said
