"""The snapshot of a reading of all users: what it holds, and that it gives the ledger's verdicts again."""

import gzip
from typing import Any

import msgspec
import pytest

from shared.archive import snapshots as archive
from shared.archive.snapshots import NoSnapshot, Stored
from shared.ledger.records import UserRecord
from shared.ledger.shards import shard_names
from shared.model import Judged
from shared.rules.loader import load_rules
from shared.snapshot.judging import Comparison, Rejudged, rejudged
from shared.snapshot.lines import Head, Line, Reading
from shared.snapshot.pseudonyms import Pseudonyms
from shared.watch.hearing import subscriptions
from shared.watch.messages import SWEEP, ReadingStep
from shared.watch.tenant_facts import facts
from shared.watch.users import spill, sweep, sweep_phases
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker, sweep_of

pytestmark = pytest.mark.real

KEY = "the-key-of-these-tests-0123456789-0123456789"


async def latest(watch: Worker) -> Stored:
    return await archive.find(watch.storage.evidence, watch.settings.tenant_id, archive.LATEST)


async def lines_of(watch: Worker) -> list[Line]:
    """Every line of the last snapshot."""
    one = await latest(watch)
    container, tenant_id = watch.storage.evidence, watch.settings.tenant_id
    return [line async for lines in archive.open_stored(container, tenant_id, one) for line in lines]


async def judged_again(watch: Worker) -> dict[str, Judged]:
    """Everybody of the last snapshot, judged again; the digest agrees."""
    found: dict[str, Judged] = {}
    for one in rejudged(await lines_of(watch), load_rules()):
        match one:
            case Rejudged():
                assert one.reading.user.id not in found
                found[one.reading.user.id] = one.judged
            case Comparison():
                assert one.same
                assert not one.rules_differ
    return found


async def ledger_of(watch: Worker) -> dict[str, UserRecord]:
    records: dict[str, UserRecord] = {}
    for name in shard_names(watch.manifest.shards):
        records |= (await watch.ledger.read_shard(name)).record.users
    return records


def bare(judged: Judged) -> tuple[object, object]:
    """A verdict as the ledger keeps it: without how each SKU was read."""
    return msgspec.structs.replace(judged.verdict, holdings=()), judged.others


async def steps_until_judging(scene: Scene) -> tuple[Worker, ReadingStep]:
    """A reading whose users are all put aside; the step that judges the first of them."""
    watch = await scene.ready()
    await subscriptions.keep(watch)
    assert await sweep.start_if_due(watch)
    step = watch.steps()[-1]
    while (await sweep_of(watch)).bucket is None:
        await sweep.take_step(watch, step)
        step = watch.steps()[-1]
    return watch, step


async def test_judged_again_it_gives_every_verdict_of_the_ledger(open_scene: Opener) -> None:
    scene = await open_scene(300, SSPR_SCOPE="auto")
    await scene.begin(report=True)
    records = await ledger_of(scene.watch)
    again = await judged_again(scene.watch)
    assert len(records) == 300
    assert {key: bare(judged) for key, judged in again.items()} == {
        key: (record.verdict, record.others) for key, record in records.items()
    }
    assert len({record.verdict.state for record in records.values()}) >= 3
    [head] = [line for line in await lines_of(scene.watch) if isinstance(line, Head)]
    assert head.source == "sweep"
    assert head.taken_at == (await sweep_of(scene.watch)).started_at
    one = await latest(scene.watch)
    assert (one.users, one.day, one.edition) == (300, head.taken_at.date(), "2017-10-24")
    assert one.reading == (await sweep_of(scene.watch)).id


async def test_who_changes_after_the_reading_is_in_it_as_the_reading_saw_him(known: Scene) -> None:
    before = await judged_again(known.watch)
    user = next(key for key, one in before.items() if one.verdict.state == "covered")
    known.world.update_user(user, account_enabled=False)
    await known.look_at(user)
    assert (await known.watch.record(user)).verdict.state != "covered"
    assert await judged_again(known.watch) == before


async def test_a_bucket_that_is_judged_twice_is_kept_once(scene: Scene) -> None:
    watch, step = await steps_until_judging(scene)
    sweeping = await sweep_of(watch)
    put = sweep_phases.spill_of(watch, sweeping)
    await sweep_phases.judge_bucket(watch, sweeping, put)
    [part] = await archive.parts(
        watch.storage.evidence,
        archive.folder(watch.settings.tenant_id, sweeping.started_at, sweeping.id),
    )
    assert part.users == 60
    with pytest.raises(NoSnapshot):
        await latest(watch)
    # The worker ended before the step counted as done; by newer facts, everybody is judged anew.
    scene.clock.pass_by(hours=2)
    await facts.refresh(watch)
    await sweep.take_step(watch, step)
    assert (await sweep_of(watch)).ended_at
    assert (await latest(watch)).users == 60
    assert len(await judged_again(watch)) == 60


