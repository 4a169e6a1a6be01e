"""Runs the demo: builds the stage, plays the scenes, says where everything lies, leaves nothing running."""

import contextlib
import json
import os
import shutil
import time
from pathlib import Path

from rich.console import Console

from sandbox.azurite import AzuriteError
from sandbox.demo import calm, scenes
from sandbox.demo.looking import an_administrator_looks
from sandbox.demo.play import Play, Unexpected
from sandbox.graph.tenant import generate
from sandbox.host.errors import HostError
from sandbox.offered import DELIVERY
from sandbox.stage import APP, BASE_PORT, QUICK_RATES, STORY, Ports, PortTaken, Stage
from shared.settings import SettingsError

FOLDER = APP / ".sandbox"

SCENES = (
    scenes.the_tenant_is_read_once,
    scenes.a_licence_is_taken_away_and_given_back,
    scenes.a_group_runs_out_of_seats,
    scenes.a_change_that_matters_to_nobody,
    scenes.a_new_user_is_licensed_in_time,
    scenes.a_forged_notification,
    scenes.a_notification_is_lost,
    calm.an_exception_is_added,
    calm.a_mass_change,
    calm.the_digest,
)
"""The story, in order."""


async def run(users: int, seed: int, base_port: int, console: Console) -> int:
    """Play the demo; the exit code: 0, or 1 with the reason said."""
    began = time.monotonic()
    try:
        ports = Ports.starting_at(base_port)
        # A folder for each run of ports: two demos side by side keep out of each other's way.
        folder = folder_of(base_port)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        await _play(users, seed, ports, folder, console)
    except (PortTaken, AzuriteError, HostError, SettingsError) as fault:
        console.print(f"[red]The demo can't start.[/red] {fault}", highlight=False)
        return 1
    except Unexpected as fault:
        console.print(f"[red]The story did not go as it should:[/red] {fault}", highlight=False)
        console.print(f"The host's log: {_shown(folder_of(base_port) / 'host.log')}", highlight=False)
        return 1
    console.print(
        f"\n[bold green]Done[/bold green] in {time.monotonic() - began:.0f} seconds.", highlight=False
    )
    return 0


def folder_of(base_port: int) -> Path:
    """Where a demo on these ports leaves its storage, its log and the copies of what it wrote."""
    return FOLDER / (f"demo-{base_port}" if base_port != BASE_PORT else "demo")


def _shown(path: Path) -> str:
    return str(path.relative_to(APP))


async def _play(users: int, seed: int, ports: Ports, folder: Path, console: Console) -> None:
    console.print("[bold]SSPR License Watch[/bold]: a tenant on your laptop.", highlight=False)
    console.print(
        "Real: Microsoft's Python runtime, Azurite, msgraph-sdk, the managed-identity credential. "
        "Simulated: the tenant and Teams.",
        highlight=False,
    )
    stage = Stage(
        generate(users, seed, rates=QUICK_RATES),
        ports=ports,
        settings=STORY,
        # The story is told in English and to one channel, however the events come.
        offered={name: os.environ[name] for name in (DELIVERY,) if os.environ.get(name)},
        storage_folder=folder / "azurite",
        log_path=folder / "host.log",
    )
    async with contextlib.AsyncExitStack() as stack:
        with console.status("Starting Azurite, the simulated tenant, Teams and the Functions host ..."):
            await stack.enter_async_context(stage)
        play = Play(stage, console)
        await play.open()
        stack.push_async_callback(play.close)
        for scene in SCENES:
            await scene(play)
        await an_administrator_looks(play, folder)
        await _close(play, folder)


async def _close(play: Play, folder: Path) -> None:
    """How the app is, and where to look."""
    health = await play.health()
    play.scene(len(SCENES) + 2, "Where everything lies")
    play.check(f"the app says of itself: {health['status']}; {play.shown} cards in all")
    if health["status"] != "ok":
        raise Unexpected(f"health is {health['status']}: {health['problems']}")
    journal, ledger = await export(play, folder)
    cards = [posted.card for posted in play.stage.teams.cards]
    (folder / "cards.json").write_text(json.dumps(cards, indent=1))
    play.say(
        f"journal: container alerts, <tenant>/<epoch>/<book>/<seq>.ndjson, {journal} blobs; ids, no names"
    )
    play.say(f"ledger: container ledger, <tenant>/<epoch>/users/<shard> and tenant, {ledger} blobs")
    play.say(f"copies of both, unpacked: {_shown(folder)}/alerts and {_shown(folder)}/ledger")
    play.say(f"the report: {_shown(folder)}/report.html, report.csv and report.json")
    play.say(f"the cards: {_shown(folder)}/cards.json; the app's log: {_shown(folder)}/host.log")


async def export(play: Play, folder: Path) -> tuple[int, int]:
    """Copy journal and ledger to files, unpacked, for people to open; how many of each."""
    counts = []
    for container, name in ((play.storage.alerts, "alerts"), (play.storage.ledger, "ledger")):
        number = 0
        async for listed in container.names(""):
            stored = await container.read(listed.name)
            if stored is None or not stored.data:
                continue
            suffix = "" if listed.name.endswith(".ndjson") else ".json"
            path = folder / name / f"{listed.name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stored.data)
            number += 1
        counts.append(number)
    return counts[0], counts[1]
