"""A permission is revoked: one card says which, and what stays in force; granted again, all is well."""

import pytest

from sandbox.graph.faults import Fault
from sandbox.graph.service_operations import ClearFaults
from shared.watch.tenant_facts import facts
from shared.watch.users import delta
from shared.watch.wellbeing import health
from tests.watch.cards import Cards
from tests.watch.scene import Scene

pytestmark = pytest.mark.real

ORGANIZATION = "Grant the watch the application permission Organization.Read.All"
UNWELL = "watch-unwell"
GROUP = "Grant the watch the application permission Group.Read.All"


async def refuse(scene: Scene, *paths: str) -> None:
    """From now on Graph says 403 there."""
    for path in paths:
        await scene.control.fault(
            Fault(path=path, status=403, code="Authorization_RequestDenied", count=1000)
        )


@pytest.mark.parametrize(
    ("paths", "noted", "remedy"),
    [
        (("/subscribedSkus",), {"skus": "permission: skus"}, ORGANIZATION),
        (
            ("/subscribedSkus", "/organization", "/directory/subscriptions"),
            {"skus": "permission: organization, skus, subscriptions"},
            ORGANIZATION,
        ),
        (("/organization",), {"skus": "permission: organization"}, ORGANIZATION),
        (("/groups",), {"groups": "permission: groups"}, GROUP),
    ],
)
async def test_facts_that_are_refused_are_told_once_and_stay_in_force(
    known: Scene, paths: tuple[str, ...], noted: dict[str, str], remedy: str
) -> None:
    watch, cards = known.watch, Cards(known)
    await cards.after(hours=1)
    before = await watch.facts()
    await refuse(known, *paths)
    for turn in range(4):
        known.clock.pass_by(hours=1)
        after = await facts.refresh(watch)
        assert (await watch.tenant()).unwell == (noted if turn else {}), "told from the second in a row"
        assert (after.skus, after.groups.keys()) == (before.skus, before.groups.keys())
    [title] = await cards.after(hours=1)
    assert title.endswith("can't be read any more")
    [finding] = [
        one.finding
        for one in (await watch.tenant()).subjects["tenant"].open.values()
        if one.finding.kind == UNWELL
    ]
    assert before.observed_at is not None
    assert finding.facts["read_at"] == before.observed_at.isoformat(), "when the refused was last read"
    assert remedy in cards.text
    said = [one for one in (await health.look(watch)).problems if "ermission" in one]
    assert len(said) == 1, "health says it once too"
    await known.control.do(ClearFaults())
    known.clock.pass_by(hours=1)
    await facts.refresh(watch)
    assert (await watch.tenant()).unwell == {}
    [fixed] = await cards.after(hours=1)
    assert fixed.startswith("Fixed: ")
    assert fixed.endswith("can be read again")


async def test_facts_that_are_refused_every_other_time_make_no_cards(known: Scene) -> None:
    cards = Cards(known)
    await cards.after(hours=1)
    for _ in range(3):
        await refuse(known, "/subscribedSkus")
        await facts.refresh(known.watch)
        assert await cards.after(hours=1) == []
        await known.control.do(ClearFaults())
        await facts.refresh(known.watch)
        assert await cards.after(hours=1) == []


async def test_a_refusal_stays_told_while_graph_fails_otherwise_until_all_is_read_again(known: Scene) -> None:
    await refuse(known, "/organization")
    for _ in range(2):
        known.clock.pass_by(hours=1)
        await facts.refresh(known.watch)
    await known.control.do(ClearFaults())
    await known.control.fault(Fault(path="/organization", status=503, count=99))
    known.clock.pass_by(hours=1)
    await facts.refresh(known.watch)
    assert (await known.watch.tenant()).unwell == {"skus": "permission: organization"}


async def test_what_was_never_read_is_told_as_missing_and_not_a_second_time(scene: Scene) -> None:
    watch = await scene.watch.ready()
    await refuse(scene, "/subscribedSkus")
    for _ in range(3):
        scene.clock.pass_by(hours=1)
        await facts.refresh(watch)
    assert (await watch.tenant()).unwell == {}
    [missing] = [one for one in await watch.lines(watch.settings.tenant_id) if one.kind == "evidence-missing"]
    assert (missing.subject.about, missing.state) == ("skus", "forbidden")


async def test_a_delta_query_that_is_refused_names_the_permission(known: Scene) -> None:
    watch, cards = known.watch, Cards(known)
    await cards.after(hours=1)
    await refuse(known, "/users/delta")
    for _ in range(delta.FAILURES_TOLD):
        known.clock.pass_by(minutes=16)
        assert await delta.run_if_due(watch)
    assert (await watch.tenant()).unwell["delta"].startswith("permission: Forbidden 403")
    [title] = await cards.after(hours=1)
    assert title == "Graph no longer lists which users have changed"
    assert "Grant the watch the application permission User.Read.All" in cards.text
    # A Graph that fails otherwise in between has not granted it: nothing new is told.
    for status in (503, 403, 503):
        await known.control.do(ClearFaults())
        await known.control.fault(Fault(path="/users/delta", status=status, count=99))
        known.clock.pass_by(minutes=16)
        assert await delta.run_if_due(watch)
    assert await cards.after(hours=1) == []
    await known.control.do(ClearFaults())
    known.clock.pass_by(minutes=16)
    assert await delta.run_if_due(watch)
    assert await cards.after(hours=1) == ["Fixed: Graph lists again which users have changed"]
