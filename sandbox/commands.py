"""A tenant on your laptop, and the app watching it."""

import asyncio
import os
import shlex
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from sandbox import az, packaged
from sandbox import teams as teams_room
from sandbox import webhook as webhook_room
from sandbox.azurite import AzuriteError
from sandbox.demo import run as demo_room
from sandbox.graph.server import serve
from sandbox.graph.tenant import generate
from sandbox.host import commands
from sandbox.host.errors import HostError
from sandbox.offered import offered
from sandbox.stage import APP, BASE_PORT, LIVELY_RATES, QUICK_RATES, STORY, Ports, PortTaken, Stage
from shared.settings import SettingsError

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)

Users = Annotated[int, typer.Option(help="How many users the simulated tenant has.", min=40)]
Seed = Annotated[int, typer.Option(help="The same seed gives the same tenant.")]
Base = Annotated[int, typer.Option(help="The first of six ports in a row.", min=1, max=65_530)]
Port = Annotated[int, typer.Option(help="0 lets the system choose.", min=0, max=65_535)]


@app.command()
def demo(
    users: Users = 1000,
    seed: Seed = 1,
    ports: Base = BASE_PORT,
) -> None:
    """Tell the story: what breaks is told once, what is fixed too, many as one card, and noise not at all."""
    try:
        raise typer.Exit(asyncio.run(demo_room.run(users, seed, ports, Console())))
    except KeyboardInterrupt:
        print("Stopped; nothing is left running.", file=sys.stderr)
        raise typer.Exit(130) from None


@app.command()
def up(
    users: Users = 1000,
    seed: Seed = 1,
    ports: Base = BASE_PORT,
) -> None:
    """Start everything and keep it running until Ctrl-C; cards show as they come.

    Of the environment it takes WATCH_LANGUAGE, DELIVERY, ROUTES and the settings that ROUTES names; and
    WATCH_APP, the folder of the app to run: dist/app is the package of `make package`, left out it is this
    checkout. Nothing else.

    Nothing is kept: the next start has the same tenant as it was at first, without journal and exceptions.
    """
    raise typer.Exit(_until_interrupted(_up(users, seed, ports)))


@app.command()
def graph(
    users: Users = 1000,
    seed: Seed = 1,
    port: Port = BASE_PORT + 1,
) -> None:
    """Only the simulated tenant: Graph, the managed-identity endpoint and the control API."""
    raise typer.Exit(_until_interrupted(_graph(users, seed, port)))


@app.command()
def teams(port: Port = BASE_PORT + 2) -> None:
    """Only the Teams channel: checks each message as Workflows and Teams would, and shows the card."""
    raise typer.Exit(_until_interrupted(teams_room.serve(port)))


@app.command()
def webhook(port: Port = BASE_PORT + 6) -> None:
    """Only a receiver of signed events, as a ticket system is one; prints the settings for the app."""
    raise typer.Exit(_until_interrupted(webhook_room.serve(port)))


@app.command()
def host(
    port: Port = BASE_PORT,
    split: Annotated[bool, typer.Option(help="A process for HTTP, for timers and for each queue.")] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="Print functions and bindings, run nothing.")
    ] = False,
    directory: Annotated[Path, typer.Option("--app", help="Directory with function_app.py.")] = APP,
) -> None:
    """Only the Functions host, running the real app with settings from the environment."""
    if packaged.is_package(directory):
        told = ["--list"] if listing else ["--port", str(port), *(["--split"] if split else [])]
        app_dir = directory.resolve()
        os.chdir(APP)
        os.execv(sys.executable, [*packaged.command(app_dir), *told])  # noqa: S606  # this same Python
    if listing:
        raise typer.Exit(commands.print_listing(directory))
    raise typer.Exit(commands.run_split(directory, port) if split else commands.run(directory, port))


LIVELY = {"FACTS_EVERY": "10s", "REGISTRATION_EVERY": "1m", "SWEEP_EVERY": "10m"}
"""Whoever plays with the tenant by hand waits for what takes hours and days in earnest."""


async def _up(users: int, seed: int, base_port: int) -> None:
    width = min(88, Console().width)

    def show(posted: teams_room.Posted) -> None:
        if posted.channel != teams_room.CHANNEL:
            print(f"channel {posted.channel}:")
        print(teams_room.as_text(posted.card, width=width, colour=sys.stdout.isatty()), flush=True)

    # A folder for each run of ports, as the demo has: two sandboxes side by side do not meet.
    log = APP / ".sandbox" / (f"up-{base_port}" if base_port != BASE_PORT else "up") / "host.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    ports = Ports.starting_at(base_port)
    world = generate(users, seed, rates=LIVELY_RATES)
    taken = offered(os.environ)
    stage = Stage(world, ports=ports, settings={**STORY, **LIVELY}, offered=taken, log_path=log, on_card=show)
    async with stage:
        key = stage.environment["LOCAL_KEY"]
        print(f"app      {stage.host.url}/api/health (header X-Watch-Key: {key})")
        print(f"runs     {which(stage.app)}")
        print(f"report   {stage.host.url}/api/report (in a browser: any name, the password is {key})")
        print(f"graph    {stage.graph.graph_url}")
        print(
            f"control  {stage.graph.url}/control (GET lists what can be changed; POST to /control/do does it)"
        )
        print(f"teams    {stage.teams.base}/")
        print(f"channel  {stage.teams.url_of('NAME')} (for a Teams route of ROUTES, any name)")
        if taken:
            print(f"taken    {', '.join(taken)}, from the environment")
        print(f"log      {log.relative_to(APP)}")
        print("To use `python -m admin` on it, copy this line into another shell:")
        shell = _shell(log.parent, stage)
        print(f". {shell.relative_to(APP)}", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            # A shell that reads it later would ask a tenant that is gone.
            shell.unlink(missing_ok=True)


def which(app_dir: Path) -> str:
    """Which app runs, as `up` says it."""
    if app_dir.resolve() == APP:
        return "this checkout (WATCH_APP names another app, such as dist/app)"
    return f"{'the package' if packaged.is_package(app_dir) else 'the app'} in {app_dir}, by WATCH_APP"


def _shell(folder: Path, stage: Stage) -> Path:
    """A file for another shell to read: the settings of the app, the project's `python`, and an `az` that is
    signed in."""
    az.install(folder / "bin", APP)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(stage.environment.items())]
    first = f"{folder / 'bin'}{os.pathsep}{Path(sys.executable).parent}"
    lines.append(f'export PATH={shlex.quote(first)}:"$PATH"')
    file = folder / "shell"
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n")
    return file


async def _graph(users: int, seed: int, port: int) -> None:
    async with await serve(generate(users, seed, rates=QUICK_RATES), port=port) as running:
        print(f"GRAPH READY {running.graph_url}")
        for name, value in running.environment.items():
            print(f"{name}={value}")
        sys.stdout.flush()
        await asyncio.Event().wait()


def _until_interrupted(work: Coroutine[Any, Any, None]) -> int:
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        return 0
    except (OSError, PortTaken, SettingsError, AzuriteError, HostError) as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0
