"""What the watch has read and remembers, made green, amber and red by time and by what was lost."""

from datetime import timedelta

import msgspec
import pytest

from admin.doctor.lights import Light
from shared.model import Evidence, EvidenceStatus
from shared.notify.exceptions import agreed
from shared.notify.exceptions.proposals import Proposal
from shared.rules.loader import load_rules
from shared.watch.hearing import subscriptions as hearing
from shared.watch.messages import CREATE, DELETE
from shared.watch.users import delta_state
from shared.watch.users.delta_state import Delta, Gap
from tests.doctor.patients import ask_of, change
from tests.watch.scene import Scene

pytestmark = pytest.mark.real


async def test_a_reading_that_never_began_or_is_the_first_is_amber(begun: Scene) -> None:
    assert (await ask_of(begun, "sweep")).codes("sweep") == ["ok"]
    await change(begun, baseline_ended_at=None)
    assert (await ask_of(begun, "sweep")).codes("sweep") == ["first"]
    await change(begun, sweep=None)
    assert (await ask_of(begun, "sweep")).codes("sweep") == ["none"]


async def test_what_health_finds_is_red_here_too_and_its_notes_amber(begun: Scene) -> None:
    assert (await ask_of(begun, "health")).codes("health") == ["ok"]
    begun.clock.pass_by(days=3)
    found = await ask_of(begun, "health")
    assert found.lights("health") == {Light.RED}
    assert any("products" in line.said for line in found.lines)


async def test_what_somebody_ordered_is_not_said_to_mend_itself_and_what_was_made_good_is_not_amber(
    begun: Scene,
) -> None:
    begun.clock.pass_by(minutes=1)
    await hearing.obey(begun.watch, DELETE, begun.clock.now())
    found = await ask_of(begun, "health")
    assert found.codes("health") == ["left"]
    assert "subscriptions create" in found.lines[-1].remedy
    begun.clock.pass_by(minutes=1)
    await hearing.obey(begun.watch, CREATE, begun.clock.now())
    assert (await ask_of(begun, "health")).codes("health") == ["note", "note"]
    state = (await delta_state.read(begun.watch)).state
    begun.clock.pass_by(minutes=2)
    await remember(begun, msgspec.structs.replace(state, last_round_at=begun.clock.now()))
    found = await ask_of(begun, "health")
    assert ["groups" in line.said for line in found.lines] == [True], "users were asked for since"
    begun.clock.pass_by(hours=1)
    assert "may have been lost" not in str((await ask_of(begun, "health")).lines)


async def test_a_job_that_stands_still_is_red_where_it_is_asked_for_alone(begun: Scene) -> None:
    assert (await ask_of(begun, "sweep", "delta")).lights("delta") == {Light.GREEN}
    begun.clock.pass_by(days=9)
    found = await ask_of(begun, "sweep", "delta")
    assert (found.codes("sweep"), found.codes("delta")) == (["late"], ["late"])
    assert found.of(Light.RED) == ["sweep: late", "delta: late"]


async def test_evidence_that_could_not_be_read_or_is_too_old_is_said(begun: Scene) -> None:
    facts = await begun.watch.facts()
    assert (await ask_of(begun, "evidence")).codes("evidence") == ["ok"]
    at = begun.clock.now()
    pieces = {
        "skus": Evidence(status=EvidenceStatus.FAILED, read_at=at, tried_at=at, problem="x"),
        "groups": Evidence(status=EvidenceStatus.FORBIDDEN, permission="Group.Read.All"),
        "organization": Evidence(status=EvidenceStatus.OK, read_at=at - timedelta(days=15), tried_at=at),
    }
    await change(begun, facts=msgspec.structs.replace(facts, evidence=pieces))
    assert (await ask_of(begun, "evidence")).codes("evidence") == ["forbidden", "expired", "failed"]
    never = {"groups": Evidence(status=EvidenceStatus.NEVER)}
    await change(begun, facts=msgspec.structs.replace(facts, evidence=never))
    assert (await ask_of(begun, "evidence")).codes("evidence") == ["none"], "nothing read is not all read"
    await change(begun, facts=None)
    assert (await ask_of(begun, "evidence")).codes("evidence") == ["none"]


async def test_an_exception_that_ends_within_a_week_is_amber(begun: Scene) -> None:
    until = begun.clock.now() + timedelta(days=10)
    one = Proposal(owner="Grace", reason="Agreed", until=until, kind="coverage", subject_type="user")
    one = msgspec.structs.replace(one, subject_id=begun.world.user_order[0])
    container, tenant = begun.storage.ledger, begun._settings["TENANT_ID"]
    await agreed.add(container, tenant, [one], load_rules().kinds, begun.clock.now())
    assert (await ask_of(begun, "exceptions")).codes("exceptions") == ["ok"]
    begun.clock.pass_by(days=5)
    assert (await ask_of(begun, "exceptions")).codes("exceptions") == ["ending"]
    begun.clock.pass_by(days=4, hours=12)
    assert (await ask_of(begun, "exceptions")).codes("exceptions") == ["ending-today"]


async def remember(scene: Scene, state: Delta) -> None:
    """Have the delta query stand so."""
    await delta_state.write(scene.watch, await delta_state.read(scene.watch), state)


async def test_a_chain_of_changes_that_is_lost_and_a_gap_are_amber(begun: Scene) -> None:
    found = await ask_of(begun, "delta", "gap")
    assert (found.codes("delta"), found.codes("gap")) == (["ok"], ["none"])
    state = (await delta_state.read(begun.watch)).state
    at = begun.clock.now()
    quick = Gap(since=at, until=at, heard=9, mean_seconds=4.0, slowest_seconds=9.0)
    slow = msgspec.structs.replace(quick, mean_seconds=1_000.0)
    missed = msgspec.structs.replace(quick, users=3, longest_seconds=900.0)
    said = {}
    nothing = Gap(since=at, until=at)
    for gap in (nothing, quick, slow, missed):
        await remember(begun, msgspec.structs.replace(state, gap=gap))
        [code] = (await ask_of(begun, "gap")).codes("gap")
        said[code] = gap
    assert list(said) == ["quiet", "ok", "slow", "missed"]
    await remember(begun, msgspec.structs.replace(state, link="", lost_at=at))
    assert (await ask_of(begun, "delta")).codes("delta") == ["lost"]
    await remember(begun, msgspec.structs.replace(state, last_round_at=None))
    assert (await ask_of(begun, "delta")).codes("delta") == ["none"]


async def test_the_previous_secret_is_amber_until_it_is_gone(begun: Scene) -> None:
    assert (await ask_of(begun, "previous-secret")).codes("previous-secret") == ["ok"]
    found = await ask_of(begun, "previous-secret", CLIENT_STATE_PREVIOUS="p" * 40)
    assert (found.codes("previous-secret"), found.lights("previous-secret")) == (["said"], {Light.AMBER})
    assert "p" * 40 not in str(found.lines)
