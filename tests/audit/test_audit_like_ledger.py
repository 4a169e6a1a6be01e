"""An audit and the watch's baseline of the same tenant: the same users, verdicts, findings, sums."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from shared.audit.books import records_in
from shared.audit.reading import RECORDS, SNAPSHOT, Asked, Audited, read
from shared.ledger.records import TenantRecord, UserRecord
from shared.ledger.shards import shard_names
from shared.model import OpenFinding
from shared.rules.loader import load_rules
from shared.snapshot.file import read as lines_of
from shared.snapshot.judging import Comparison, rejudged
from shared.snapshot.lines import Head, Reading
from shared.watch.licensing import nested
from tests.audit.people import EVERYTHING, Person, session_of
from tests.watch.conftest import Opener
from tests.watch.scene import Scene, Worker

pytestmark = pytest.mark.real

RULES = load_rules()


async def audited(scene: Scene, folder: Path, **changes: Any) -> Audited:
    session = session_of(scene.running, Person(scene.running, (*EVERYTHING, "Directory.Read.All")))
    try:
        asked = Asked(policy=scene.watch.settings.policy, **changes)
        return await read(session, RULES, asked, folder)
    finally:
        await session.aclose()


async def ledger_of(worker: Worker) -> dict[str, UserRecord]:
    found: dict[str, UserRecord] = {}
    for name in shard_names(worker.manifest.shards):
        found |= (await worker.ledger.read_shard(name)).record.users
    return found


def findings_of(open_findings: dict[str, OpenFinding]) -> dict[str, object]:
    return {key: one.finding for key, one in open_findings.items()}


def as_judged(record: UserRecord) -> tuple[object, ...]:
    """All of a record but when it was made and by which generation of facts."""
    bare = {name: getattr(record, name) for name in record.__struct_fields__}
    for name in ("judged_by", "observed_at", "open", "enabled_since"):
        del bare[name]
    return bare, {key: one.finding for key, one in record.open.items()}


def subjects_of(record: TenantRecord) -> dict[str, dict[str, object]]:
    return {key: findings_of(dict(one.open)) for key, one in record.subjects.items() if one.open}


@pytest.mark.parametrize(
    "settings",
    [
        {"SSPR_SCOPE": "all"},
        {"SSPR_SCOPE": "auto", "PASSWORD_WRITEBACK": "unknown", "POLICY_EDITION": "2025-03-04"},
        {"SSPR_SCOPE": "groups", "POPULATION": "used"},
    ],
    ids=["all", "auto", "groups"],
)
async def test_it_says_of_every_user_and_of_the_tenant_what_the_watch_says(
    open_scene: Opener, tmp_path: Path, settings: dict[str, str]
) -> None:
    scene = await open_scene(160)
    if settings["SSPR_SCOPE"] == "groups":
        cast = scene.world.cast
        settings = {
            **settings,
            "SSPR_SCOPE": f"groups:{cast['group_sspr']}",
            "EMERGENCY_GROUP": cast["group_emergency"],
        }
        await scene.control.self_service_reset(next(iter(scene.world.users)), ago=3600.0)
    # The log of who resets asks for more than the watch usually has.
    scene.world.roles |= {"Directory.Read.All"}
    worker = await scene.restarted(**settings)
    outer = next(iter(one for one in scene.world.groups.values() if one.licences)).id
    person = await scene.control.add_user("Nina Nested")
    inner = await scene.control.add_licensing_group("Nested", [], [person])
    await scene.control.add_members(outer, inner)
    assert await scene.control.settle()
    await scene.begin(report=True)
    await nested.refresh(worker)
    await scene.look_at(person)

    mine = await audited(scene, tmp_path)
    ledger = await ledger_of(worker)
    users = {record.id: record for record in records_in(tmp_path / RECORDS)}
    assert users.keys() == ledger.keys()
    assert {key: as_judged(one) for key, one in users.items()} == {
        key: as_judged(one) for key, one in ledger.items()
    }
    theirs = await worker.tenant()
    assert mine.record.totals == await worker.ledger.totals()
    assert subjects_of(mine.record) == subjects_of(theirs)
    assert subjects_of(mine.record)
    assert mine.record.facts is not None
    assert mine.record.facts.groups[outer].nested == (inner,)
    assert mine.record.facts.groups[outer].nested_unlicensed == 1


async def test_its_snapshot_judges_bit_for_bit_as_it_did_and_tells_who_is_in_which_group(
    scene: Scene, tmp_path: Path
) -> None:
    cast = scene.world.cast
    mine = await audited(scene, tmp_path, groups=(cast["group_sspr"],))
    with (tmp_path / SNAPSHOT).open("rb") as file:
        lines = list(lines_of(file))
    [comparison] = [one for one in rejudged(lines, RULES) if isinstance(one, Comparison)]
    assert comparison.same
    assert comparison.users == mine.users == len(scene.world.users)
    head = lines[0]
    assert isinstance(head, Head)
    assert head.source == "audit"
    licensing = {group.id for group in scene.world.groups.values() if group.licences}
    assert set(head.groups) == {cast["group_sspr"], *licensing}
    told = {one.user.id: set(one.member_of) for one in lines if isinstance(one, Reading)}
    for group_id in licensing:
        members = {user.id for user in scene.world.users.values() if group_id in user.groups}
        assert {user for user, groups in told.items() if group_id in groups} == members
    assert any(cast["group_sspr"] in groups for groups in told.values())


async def test_nobody_waits_for_a_reading_that_was_cancelled(scene: Scene, tmp_path: Path) -> None:
    running = asyncio.ensure_future(audited(scene, tmp_path))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
