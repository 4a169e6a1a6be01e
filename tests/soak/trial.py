import asyncio
import sys
import tempfile
import time
from pathlib import Path

from sandbox.graph.tenant import generate
from tests.soak.run import Soak
from tests.soak.schedule import Size, draw
from tests.soak.troupe import troupe
from tests.soak.weather import TROUBLED


async def main():
    users, minutes = int(sys.argv[1]), float(sys.argv[2])
    world = generate(users, rates=TROUBLED)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    print(folder)
    last = [0.0]

    def show(s):
        if time.monotonic() - last[0] > 5:
            last[0] = time.monotonic()
            print(
                f"{s.seconds:.0f} {s.phase} {s.sky.kind} | {s.waiting} | done {s.author.done.total()} left {s.author.left_out.total()} kills {len(s.run.kills)} cards {len(s.troupe.teams.cards)} {len(s.troupe.tickets.received)} rej {s.troupe.teams.rejected[:1]} {s.troupe.tickets.rejected[:1]}",
                flush=True,
            )

    async with troupe(world, folder) as t:
        soak = Soak(t, draw(1, Size.of(users, minutes)), 1, show)
        run = await soak.play(180)
        print(run.left, run.baseline_seconds, t.front.counts, run.modes)


asyncio.run(main())
