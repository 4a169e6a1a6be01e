"""The notifier on real storage: ledger, journal and queue in Azurite, the time as told, cards collected."""

import asyncio
import gzip
import logging
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.ledger.members import Packing
from shared.model import LicensingGroup, TenantFacts, Totals
from shared.notify.delivering.routes import Delivered, Failed
from shared.notify.memory import TableUnreadable, packed
from shared.notify.notifier import Told
from shared.notify.table import Table
from shared.notify.trail import TrailLine
from shared.storage import Stale, Storage
from tests.ledger.readings import TENANT_ID, UNCOVERED, after, user_id
from tests.notify.bench import SETTINGS, Bench, Killed

GROUP = "99999999-9999-4999-8999-999999999999"

pytestmark = pytest.mark.real


async def lose_all_messages(storage: Storage) -> None:
    while batch := await storage.journal.receive():
        for one in batch:
            await storage.journal.delete(one)


async def test_without_a_ledger_there_is_nothing_to_tell(storage: Storage) -> None:
    assert await Bench(storage).tells(0) == Told()


async def test_a_tenants_first_day(bench: Bench) -> None:
    await bench.commits(1, UNCOVERED, seen=0)
    await bench.tells(10)
    assert bench.teams.titles == []
    await bench.ends_baseline(20, totals=Totals(users=2, differing={"2025-03-04": 1}))
    await bench.tells(30)
    assert bench.teams.titles == ["The first reading is done: 2 users read"]
    assert "Ada Lovelace (ada@contoso.example): not covered" in bench.teams.text
    await bench.commits(2, UNCOVERED, seen=100, name="Grace Hopper")
    await bench.tells(160)
    assert len(bench.teams.titles) == 1
    told = await bench.tells(100 + 960)
    assert (told.cards, told.failures) == (1, 0)
    assert bench.teams.titles[1:] == ["A user can reset a password without the licence for it"]
    assert "Grace Hopper (grace@contoso.example)" in bench.teams.text
    buttons = [one["attachments"][0]["content"]["actions"][-1]["url"] for one in bench.teams.payloads]
    assert buttons == ["http://127.0.0.1:7071/api/report"] * 2
    await bench.commits(2, seen=2000, name="Grace Hopper")
    await bench.tells(2010)
    await bench.tells(2060)
    assert bench.teams.titles[2:] == ["Fixed: A user is licensed for password reset again"]
    await bench.tells(9000)
    assert len(bench.teams.titles) == 3
    assert await bench.storage.journal.length() == 0


async def test_until_the_first_reading_has_ended_users_books_are_left_and_then_read_whole(
    bench: Bench,
) -> None:
    await bench.commits(1, UNCOVERED, seen=0)
    await bench.tells(10)
    assert not (await bench.notifier.table()).entries
    assert await bench.storage.journal.length() > 0
    await lose_all_messages(bench.storage)
    await bench.ends_baseline(20)
    told = await bench.tells(30)
    assert (told.blobs, told.cards) == (1, 1)
    assert "Ada Lovelace (ada@contoso.example): not covered" in bench.teams.text


async def test_a_lost_queue_message_delays_a_line_by_an_hour_at_most(bench: Bench) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    await bench.commits(1, UNCOVERED, seen=20)
    await lose_all_messages(bench.storage)
    await bench.tells(3600)
    assert len(bench.teams.titles) == 1
    await bench.tells(3620)
    assert bench.teams.titles[1:] == ["A user can reset a password without the licence for it"]


async def test_only_one_runs_at_a_time(bench: Bench) -> None:
    await bench.ends_baseline(0)
    bench.teams.gate.clear()
    first = asyncio.create_task(bench.tells(10))
    await bench.teams.asked.wait()
    assert await bench.tells(11) == Told(busy=True)
    bench.teams.gate.set()
    assert (await first).cards == 1
    assert len(bench.teams.titles) == 1


async def test_a_crash_after_sending_repeats_the_card_and_then_remembers_it(bench: Bench) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    await bench.commits(1, UNCOVERED, seen=20)
    bench.teams.dies = True
    with pytest.raises(Killed):
        await bench.tells(20 + 960)
    bench.teams.dies = False
    bench.restarted()
    for seconds in (1000, 1060, 5000):
        await bench.tells(seconds)
    assert bench.teams.titles[1:] == ["A user can reset a password without the licence for it"] * 2


