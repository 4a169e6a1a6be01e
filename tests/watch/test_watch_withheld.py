"""Each permission of the table withheld from a whole watch, from the start and later: it still runs, tells of
no loss that nobody suffered, and says what it can't know and which permission would mend it.

A row of the table without a row here fails.
"""

from collections import Counter
from datetime import timedelta

import msgspec
import pytest

from sandbox.graph.operations import SetTenant
from shared.graph.permissions import Row, table
from shared.model import EvidenceStatus
from shared.watch.wellbeing import health
from tests.doctor.patients import ask_of
from tests.watch.cards import Cards
from tests.watch.conftest import Opener
from tests.watch.scene import Scene
from tests.watch.timers import TIMERS, hours

OPTIONAL = ("report", "policy", "doctor")
"""Packs that every watch here has, beside the one of its row; `audit` is as good as most of the others."""

REFUSED = "Forbidden 403 Authorization_RequestDenied"
TAKEN = "A permission of the watch was taken away"


class Without(msgspec.Struct, frozen=True, kw_only=True):
    """What a watch without this permission knows and says.

    `unread`: pieces of evidence that Graph refuses. `told`: their lack is a finding. `differ`: how many users
    are judged otherwise by a watch that never had it, as `with it > without it`. `doctor`: what the doctor
    says, and `command`: whether it shows how to take a needless grant away, or only how to find it. `later`:
    titles of what is told once it is taken away, and how each is told to be over.
    """

    unread: frozenset[str] = frozenset()
    told: bool = True
    differ: dict[str, int] = {}
    doctor: str
    command: str = "DELETE"
    later: dict[str, str] = {}


EXPECTED: dict[tuple[str, str], Without] = {
    ("base", "User.Read.All"): Without(
        doctor="users",
        later={
            "Graph can't tell the watch of changed users": "Graph tells the watch of changed users again",
            "Changed users have not been asked for": "Changed users are asked for again",
        },
    ),
    ("base", "Group.Read.All"): Without(
        unread=frozenset({"groups"}),
        doctor="groups",
        later={
            "The groups that assign licences can't be read any more": (
                "The groups that assign licences can be read again"
            )
        },
    ),
    ("base", "Organization.Read.All"): Without(
        unread=frozenset({"skus", "subscriptions", "organization"}),
        doctor="organization",
        later={
            "The tenant's products or settings can't be read any more": (
                "The tenant's products and settings can be read again"
            )
        },
    ),
    ("report", "AuditLog.Read.All"): Without(
        unread=frozenset({"registration"}),
        # An administrator resets for free, and who is one stands in the report alone.
        differ={"covered > uncovered": 1},
        doctor="registration",
        later={"The registration report can't be read any more": "The registration report can be read again"},
    ),
    ("audit", "AuditLog.Read.All"): Without(
        unread=frozenset({"registration", "audit"}),
        differ={"not-in-reach > covered": 46, "not-in-reach > undetermined": 7},
        doctor="registration-needed",
        later={
            "The registration report can't be read any more": "The registration report can be read again",
            TAKEN: "What was refused can be read again",
        },
    ),
    ("audit", "Directory.Read.All"): Without(
        unread=frozenset({"audit"}),
        differ={"not-in-reach > covered": 47, "not-in-reach > undetermined": 6},
        doctor="audit-log",
        later={TAKEN: "What was refused can be read again"},
    ),
    # Optional, and so no fault of the watch: the doctor says what is lost.
    ("policy", "Policy.Read.All"): Without(unread=frozenset({"admin-policy"}), told=False, doctor="policy"),
    ("doctor", "Application.Read.All"): Without(doctor="ok", command="GET"),
}

ROWS = {f"{row.pack} {row.permission}": row for row in table().permissions}
USERS = "base User.Read.All"


async def opened(open_scene: Opener, row: Row, *, without: str = "") -> Scene:
    """A tenant whose app may do all that serves a watch that makes use of this row, `without` one thing."""
    used = {"POPULATION": "used"} if row.pack == "audit" else {}
    scene = await open_scene(SSPR_SCOPE="auto", **used)
    scene.world.roles = frozenset(table().granted_by({*OPTIONAL, row.pack})) - {without}
    return scene


async def given(scene: Scene, permission: str) -> None:
    """The app gets it, and a token that says so."""
    await scene.control.do(SetTenant(grant=(permission,)))
    await scene.restarted()


async def states(scene: Scene) -> dict[str, str]:
    """How everybody is judged now."""
    records = await scene.watch.ledger.user_records(list(scene.world.users))
    return {user: record.verdict.state.value for user, record in records.items()}


