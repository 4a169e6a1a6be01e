"""What must come before what in the jobs that read users, on storage in memory."""

from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from shared.graph.delta import DeltaPage
from shared.graph.users import Readings
from shared.ledger.records import Manifest, Sweep, TenantRecord
from shared.ledger.shards import Held
from shared.storage import Lease
from shared.watch import snapshots
from shared.watch.messages import GONE, HEARD, SWEEP, Changed, ReadingStep
from shared.watch.parts import Watch
from shared.watch.users import delta, delta_state, evaluation, sweep, sweep_phases
from shared.watch.users.delta_state import Delta
from shared.watch.users.spill import Section
from tests.ledger.readings import TENANT_ID, after, user_id
from tests.oracle.memory_storage import MemoryAccount, MemoryQueue, MemoryStorage

FIRST, NEXT = "https://graph.example/first", "https://graph.example/next"


def watch_on(account: MemoryAccount, record: TenantRecord | None = None) -> Watch:
    """As much of a worker as a step takes, on the account."""

    async def read_tenant() -> Held[TenantRecord]:
        return Held(record or TenantRecord(name="tenant"), None)

    manifest = Manifest(tenant_id=TENANT_ID, epoch="1", shards=1, created_at=after(0))
    worker = SimpleNamespace(
        storage=MemoryStorage(account),
        manifest=manifest,
        graph=None,
        now=lambda: after(60),
        ledger=SimpleNamespace(read_tenant=read_tenant),
    )
    return cast("Watch", worker)


def page(**given: object) -> DeltaPage:
    shown: dict[str, object] = {"changed": [], "removed": {}, "next_link": None, "delta_link": NEXT}
    return DeltaPage(**{**shown, **given}, asked_at=after(50))  # type: ignore[arg-type]  # by name


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[DeltaPage]:
    """The pages that Graph answers with, in order."""
    pages: list[DeltaPage] = []

    async def delta_page(*_: object) -> DeltaPage:
        return pages.pop(0)

    monkeypatch.setattr(delta, "delta_page", delta_page)
    return pages


async def test_a_link_is_stored_only_when_the_users_of_its_page_are_on_their_way(
    answered: list[DeltaPage], monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = watch_on(MemoryAccount())
    held = await delta_state.write(watch, await delta_state.read(watch), Delta(link=FIRST, round_link=FIRST))
    answered.append(page(changed=[user_id(1)]))
    with monkeypatch.context() as patch:

        async def crash(*_: object, **__: object) -> None:
            raise ConnectionError

        patch.setattr(MemoryQueue, "send", crash)
        with pytest.raises(ConnectionError):
            await delta._follow(watch, held, cast("Lease", True))
    assert (await delta_state.read(watch)).state.link == FIRST


async def test_whoever_delta_calls_removed_is_asked_for_as_gone(answered: list[DeltaPage]) -> None:
    account = MemoryAccount(now=lambda: after(10_000))
    watch = watch_on(account)
    held = await delta_state.write(watch, await delta_state.read(watch), Delta(link=FIRST, round_link=FIRST))
    answered.append(page(changed=[user_id(1), user_id(2)], removed={user_id(2): "deleted"}))
    after_it = await delta._follow(watch, held, cast("Lease", True))
    assert (after_it.state.link, after_it.state.round_began_at) == (NEXT, None)
    texts = [one.text for one in await watch.storage.changed_users.receive()]
    assert [(user_id(1) in text, user_id(2) in text, GONE in text) for text in texts] == [
        (True, False, False),
        (False, True, True),
    ]


async def test_a_step_that_is_done_is_not_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []

    async def reads(_: Watch, reading: Sweep) -> None:
        done.append(reading.step)

    monkeypatch.setattr(sweep, "_read", reads)
    reading = Sweep(id="r", started_at=after(0), step=3, asked=3)
    watch = watch_on(MemoryAccount(), TenantRecord(name="tenant", sweep=reading))
    for step in (2, 4, 1):
        await sweep.take_step(watch, ReadingStep(reading=SWEEP, id="r", step=step))
    await sweep.take_step(watch, ReadingStep(reading=SWEEP, id="another", step=3))
    assert done == []
    await sweep.take_step(watch, ReadingStep(reading=SWEEP, id="r", step=3))
    assert done == [3]


@pytest.mark.parametrize(("bucket", "last"), [(0, False), (1, False), (2, True)])
async def test_the_reading_ends_after_its_last_bucket_and_not_before(
    bucket: int, last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[int] = []
    ended: list[int] = []

    async def judges(*_: object) -> list[str]:
        return []

    async def reach(_: Watch, reading: Sweep, **changes: int) -> None:
        reached.append(changes["bucket"])

    async def end(_: Watch, reading: Sweep, unseen: int) -> None:
        ended.append(reading.bucket or 0)

    async def nothing(*_: object, **__: object) -> None:
        return None

    stand_ins = {"judge_bucket": judges, "ask": nothing, "_reach": reach, "_end": end}
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(sweep, name, stand_in)
    monkeypatch.setattr(snapshots, "complete", nothing)
    monkeypatch.setattr(sweep, "spill_of", lambda *_: SimpleNamespace(buckets=3, drop=nothing))
    reading = Sweep(id="r", started_at=after(0), bucket=bucket, buckets=3)
    await sweep._judge(watch_on(MemoryAccount()), reading)
    assert (reached, ended) == (([], [bucket]) if last else ([bucket + 1], []))


def test_of_several_readings_of_a_user_the_latest_is_judged_in_whatever_order_they_come() -> None:
    def section(name: str, seconds: float) -> Section:
        return Section(after(seconds), msgspec.json.encode([{"id": user_id(1), "displayName": name}]))

    sections = [section("second", 2), section("third", 3), section("first", 1)]
    looks, odd = sweep_phases._looks(sections)
    assert odd == set()
    assert [(one.user.display_name, one.observed_at) for one in looks.values()] == [("third", after(3))]


@pytest.mark.parametrize(("why", "buried"), [(HEARD, 0), (GONE, 1)])
async def test_who_is_not_found_is_gone_only_where_somebody_says_so(
    why: str, buried: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent: list[int] = []

    async def read(*_: object) -> Readings:
        return Readings(users={}, observed_at={user_id(1): after(55)}, missing={user_id(1)})

    async def nothing(*_: object, **__: object) -> None:
        return None

    async def absences(*_: object) -> tuple[str, ...]:
        return (user_id(1),)

    async def commit(*_: object, absences: tuple[str, ...] = (), **__: object) -> None:
        absent.append(len(absences))

    async def nobody(*_: object) -> dict[str, object]:
        return {}

    watch = watch_on(MemoryAccount())
    watch.ledger.user_records = nobody  # type: ignore[assignment,method-assign]  # nobody is known
    for name, stand_in in {
        "read_users": read,
        "_look_again": nothing,
        "_absences": absences,
        "judge_and_commit": commit,
    }.items():
        monkeypatch.setattr(evaluation, name, stand_in)
    await evaluation.evaluate_users(watch, Changed(users=(user_id(1),), at=after(50), why=why))
    assert absent == [buried]
