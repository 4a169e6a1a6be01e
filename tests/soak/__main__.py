"""`python -m tests.soak`: the whole app in bad weather for 20 minutes, and then a judge.

python -m tests.soak                              the standard soak; writes docs/measurements.md
python -m tests.soak --users 5000 --minutes 3     a quick try; prints only

Ends with 0 only if every promise holds.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import page
from sandbox.azurite import AzuriteError
from sandbox.graph.tenant import generate
from sandbox.host.errors import HostError
from tests.soak.gathering import Asked, gathered
from tests.soak.progress import Progress
from tests.soak.report import Found, as_json, markdown, promises, told
from tests.soak.run import Soak
from tests.soak.schedule import Size, draw
from tests.soak.troupe import troupe
from tests.soak.weather import TROUBLED

USERS, MINUTES, SEED, DRAIN = 100_000, 20.0, 1, 30.0
BLOCK = "soak"


def main(
    users: Annotated[int, typer.Option(help="Users of the tenant.", min=100)] = USERS,
    minutes: Annotated[float, typer.Option(help="Of both segments together.", min=0.5)] = MINUTES,
    seed: Annotated[int, typer.Option(help="Of changes and faults.")] = SEED,
    drain: Annotated[float, typer.Option(help="Minutes to wait at the end until nothing waits.")] = DRAIN,
    json: Annotated[Path, typer.Option(help="Where the results go as JSON.")] = Path("dist/soak.json"),
    keep: Annotated[Path | None, typer.Option(help="Keep the app's log in this folder.")] = None,
    write: Annotated[bool, typer.Option(help="Write docs/measurements.md, short run or not.")] = False,
) -> None:
    """Play it, judge it, print what was found."""
    console = Console(stderr=True)
    try:
        found = asyncio.run(soaked(console, Size.of(users, minutes), seed, drain * 60, keep))
    except (TimeoutError, AzuriteError, HostError) as problem:
        console.print(f"The soak came to no end: {problem}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    print(told(found))
    json.parent.mkdir(parents=True, exist_ok=True)
    json.write_bytes(as_json(found))
    if write or (users, minutes) == (USERS, MINUTES):
        page.write(BLOCK, markdown(found))
    sys.exit(0 if all(one.kept for one in promises(found)) else 1)


async def soaked(
    console: Console, size: Size, seed: int, drain_seconds: float, keep: Path | None = None
) -> Found:
    """Play a soak of that size and judge it."""
    began = time.monotonic()
    schedule = draw(seed, size)
    world = generate(size.users, rates=TROUBLED)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        async with troupe(world, folder) as playing:
            with Progress(console) as progress:
                soak = Soak(playing, schedule, seed, progress.show)
                await soak.play(drain_seconds)
            console.print("judging ...")
            seconds = time.monotonic() - began
            found = await gathered(soak, Asked(_command(size), size.users, seed, seconds))
            if keep is not None:
                _keep(playing.log_path, keep)
            return found


def _keep(log: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(log, folder / "host.log")


def _command(size: Size) -> str:
    minutes = size.whole / 60
    if (size.users, minutes) == (USERS, MINUTES):
        return "make soak"
    return f"python -m tests.soak --users {size.users} --minutes {minutes:g}"


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app(prog_name="python -m tests.soak")