async def unread(scene: Scene) -> dict[str, str]:
    """What is refused, with the permission that is asked for."""
    facts = await scene.watch.facts()
    return {
        name: one.permission for name, one in facts.evidence.items() if one.status is EvidenceStatus.FORBIDDEN
    }


async def of_a_needless_grant(scene: Scene) -> str:
    """What the doctor says is to be done about one."""
    scene.world.roles |= {"Sites.Read.All"}
    found = await ask_of(scene, "too-broad")
    scene.world.roles -= {"Sites.Read.All"}
    assert found.codes("too-broad") == ["unneeded"]
    return found.lines[-1].remedy


def test_every_row_of_the_table_is_withheld_here() -> None:
    assert set(EXPECTED) == {(row.pack, row.permission) for row in table().permissions}
    for (_, permission), expected in EXPECTED.items():
        pieces = {one for row in table().permissions if row.permission == permission for one in row.evidence}
        assert expected.unread <= pieces


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in ROWS if name != USERS])
async def test_a_watch_that_never_had_it_judges_what_it_can_and_says_what_it_can_not_know(
    open_scene: Opener, name: str
) -> None:
    row = ROWS[name]
    expected = EXPECTED[row.pack, row.permission]
    scene = await opened(open_scene, row, without=row.permission)
    assert await hours(scene, 2) == set()
    cards = Cards(scene, digest_every=timedelta(hours=1))
    # An hour and more, so that a digest is due whenever this runs.
    first, *digests = await cards.after(minutes=70, runs=8)
    assert first == "The first reading is done: 60 users read"
    assert {title.partition(":")[0] for title in digests} == {"Digest"}
    assert await hours(scene) == set()
    without = await states(scene)

    told = expected.unread if expected.told else frozenset()
    assert await unread(scene) == dict.fromkeys(expected.unread, row.permission)
    seen = await health.look(scene.watch)
    assert set(seen.problems) == {
        f"{piece} cannot be read: the app lacks the Graph permission {row.permission}, grant it"
        for piece in told
    }
    asked_for = f"the application permission {row.permission} of Microsoft Graph, so that it can read"
    assert cards.text.count(asked_for) >= len(told)
    lacking = "evidence refused for lack of a permission"
    assert {lacking in words for words in cards.each} == {bool(told)}
    assert (await ask_of(scene, "permissions")).codes("permissions") == [expected.doctor]
    assert f"az rest --method {expected.command} " in await of_a_needless_grant(scene)

    await given(scene, row.permission)
    assert await hours(scene, 2) == set()
    assert await unread(scene) == {}
    assert (await health.look(scene.watch)).status == "ok"
    with_it = await states(scene)
    differ = Counter(
        f"{with_it[user]} > {without[user]}" for user in with_it if with_it[user] != without[user]
    )
    assert differ == expected.differ


@pytest.mark.real
@pytest.mark.parametrize("name", ROWS)
async def test_a_watch_that_loses_it_holds_what_it_knew_says_so_once_and_goes_on_when_it_is_given_back(
    open_scene: Opener, name: str
) -> None:
    row = ROWS[name]
    expected = EXPECTED[row.pack, row.permission]
    scene = await opened(open_scene, row)
    assert await hours(scene, 2) == set()
    cards = Cards(scene)
    await cards.after(minutes=40)
    before = await states(scene)

    await scene.control.do(SetTenant(revoke=(row.permission,)))
    assert await hours(scene) == set()
    # The token was given before, and holds good until it ends; but a subscription on it is paused at once.
    assert (await health.look(scene.watch)).status == "ok"
    assert await cards.after(minutes=30) == []

    await scene.restarted()
    # What is read once a day is due.
    scene.clock.pass_by(hours=22)
    assert await hours(scene, 2) == set()
    assert set(await cards.after(minutes=40)) == set(expected.later)
    assert await states(scene) == before
    assert await unread(scene) == dict.fromkeys(expected.unread, row.permission)
    seen = await health.look(scene.watch)
    assert seen.status == ("unwell" if expected.later else "ok")
    assert (row.permission in " ".join(seen.problems)) is bool(expected.later)
    assert (await ask_of(scene, "permissions")).codes("permissions") == [expected.doctor]
    assert f"az rest --method {expected.command} " in await of_a_needless_grant(scene)

    await given(scene, row.permission)
    assert await hours(scene, 3) == set()
    assert set(await cards.after(minutes=40)) == {f"Fixed: {over}" for over in expected.later.values()}
    assert await states(scene) == before
    assert (await health.look(scene.watch)).status == "ok"


