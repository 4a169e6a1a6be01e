"""The cards that a scene's tenant would get: the real notifier on the scene's clock, with Teams in memory."""

import asyncio
from datetime import timedelta

import msgspec

from shared.notify.notifier import Notifier
from tests.notify.bench import Teams
from tests.notify.card_reading import all_texts
from tests.watch.scene import Scene


class Cards:
    """Tells what the scene's ledger says, run by run."""

    def __init__(self, scene: Scene, *, digest_every: timedelta = timedelta(0)) -> None:
        self._scene = scene
        self.teams = Teams()
        watch = scene.watch
        # Reminders have their own stories, and digests come to those who ask for them.
        telling = watch.settings.telling
        quiet = msgspec.structs.replace(telling, digest_every=digest_every, remind_after=timedelta(0))
        self.notifier = Notifier(
            watch.storage,
            watch.ledger,
            watch.rules,
            msgspec.structs.replace(watch.settings, telling=quiet),
            open_route=lambda _: self.teams,
            sleep=lambda _: asyncio.sleep(0),
        )

    async def after(self, *, runs: int = 4, **length: float) -> list[str]:
        """Let so much time pass, in several runs of the notifier; the titles of the cards that came."""
        before = len(self.teams.titles)
        part = timedelta(**length) / runs
        for _ in range(runs):
            self._scene.clock.pass_by(seconds=part.total_seconds())
            await self.notifier.tell(self._scene.clock.now())
        return self.teams.titles[before:]

    @property
    def each(self) -> list[str]:
        """All words of each card."""
        return ["\n".join(all_texts([payload])) for payload in self.teams.payloads]

    @property
    def text(self) -> str:
        """All words of all cards."""
        return self.teams.text
