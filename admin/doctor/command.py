"""The command: settings in, checks run, lines out, and the exit code."""

import asyncio
import logging
import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from admin.connection import WrongInput
from admin.doctor.card_checks import unseen_routes
from admin.doctor.examining import Found, examine
from admin.doctor.lights import Light
from admin.doctor.room import Asked, Room
from admin.doctor.rows import BY_NAME
from admin.doctor.showing import as_json, as_text, lines_of, status_of
from admin.endings import DONE, FOUND, WRONG, told
from admin.references import without
from admin.words import language, texts
from shared.settings import Settings, SettingsError, StorageAccess, load
from shared.settings.access import load_storage, values_of


def doctor(
    file: Path | None = None,
    *,
    only: str = "",
    as_me: bool = False,
    send: bool = False,
    program: bool = False,
) -> int:
    """Look at everything, print it, and say by the exit code whether something is red.

    `only`: names of checks with commas between. `send`: test cards go out without a question; else each is
    asked for where there is a terminal, and none is sent where there is none.
    """
    try:
        names = _names(only)
        # In the app itself a reference that is left is one that could not be resolved.
        room = room_of(values_of(file), datetime.now(UTC), as_me=as_me, outside=as_me or file is not None)
        room.asked = Asked(as_me=as_me, cards=_cards(room, names, send=send, program=program))
        found = asyncio.run(_examined(room, names))
    except (WrongInput, SettingsError) as problem:
        return told(WRONG, *(problem.lines if isinstance(problem, WrongInput) else problem.faults))
    lines = lines_of(found, texts())
    if program:
        print(as_json(lines, room.now))
    else:
        print(as_text(lines, texts(), colour=sys.stdout.isatty()), end="")
    return FOUND if status_of(lines) is Light.RED else DONE


def _names(only: str) -> Sequence[str]:
    names = [one.strip() for one in only.split(",") if one.strip()]
    unknown = [one for one in names if one not in BY_NAME]
    if unknown:
        raise WrongInput(
            texts().text("doctor", "unknown", names=", ".join(unknown)[:80], all=", ".join(BY_NAME))
        )
    return names


def room_of(values: Mapping[str, str], now: datetime, *, as_me: bool = False, outside: bool = False) -> Room:
    """The room of these settings, right or wrong. Nothing is connected yet.

    `outside`: they are read outside the app, where a secret that is a reference to Key Vault counts as set.
    """
    unseen: frozenset[str] = frozenset()
    if outside:
        values, unseen = without(values)
    settings: Settings | None = None
    access: StorageAccess | None = None
    faults: tuple[str, ...] = ()
    try:
        settings = load(values)
        access = StorageAccess(tenant_id=settings.tenant_id, storage=settings.storage)
    except SettingsError as problem:
        faults = problem.faults
        try:
            access = load_storage(values)
        except SettingsError:
            access = None
    return Room(values, faults, settings, access, Asked(as_me=as_me), now, language(), unseen)


def _cards(room: Room, names: Collection[str], *, send: bool, program: bool) -> frozenset[str]:
    """The routes that a test card goes to."""
    if not room.right or (names and "cards" not in names):
        return frozenset()
    hidden = unseen_routes(room)
    routes = [one.rule.name for one in room.settings.routes if one.rule.name not in hidden]
    if send:
        return frozenset(routes)
    if program or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return frozenset()
    return frozenset(one for one in routes if _yes(one))


def _yes(route: str) -> bool:
    """Whether whoever sits there wants a card on this route; nothing typed means no."""
    words = texts()
    try:
        typed = input(words.text("doctor", "ask", route=route) + " ")
    except EOFError:
        return False
    return typed.strip().lower() in words.text("doctor", "yes").split()


async def _examined(room: Room, names: Collection[str]) -> Found:
    # The lines say what was refused; the clients' own words would stand before them, and may hold addresses.
    for name in ("azure", "azure.identity", "httpx", "aiohttp", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return await examine(room, names)
    finally:
        await room.close()