async def test_the_end_of_a_finding_whose_card_was_sent_before_a_crash_is_told(bench: Bench) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    await bench.commits(1, UNCOVERED, seen=20)
    bench.teams.dies = True
    with pytest.raises(Killed):
        await bench.tells(20 + 960)
    bench.teams.dies = False
    bench.restarted()
    await bench.commits(1, seen=990)
    await bench.tells(1100)
    assert bench.teams.titles[2:] == ["Fixed: A user is licensed for password reset again"]


async def test_a_crash_leaves_no_line_out_of_the_trail(bench: Bench) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    await bench.commits(1, UNCOVERED, seen=20)
    await bench.commits(2, UNCOVERED, seen=30)
    await bench.tells(40)
    await bench.commits(2, seen=970)
    bench.teams.dies = True
    with pytest.raises(Killed):
        await bench.tells(20 + 960)
    bench.teams.dies = False
    bench.restarted()
    await bench.tells(1100)
    evidence = bench.storage.evidence
    blobs = [await evidence.read(one.name) async for one in evidence.names(f"{TENANT_ID}/told/")]
    lines = [
        msgspec.json.decode(line, type=TrailLine) for blob in blobs if blob for line in blob.data.splitlines()
    ]
    assert [line.event for line in lines].count("netted") == 1
    assert [line.event for line in lines].count("sent") == 2


async def test_a_failed_hand_over_is_kept_shown_in_health_and_told_later(bench: Bench) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    await bench.commits(1, UNCOVERED, seen=20)
    bench.teams.answer = Failed(status="http-429", retry_after=timedelta(seconds=300))
    told = await bench.tells(980)
    assert (told.cards, told.failures, len(told.handovers)) == (0, 1, 1)
    well = await bench.notifier.health(after(1000))
    assert "http-429" in well.problems[0]
    assert well.detail["standing"] == {"handover-delayed": 1}
    msgspec.json.encode(well.detail)
    bench.teams.answer = Delivered()
    await bench.tells(1270)
    assert len(bench.teams.titles) == 1
    await bench.tells(1280)
    assert len(bench.teams.titles) == 2
    assert "could not be handed over since" in bench.teams.text
    assert (await bench.notifier.health(after(1300))).problems == ()


async def test_health_says_of_each_route_when_it_last_took_a_card_and_when_a_digest(bench: Bench) -> None:
    """By this docs/telling.md tells a flow that died silently from a watch that did not send."""

    async def shown(at: float) -> tuple[object, object]:
        [(name, times)] = (await bench.notifier.health(after(at))).detail["routes"].items()
        assert name == "teams"
        return times["last_handover_at"], times["digest_at"]

    assert await shown(0) == (None, None)
    await bench.ends_baseline(0)
    await bench.tells(10)
    assert await shown(20) == (after(10), None)
    a_week_later = 8 * 86_400
    bench.teams.answer = Failed(status="http-503")
    await bench.tells(a_week_later)
    assert await shown(a_week_later) == (after(10), None)
    bench.teams.answer = Delivered()
    await bench.tells(a_week_later + 60)
    assert await shown(a_week_later + 90) == (after(a_week_later + 60), after(a_week_later + 60))


async def test_after_a_failure_that_hits_all_the_rest_is_not_sent_and_not_in_doubt(bench: Bench) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    for user in (1, 2, 3):
        await bench.commits(user, UNCOVERED, seen=20 + user)
    bench.teams.answer = Failed(status="unreachable")
    told = await bench.tells(1000)
    assert (told.cards, told.failures) == (0, 1)
    table = await bench.notifier.table()
    assert [entry.doubt for entry in table.entries.values()] == [{}, {}, {}]