@pytest.mark.real
async def test_without_the_permission_to_read_users_nothing_begins_nobody_is_told_and_health_names_it(
    open_scene: Opener,
) -> None:
    row = ROWS[USERS]
    scene = await opened(open_scene, row, without=row.permission)
    failed = await hours(scene, 2)
    assert {one.partition(": ")[2] for one in failed} == {REFUSED}
    assert len(failed) == len(TIMERS)
    seen = await health.look(scene.watch)
    [problem] = seen.problems
    assert seen.status == "unwell"
    assert problem.startswith("the tenant cannot be read: Forbidden: Graph 403 Authorization_RequestDenied")
    assert problem.endswith(
        "users cannot be read: the app lacks the Graph permission User.Read.All, grant it"
    )
    assert (await ask_of(scene, "permissions")).codes("permissions") == ["users"]
    await given(scene, row.permission)
    assert await hours(scene, 2) == set()
    assert await Cards(scene).after(minutes=40) == ["The first reading is done: 60 users read"]
    assert (await health.look(scene.watch)).status == "ok"


LESSER = {
    "GroupMember.Read.All": Without(doctor="groups-by-delta"),
    "LicenseAssignment.Read.All": Without(unread=frozenset({"subscriptions", "organization"}), doctor="ends"),
}
"""With the lesser permission instead of the greater one."""


def test_every_lesser_permission_of_the_table_is_tried_here() -> None:
    assert set(LESSER) == {one.permission for one in table().variants}


@pytest.mark.real
@pytest.mark.parametrize("permission", LESSER)
async def test_with_a_lesser_permission_the_watch_lacks_only_what_the_table_says(
    open_scene: Opener, permission: str
) -> None:
    [lesser] = [one for one in table().variants if one.permission == permission]
    expected = LESSER[permission]
    scene = await opened(open_scene, ROWS[USERS], without=lesser.instead_of)
    scene.world.roles |= {permission}
    assert await hours(scene, 2) == set()
    assert await Cards(scene).after(minutes=40) == ["The first reading is done: 60 users read"]
    without = await states(scene)
    assert await unread(scene) == dict.fromkeys(expected.unread, lesser.instead_of)
    seen = await health.look(scene.watch)
    assert len(seen.problems) == len(expected.unread)
    by_delta = [note for note in seen.notes if "changes are asked for by delta instead" in note]
    assert bool(by_delta) is (lesser.instead_of == "Group.Read.All")
    assert (await ask_of(scene, "permissions")).codes("permissions") == [expected.doctor]
    await given(scene, lesser.instead_of)
    assert await hours(scene, 2) == set()
    assert await states(scene) == without


@pytest.mark.real
async def test_without_the_permission_to_read_groups_nobody_is_taken_to_be_outside_one_that_is_named(
    open_scene: Opener,
) -> None:
    scene = await open_scene(SSPR_SCOPE="auto")
    scene.world.roles = frozenset(table().granted_by(OPTIONAL)) - {"Group.Read.All"}
    cast = scene.world.cast
    named = {"SSPR_SCOPE": f"groups:{cast['group_sspr']}", "EMERGENCY_GROUP": cast["group_emergency"]}
    await scene.restarted(**named)
    assert await hours(scene, 2) == set()
    pieces = ("groups", "scope-groups", "emergency-group")
    assert await unread(scene) == dict.fromkeys(pieces, "Group.Read.All")
    assert len((await health.look(scene.watch)).problems) == len(pieces)
    without = await states(scene)
    records = await scene.watch.ledger.user_records(list(scene.world.users))
    assert {record.verdict.reach for record in records.values()} == {
        # Who is in reach whatever the scope, and who is in none.
        *("administrator", "external", "resource-account", "account-disabled", "sync-account"),
        # Whoever hangs on the group.
        "unknown",
    }

    await scene.control.do(SetTenant(grant=("Group.Read.All",)))
    await scene.restarted(**named)
    assert await hours(scene, 2) == set()
    assert await unread(scene) == {}
    with_it = await states(scene)
    differ = Counter(
        f"{with_it[user]} > {without[user]}" for user in with_it if with_it[user] != without[user]
    )
    assert differ == {
        "uncovered > undetermined": 3,
        "writeback-uncovered > undetermined": 2,
        # The one account of the emergency group.
        "not-in-reach > covered": 1,
    }
