"""A process that does to users what a sweep must do to them, and nothing besides: no ledger, no queue.

`python -m benchmarks.plain <users>` with the app's own environment, after its first sweep: facts and
standings are read from what that left behind, before the clock starts.
"""

import asyncio
import gzip
import itertools
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from benchmarks.spent import Plainly, Spent
from shared import settings
from shared.graph.pages import read_page
from shared.graph.session import Query, asking
from shared.graph.users import PAGE, user_pages
from shared.ledger.commits import apply_readings
from shared.ledger.records import Shard
from shared.ledger.shards import encode
from shared.model import USER_SELECT, Standing, TenantFacts, User
from shared.watch.parts import Watch
from shared.watch.tenant_facts import facts as facts_room
from shared.watch.users.judging import Look, readings_of

A_SHARD = 2000
_LEVEL = 3
"""As storage packs a shard."""


class Stopwatch:
    """CPU seconds by the name of what they were spent on."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Count the time of a block."""
        begun = time.process_time()
        yield
        self.spent[what] += time.process_time() - begun


async def work(sample: int) -> Plainly:
    """Take that many users, or all if there are fewer, through it."""
    watch = await Watch(settings.current()).ready()
    facts = await facts_room.present(watch)
    builder: Any = watch.graph.client.users
    watching = Stopwatch()
    users: list[User] = []
    rows: list[msgspec.Raw] = []
    link: str | None = None
    # What is made once a process: token, connection, decoders.
    await read_page(watch.graph, _first(builder), User)
    while True:
        with watching.of("GET and decode"):
            request = watch.graph.follow(link) if link else _first(builder)
            page = await read_page(watch.graph, request, User)
        users += page.rows
        rows += [row for _, row in (await user_pages(watch.graph, link)).rows]
        link = page.next_link
        if not link or len(users) >= sample:
            break
    standings = await watch.standings.of(watch.manifest, [user.id for user in users], facts)
    readings_of(watch, facts, _looks(watch, users[:A_SHARD]), standings, {}, baseline=True)
    for start in range(0, len(users), A_SHARD):
        part = users[start : start + A_SHARD]
        with watching.of("judge"):
            readings = readings_of(watch, facts, _looks(watch, part), standings, {}, baseline=True)
        empty = Shard(name="0000")
        shard, _ = apply_readings(empty, readings, watch.now(), watch.settings.tenant_id, watch.rules)
        with watching.of("encode"):
            data = encode(shard)
        with watching.of("gzip"):
            gzip.compress(data, _LEVEL, mtime=0)
    _judge_alone(watch, facts, rows, standings, watching)
    await watch.graph.aclose()
    await watch.storage.close()
    parts = {name: watching.spent[name] for name in ("GET and decode", "judge", "encode", "gzip")}
    count = len(users)
    return Plainly(
        bare=Spent(users=count, cpu=sum(parts.values())),
        decode=Spent(users=count, cpu=watching.spent["decode alone"]),
        judge=Spent(users=count, cpu=watching.spent["judge alone"]),
        parts={name: seconds / count * 1e6 for name, seconds in parts.items()},
    )


def _judge_alone(
    watch: Watch,
    facts: TenantFacts,
    rows: list[msgspec.Raw],
    standings: Mapping[str, Standing],
    watching: Stopwatch,
) -> None:
    """Nothing but the decoding, and nothing but the verdicts, by a judge who has seen such users before.

    A shard at a time, as a sweep has them: of users who have long left the processor's memory, the time
    would be that of fetching them.
    """
    judge, at = watch.judge(facts), watch.now()
    decoder = msgspec.json.Decoder(User)
    for part in itertools.batched(rows, A_SHARD, strict=False):
        with watching.of("decode alone"):
            users = [decoder.decode(row) for row in part]
        known = [(user, standings[user.id]) for user in users]
        with watching.of("judge alone"):
            for user, standing in known:
                judge.judged(user, standing, at)


def _first(builder: Any) -> Any:
    return builder.to_get_request_information(asking(Query(select=list(USER_SELECT), top=PAGE)))


def _looks(watch: Watch, users: list[User]) -> list[Look]:
    now = watch.now()
    return [Look(user, now) for user in users]


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(work(int(sys.argv[1])))))