async def test_members_of_a_group_whose_job_runs_are_held(bench: Bench) -> None:
    group = LicensingGroup(id=GROUP, processing_since=after(0))
    facts = TenantFacts(tenant_id=TENANT_ID, groups={GROUP: group})
    await bench.ends_baseline(0, facts=facts)
    members = Packing()
    members.add([user_id(1)])
    await bench.storage.evidence.put(f"{TENANT_ID}/groups/{GROUP}", members.packed())
    await bench.tells(10)
    await bench.commits(1, UNCOVERED, seen=20)
    told = await bench.tells(1100)
    assert told.standing == {"held-by-licensing": 1}
    await bench.commits(1, seen=1200)
    await bench.tells(9000)
    assert len(bench.teams.titles) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"entries": 7}',
        gzip.compress(b""),
        gzip.compress(b'{"cursors": 7}\n'),
        gzip.compress(b'{"cursors": {"\xff": 1}}\n'),
        gzip.compress(b'{}\n{"id": 7}\n'),
        packed(Table())[:-9],
        packed(Table()) + b"{}",
    ],
)
async def test_a_table_that_can_not_be_read_stops_the_run_and_is_left_as_it_is(
    bench: Bench, data: bytes
) -> None:
    manifest = await bench.ledger.manifest()
    assert manifest is not None
    path = f"{TENANT_ID}/{manifest.epoch}/telling"
    await bench.storage.ledger.put(path, data, gzip=False)
    with pytest.raises(TableUnreadable, match=path):
        await bench.tells(10)
    stored = await bench.storage.ledger.read(path)
    assert stored is not None
    assert stored.data == data


async def test_a_write_whose_answer_got_lost_is_recognised(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    real = bench.storage.ledger.replace

    async def lost(name: str, data: bytes, etag: str, *rest: Any, **named: Any) -> str:
        await real(name, data, etag, *rest, **named)
        raise Stale(name)

    await bench.commits(1, UNCOVERED, seen=20)
    monkeypatch.setattr(bench.storage.ledger, "replace", lost)
    assert (await bench.tells(980)).cards == 1
    monkeypatch.undo()
    await bench.tells(2000)
    assert len(bench.teams.titles) == 2


async def test_a_table_that_another_wrote_is_not_overwritten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    real = bench.storage.ledger.replace

    async def overtaken(name: str, data: bytes, etag: str, *rest: Any, **named: Any) -> str:
        await real(name, packed(Table(ran_at=after(979))), etag, gzip=False)
        raise Stale(name)

    await bench.commits(1, UNCOVERED, seen=20)
    monkeypatch.setattr(bench.storage.ledger, "replace", overtaken)
    with pytest.raises(Stale):
        await bench.tells(980)
    assert len(bench.teams.titles) == 1
    assert await bench.notifier.table() == Table(ran_at=after(979))


@pytest.mark.parametrize(("refusals", "cards"), [(2, 1), (3, 0)])
async def test_where_another_is_said_to_have_written_and_nobody_did_it_is_written_again_a_few_times(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, refusals: int, cards: int
) -> None:
    await bench.ends_baseline(0)
    await bench.tells(10)
    real, said = bench.storage.ledger.replace, 0

    async def refused(name: str, *rest: Any, **named: Any) -> str:
        nonlocal said
        said += 1
        if said <= refusals:
            raise Stale(name)
        return await real(name, *rest, **named)

    await bench.commits(1, UNCOVERED, seen=20)
    monkeypatch.setattr(bench.storage.ledger, "replace", refused)
    if cards:
        assert (await bench.tells(980)).cards == cards
    else:
        with pytest.raises(Stale):
            await bench.tells(980)
    assert len(bench.teams.titles) == 1 + cards


async def test_logs_hold_no_names_and_no_address(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="watch")
    await bench.commits(1, UNCOVERED, seen=0)
    await bench.ends_baseline(20)
    await bench.tells(30)
    bench.teams.answer = Failed(status="http-403")
    await bench.commits(1, seen=40)
    await bench.tells(500)
    assert "1 cards handed over" in caplog.text
    assert "http-403" in caplog.text
    for secret in ("Ada", "ada@", "secret-of-the-webhook", "127.0.0.1:9"):
        assert secret not in caplog.text


async def test_people_are_told_in_the_language_that_is_set(bench: Bench) -> None:
    dutch = msgspec.structs.replace(SETTINGS.telling, language="nl")
    bench.restarted(msgspec.structs.replace(SETTINGS, telling=dutch))
    await bench.commits(1, UNCOVERED, seen=0)
    await bench.ends_baseline(20)
    await bench.tells(30)
    assert bench.teams.titles == ["De eerste uitlezing is klaar: 2 gebruikers gelezen"]
    await bench.commits(2, UNCOVERED, seen=100, name="Grace Hopper")
    await bench.tells(160)
    await bench.tells(100 + 960)
    wrong = "Een gebruiker kan het wachtwoord opnieuw instellen zonder de licentie daarvoor"
    assert bench.teams.titles[1:] == [wrong]
    assert {card["attachments"][0]["content"]["lang"] for card in bench.teams.payloads} == {"nl"}
