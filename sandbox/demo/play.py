"""What the scenes of the demo act with: the stage, the cards, the journal, and a voice."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from sandbox.card_text import as_text
from sandbox.stage import APP, Stage
from sandbox.teams import Posted
from sandbox.waiting import until
from shared.ledger.journal import JournalLine
from shared.ledger.ledger import Ledger
from shared.notify.trail import TrailLine
from shared.rules.loader import load_rules
from shared.storage import Storage, StorageSettings
from shared.texts.catalogue import DEFAULT

PATIENCE = 40.0
"""Seconds to wait for what should take two or three; a machine may be busy."""

SILENCE = 7.0
"""Long enough for a card that should not come: confirm time, group wait and the second look are over."""


class Unexpected(Exception):
    """The story did not go as it should; the text says what was expected and what came."""


@dataclass
class Play:
    """Acts on the stage, looks at what came of it, and tells the audience."""

    stage: Stage
    console: Console
    shown: int = 0

    async def open(self) -> None:
        """Connect to the same storage as the app, to look at journal and ledger."""
        settings = StorageSettings(connection_string=self.stage.storage)
        self.storage = Storage.connect(settings)
        self.ledger = Ledger(self.storage, self.stage.world.organization.id, load_rules())

    async def close(self) -> None:
        """Close that connection."""
        await self.storage.close()

    # --- the voice -----------------------------------------------------------------------------------------

    def scene(self, number: int, title: str) -> None:
        """Announce a scene."""
        self.console.print()
        self.console.print(Rule(Text(f" {number}  {title} ", style="bold"), align="left", style="cyan"))

    def say(self, text: str) -> None:
        """One sentence of narration."""
        self.console.print(Padding(Text(text), (0, 0, 0, 2)))

    def check(self, text: str) -> None:
        """Something that was seen to be so."""
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_row(Text("✓", style="green"), Text(text))
        self.console.print(Padding(row, (0, 0, 0, 2)))

    # --- what came of it -----------------------------------------------------------------------------------

    async def card(self, *wanted: str, last: bool = True) -> Posted:
        """The next card, shown; it must hold these texts, and be the only one. Raises `Unexpected`.

        Not `last`: another may follow at once, and whoever asks for that one looks at it.
        """
        try:
            cards = await self.stage.teams.wait_for(self.shown + 1, PATIENCE)
        except TimeoutError:
            raise Unexpected(
                f"no card within {PATIENCE:.0f} s; expected one with: {', '.join(wanted)}"
            ) from None
        posted = cards[self.shown]
        self.shown += 1
        width = min(self.console.width - 4, 92)
        drawn = as_text(posted.card, width=width, colour=self.console.is_terminal)
        for line in drawn.splitlines():
            self.console.print(Text.from_ansi(f"    {line}"))
        text = as_text(posted.card, width=400)
        missing = [one for one in wanted if one not in text]
        if missing:
            raise Unexpected(f"the card does not say: {', '.join(missing)}")
        if last:
            await self.no_card(1.5)
        return posted

    async def no_card(self, seconds: float) -> None:
        """Nothing is told for that long. Raises `Unexpected` with the card that came."""
        if seconds > 2:
            with self.console.status(f"Waiting {seconds:.0f} seconds: no card may come ..."):
                await asyncio.sleep(seconds)
        else:
            await asyncio.sleep(seconds)
        if len(self.stage.teams.cards) > self.shown:
            extra = self.stage.teams.cards[self.shown]
            raise Unexpected("a card that nobody expected:\n" + as_text(extra.card))
        if self.stage.teams.rejected:
            raise Unexpected(f"Teams refused a message: {self.stage.teams.rejected[0].reason}")

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until a look finds something; gives that. Raises `Unexpected`."""
        try:
            return await until(what, look, PATIENCE)
        except TimeoutError as late:
            raise Unexpected(str(late)) from None

    async def lines(self, subject_id: str) -> list[JournalLine]:
        """All journal lines about a user or group, in order."""
        found: list[JournalLine] = []
        for book in await self.ledger.books():
            async for _, lines in self.ledger.read_journal(book):
                found += [line for line in lines if line.subject.id == subject_id]
        return sorted(found, key=lambda line: line.at)

    async def show_lines(self, subject_id: str, *, after: int = 0) -> list[JournalLine]:
        """The journal lines about a subject, shown; gives all of them."""
        lines = await self.lines(subject_id)
        for line in lines[after:]:
            about = f"{line.at:%H:%M:%S}  {line.kind} {line.transition}: {line.state}"
            because = ", ".join(part for part in (line.cause, line.rule.id) if part)
            shown = Text(f"journal {about} ({because})", style="dim", overflow="fold")
            self.console.print(Padding(shown, (0, 0, 0, 4)))
        return lines

    async def health(self) -> Mapping[str, Any]:
        """The app's own word on how it is, with detail."""
        headers = {"x-watch-key": self.stage.environment["LOCAL_KEY"]}
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.get(f"{self.stage.host.url}/api/health", headers=headers) as answer,
        ):
            detail: Mapping[str, Any] = await answer.json()
            return detail

    async def trail(self, finding: str) -> list[TrailLine]:
        """What the notifier wrote down of a finding: told or not, and why; in order."""
        found: list[TrailLine] = []
        async for listed in self.storage.evidence.names(f"{self.stage.world.organization.id}/told/"):
            stored = await self.storage.evidence.read(listed.name)
            for line in stored.data.splitlines() if stored else ():
                read = msgspec.json.decode(line, type=TrailLine)
                found += [read] if finding in read.findings else []
        return sorted(found, key=lambda line: line.at)

    # --- what an administrator does ------------------------------------------------------------------------

    async def command(self, words: Sequence[str], *, ends: int = 0) -> str:
        """Run `python -m admin` with these words as an administrator does; shown with what it says.

        `ends`: its exit status. Raises `Unexpected` for another one.
        """
        shown = " ".join(f'"{word}"' if " " in word else word for word in words)
        self.console.print(Padding(Text(f"$ python -m admin {shown}", style="cyan"), (0, 0, 0, 4)))
        kept = {name: self.stage.environment[name] for name in ("TENANT_ID", "WATCH_STORAGE")}
        # The story is told in English, whatever the shell that it is told in speaks.
        kept["WATCH_LANGUAGE"] = DEFAULT
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "admin", *words],
            cwd=APP,
            env={**os.environ, **kept, "COLUMNS": str(self.console.width - 4)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        for line in ended.stdout.splitlines():
            self.console.print(Padding(Text(line.rstrip(), no_wrap=True, overflow="ellipsis"), (0, 0, 0, 4)))
        if ended.returncode != ends:
            raise Unexpected(f"the command ended with {ended.returncode}: {ended.stderr}")
        return ended.stdout

    async def state_of(self, user_id: str) -> str:
        """The user's state in the ledger; empty if it has no record."""
        records = await self.ledger.user_records([user_id])
        return str(records[user_id].verdict.state) if user_id in records else ""


def sku(sku_id: str) -> str:
    """A product's name."""
    return load_rules().skus.name(sku_id, sku_id)


def expect(found: object, wanted: object) -> None:
    """Raises `Unexpected` if something is not as it should be."""
    if found != wanted:
        raise Unexpected(f"expected {wanted}, found {found}")
