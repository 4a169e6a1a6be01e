"""What administrators store reaches the telling: exceptions, release orders, settings. On real storage."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.ledger.manifest import watched_path
from shared.ledger.members import Packing
from shared.ledger.records import Sweep
from shared.notify import memory
from shared.notify.deciding import brake
from shared.notify.exceptions.agreed import ReleaseOrder, add, order_release
from shared.notify.exceptions.proposals import Proposal
from shared.notify.surroundings import patience
from shared.notify.table import Brake
from shared.settings import TellingSettings, load
from tests.ledger.readings import START, TENANT_ID, UNCOVERED, after, user_id
from tests.notify.bench import SETTINGS, Bench
from tests.notify.story import RULES
from tests.settings.good_settings import GOOD

GROUP = "5f000000-0000-4000-8000-00000000000a"
MANY = brake.AT_LEAST + 1


@pytest.fixture
async def begun(bench: Bench) -> Bench:
    """A tenant whose first card is told."""
    await bench.ends_baseline(0)
    await bench.tells(10)
    bench.teams.titles.clear()
    return bench


async def agree(bench: Bench, **about: Any) -> str:
    proposal = Proposal(owner="Grace", reason="Agreed", until=START + timedelta(days=30), **about)
    [agreed] = await add(bench.storage.ledger, TENANT_ID, [proposal], RULES.kinds, after(15))
    return agreed.exemption.id


@pytest.mark.real
async def test_an_exception_that_is_agreed_keeps_its_user_untold_and_no_other(begun: Bench) -> None:
    key = await agree(begun, kind="coverage", subject_type="user", subject_id=user_id(1))
    for user in (1, 2):
        await begun.commits(user, UNCOVERED, seen=20)
    told = await begun.tells(1000)
    assert (told.cards, told.standing) == (1, {f"excepted:{key}": 1})


@pytest.mark.real
async def test_one_of_a_group_covers_whoever_was_read_to_be_in_it(begun: Bench) -> None:
    key = await agree(begun, subject_type="group", subject_id=GROUP)
    packing = Packing()
    packing.add([user_id(2)])
    await begun.storage.evidence.put(watched_path(TENANT_ID, GROUP), packing.packed())
    for user in (1, 2):
        await begun.commits(user, UNCOVERED, seen=20)
    told = await begun.tells(1000)
    assert (told.cards, told.standing) == (1, {f"excepted:{key}": 1})


async def stored_brakes(bench: Bench) -> tuple[Brake, ...]:
    manifest = await bench.ledger.manifest()
    brakes = await memory.brakes(bench.storage.ledger, manifest)
    assert brakes == (await memory.recall(bench.storage.ledger, manifest)).table.brakes
    return brakes


@pytest.mark.real
@pytest.mark.parametrize("discard", [False, True])
async def test_what_the_brake_holds_follows_the_order_that_is_stored(begun: Bench, discard: bool) -> None:
    for user in range(MANY):
        await begun.commits(user, UNCOVERED, seen=20)
    await begun.tells(60)
    await begun.tells(1000)
    assert begun.teams.titles == [f"{MANY} users got worse at once: held until it is sure"]
    assert [one.holds for one in await stored_brakes(begun)] == [True]
    order = ReleaseOrder(at=after(1100), by="Grace", discard=discard)
    await order_release(begun.storage.ledger, TENANT_ID, order)
    assert [one.holds for one in await stored_brakes(begun)] == [True]
    await begun.tells(1160)
    # By this `admin release` knows that the order was followed.
    assert not any(one.holds for one in await stored_brakes(begun))
    told = [] if discard else [f"Confirmed: {MANY} users got worse at once"]
    assert begun.teams.titles[1:] == told
    assert (await begun.tells(5000)).standing == {"told": MANY}


@pytest.mark.real
async def test_another_edition_in_the_settings_is_one_card_once_everybody_is_judged(
    begun: Bench,
) -> None:
    policy = msgspec.structs.replace(SETTINGS.policy, edition="2025-03-04")
    begun.restarted(msgspec.structs.replace(SETTINGS, policy=policy))
    await begun.tells(70)
    for user in (1, 2):
        await begun.commits(user, UNCOVERED, seen=100)
    assert (await begun.tells(2000)).standing == {"held-by-change": 2}
    sweep = Sweep(id="t", started_at=after(90), policy=policy.fingerprint(RULES.digest), ended_at=after(2010))
    await begun.ends_baseline(0, sweep=sweep)
    await begun.tells(2100)
    await begun.tells(4000)
    [title] = begun.teams.titles
    assert title.startswith("Since your change of ")
    assert title.endswith(": 2 opened")


def test_every_setting_of_the_telling_is_the_decisions_own() -> None:
    plain = patience(SETTINGS.telling)
    given = load(
        GOOD
        | {
            "CONFIRM_AFTER": "1m",
            "GROUP_WAIT": "2m",
            "GROUP_WAIT_MAX": "3m",
            "MASS_WINDOW": "4m",
            "REMIND_AFTER_DAYS": "5",
            "DIGEST_EVERY": "6d",
            "DIGEST_AT": "sun 07:00",
        }
    ).telling
    told = patience(given)
    times = set(TellingSettings.__struct_fields__) - {"names", "language"}
    assert {name for name in times if getattr(told, name) != getattr(plain, name)} == times