async def test_facts_that_change_within_a_bucket_begin_a_section_of_their_own(
    open_scene: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.ledger.manifest.USERS_PER_SHARD", 30)
    monkeypatch.setattr(sweep_phases, "_PARALLEL", 1)
    scene = await open_scene(60)
    watch, step = await steps_until_judging(scene)
    first = await watch.facts()
    of_shard, taken = watch.standings.of_shard, 0

    async def interrupted(*given: Any) -> object:
        """When the second shard's turn comes, one of its users is judged by newer facts."""
        nonlocal taken
        taken += 1
        if taken == 2:
            scene.clock.pass_by(hours=2)
            await facts.refresh(watch)
            await scene.look_at(next(iter(given[2])))
        return await of_shard(*given)

    monkeypatch.setattr(watch.standings, "of_shard", interrupted)
    await sweep.take_step(watch, step)
    assert (await sweep_of(watch)).ended_at
    heads = [line for line in await lines_of(watch) if isinstance(line, Head)]
    assert [head.facts.generation for head in heads] == [first.generation, first.generation + 1]
    assert set(await judged_again(watch)) == set(await ledger_of(watch))


async def test_with_pseudonyms_nobody_can_be_named_and_the_verdicts_are_the_same(open_scene: Opener) -> None:
    scene = await open_scene(120, SNAPSHOTS="pseudonymised", PSEUDONYM_KEY=KEY)
    await scene.begin(report=True)
    names, records = Pseudonyms(KEY), await ledger_of(scene.watch)
    again = await judged_again(scene.watch)
    assert {key: one.verdict.state for key, one in again.items()} == {
        names.object_id(key): record.verdict.state for key, record in records.items()
    }
    one = await latest(scene.watch)
    assert one.key_check == names.check
    container, tenant_id = scene.storage.evidence, scene.watch.settings.tenant_id
    packed = [kept.data async for kept in archive.parts_of(container, tenant_id, one)]
    text = gzip.decompress(b"".join(packed)).decode().lower()
    for person in scene.world.users.values():
        assert person.id not in text
        assert person.upn.lower() not in text


async def test_a_scope_group_and_the_emergency_group_are_named_with_their_members(open_scene: Opener) -> None:
    scene = await open_scene(100)
    scope, emergency = (scene.world.cast[name] for name in ("group_sspr", "group_emergency"))
    await scene.restarted(SSPR_SCOPE=f"groups:{scope}", EMERGENCY_GROUP=emergency)
    await scene.begin(report=True)
    lines = await lines_of(scene.watch)
    [head] = [line for line in lines if isinstance(line, Head)]
    assert head.groups == (scope, emergency)
    members = {
        group: {one.user.id for one in lines if isinstance(one, Reading) and group in one.member_of}
        for group in head.groups
    }
    assert members == {group: scene.world.transitive_members(group)[0] for group in head.groups}
    assert all(members.values())


async def test_switched_off_nothing_is_kept(open_scene: Opener) -> None:
    scene = await open_scene(60, SNAPSHOTS="off")
    await scene.begin()
    names = scene.storage.evidence.names(archive.root(scene.watch.settings.tenant_id))
    assert [one.name async for one in names] == []


@pytest.mark.parametrize(
    "settings", [{"SNAPSHOTS": "pseudonymised", "PSEUDONYM_KEY": KEY}, {"SNAPSHOTS": "off"}]
)
async def test_a_reading_in_whose_course_the_setting_changes_makes_no_snapshot(
    open_scene: Opener, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    monkeypatch.setattr("shared.ledger.manifest.USERS_PER_SHARD", 10)
    monkeypatch.setattr(spill, "SHARDS_A_BUCKET", 4)
    scene = await open_scene(60)
    watch, step = await steps_until_judging(scene)
    await sweep.take_step(watch, step)
    assert (await sweep_of(watch)).bucket == 1
    [step] = watch.take_steps(SWEEP)
    other = await scene.restarted(**settings)
    await sweep.take_step(other, step)
    assert (await sweep_of(other)).ended_at
    with pytest.raises(NoSnapshot):
        await latest(other)
