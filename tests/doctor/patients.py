"""Asking the doctor in this process: what each check said about a scene."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from admin.doctor.command import room_of
from admin.doctor.examining import examine
from admin.doctor.lights import Light, Line
from admin.doctor.room import Asked
from admin.doctor.showing import lines_of
from shared.ledger.records import Posting, TenantRecord
from shared.texts.catalogue import catalogue
from tests.watch.scene import Scene


class Findings:
    """The lines, by check."""

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines

    def codes(self, check: str) -> list[str]:
        """What this check said, in its order."""
        return [line.code for line in self.lines if line.check == check]

    def lights(self, check: str) -> set[Light]:
        """The lights of what it said."""
        return {line.light for line in self.lines if line.check == check}

    def of(self, light: Light) -> list[str]:
        """What has this light: `check: code`."""
        return [f"{line.check}: {line.code}" for line in self.lines if line.light is light]


async def ask(
    values: Mapping[str, str],
    *only: str,
    scene: Scene | None = None,
    as_me: bool = False,
    cards: tuple[str, ...] = (),
    language: str = "en",
) -> Findings:
    """Every check, or these, of a watch with these settings; by the scene's clock."""
    now = scene.clock.now() if scene else datetime.now(UTC)
    room = room_of(values, now, as_me=as_me, outside=as_me)
    room.asked = Asked(as_me=as_me, cards=frozenset(cards))
    try:
        found = await examine(room, only)
    finally:
        await room.close()
    return Findings(lines_of(found, catalogue(language)))


async def ask_of(scene: Scene, *only: str, **settings: str) -> Findings:
    """The same of a scene, with these settings over its own."""
    return await ask({**scene._settings, **settings}, *only, scene=scene)


async def cards_of(scene: Scene, cards: tuple[str, ...], **settings: str) -> Findings:
    """The same of the test cards, where somebody wants one on these routes."""
    return await ask({**scene._settings, **settings}, "cards", scene=scene, cards=cards)


async def change(scene: Scene, **fields: object) -> None:
    """Have the tenant's record say so."""

    def changed(record: TenantRecord) -> tuple[TenantRecord, tuple[Posting, ...]]:
        return msgspec.structs.replace(record, **fields), ()

    await scene.watch.ledger.commit_tenant(changed, scene.clock.now())
