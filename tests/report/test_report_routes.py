"""The report's routes on a real ledger: what they answer, how fast, and that they write nothing."""

import csv
import io
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio
from azure.core.exceptions import ServiceRequestError

from shared.ledger.manifest import Paths, exceptions_path, watched_path
from shared.report.trend import trend_path
from shared.settings import load
from shared.storage import Storage
from shared.texts.catalogue import catalogue
from shared.watch import reports
from shared.watch.parts import Watch
from tests.report.ledgers import GROUP, NOW, TENANT_ID, Made, fill, made
from tests.settings.good_settings import GOOD

pytestmark = pytest.mark.real

KEY = "k" * 40
LET_IN = {"X-Watch-Key": KEY}
ASKS = {
    "report": reports.page,
    "report.csv": reports.csv,
    "report.json": reports.json,
    "report/rows": reports.rows,
    "report/user": reports.user,
}


class At(Watch):
    """The watch at the time of the ledger's last reading."""

    def now(self) -> Any:
        return NOW


@pytest.fixture
def settings(storage_account: str) -> dict[str, str]:
    return {
        **GOOD,
        "TENANT_ID": TENANT_ID,
        "WATCH_STORAGE": storage_account,
        "NOTIFICATION_BASE_URL": "http://127.0.0.1:7171",
        "LOCAL_KEY": KEY,
        "PASSWORD_WRITEBACK": "on",
        "SSPR_SCOPE": "all",
    }


@pytest_asyncio.fixture
async def watch(settings: dict[str, str], storage: Storage) -> AsyncIterator[At]:
    watch = At(load(settings))
    yield watch
    await watch.notifier.close()
    await watch.storage.close()


@pytest.fixture(scope="module")
def ledger() -> Made:
    """Three shards and more of users."""
    return made(900, per_shard=250)


async def ask(watch: Watch, what: str, **params: str) -> reports.Answer:
    return await reports.answer(watch, LET_IN, params, ASKS[what])


def meant_for(what: str) -> dict[str, str]:
    """The parameters without which a route has nothing to look for."""
    return {"id": GROUP} if what == "report/user" else {}


async def test_before_anything_was_read_the_report_says_so(watch: At) -> None:
    answer = await ask(watch, "report/rows")
    assert (answer.status, answer.kind) == (503, reports._TEXT)
    assert b"has not read this tenant yet" in answer.body


async def test_before_anything_was_read_no_route_reads_graph_or_makes_anything(
    watch: At, storage: Storage
) -> None:
    for what in ASKS:
        assert (await ask(watch, what, **meant_for(what))).status == 503
    assert "graph" not in vars(watch)
    assert [one async for one in storage.ledger.names("")] == []


async def test_in_storage_without_containers_nothing_was_read_yet_either(settings: dict[str, str]) -> None:
    watch = At(load(settings))
    for what in ASKS:
        answer = await ask(watch, what, **meant_for(what))
        assert answer.status == 503
        assert b"has not read this tenant yet" in answer.body
    await watch.storage.close()


async def test_a_trend_that_cannot_be_read_is_told_and_not_taken_for_none_yet(
    watch: At, storage: Storage, ledger: Made
) -> None:
    await fill(storage, ledger)
    await storage.evidence.put(trend_path(TENANT_ID), b'{"schema": 9, "points": []}')
    for language in ("en", "nl"):
        said = msgspec.json.decode((await ask(watch, "report.json", language=language)).body)["report"]
        wanted = catalogue(language).text("report", "trend_unreadable", path=trend_path(TENANT_ID))
        assert wanted in said["health"]
        assert "trend" not in said


async def test_what_is_wrong_with_the_watch_is_told_in_the_language_that_is_asked_for(
    watch: At, storage: Storage, ledger: Made
) -> None:
    await fill(storage, ledger)
    english, dutch = [
        msgspec.json.decode((await ask(watch, "report.json", language=one)).body)["report"]["health"]
        for one in ("en", "nl")
    ]
    assert len(english) == len(dutch) > 0
    assert not set(english) & set(dutch)


async def test_every_route_answers_from_the_ledger_and_writes_nothing(
    watch: At, storage: Storage, ledger: Made
) -> None:
    await fill(storage, ledger)
    before = {one.name: one.etag async for one in storage.ledger.names(TENANT_ID)}
    someone = next(one for one in ledger.users if one.open)
    for what in ASKS:
        answer = await ask(watch, what, **({"id": someone.id} if what == "report/user" else {}))
        assert answer.status == 200, (what, answer.body)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert {one.name: one.etag async for one in storage.ledger.names(TENANT_ID)} == before


async def test_all_forms_tell_of_the_same_users(watch: At, storage: Storage, ledger: Made) -> None:
    await fill(storage, ledger)
    document = msgspec.json.decode((await ask(watch, "report.json")).body)
    rows = msgspec.json.decode((await ask(watch, "report/rows", size="1000")).body)
    table = list(csv.reader(io.StringIO((await ask(watch, "report.csv")).body.decode("utf-8-sig"))))
    there = [one for one in ledger.users if one.gone_at is None]
    wanted = {
        one.id
        for one in there
        if one.open or any(state != one.verdict.state for state in one.others.values())
    }
    assert wanted
    assert {one["id"] for one in document["users"]} == wanted
    assert {one["id"] for one in rows["rows"]} == wanted
    assert {line[-1] for line in table[1:]} == wanted
    assert [one["id"] for one in document["users"]] == [one["id"] for one in rows["rows"]]
    assert document["report"]["rows"] == rows["total"] == len(wanted)
    assert document["report"]["users"] == len(there)
    states = {state: n for state, n in document["report"]["states"].items() if n}
    assert ledger.tenant.totals
    assert states == ledger.tenant.totals.states


async def test_rows_are_searched_filtered_and_paged_by_the_server(
    watch: At, storage: Storage, ledger: Made
) -> None:
    await fill(storage, ledger)
    one = msgspec.json.decode((await ask(watch, "report/rows", text="TURING", size="5", sort="name")).body)
    assert one["total"] > 5
    assert len(one["rows"]) == 5
    assert all("Turing" in row["name"] for row in one["rows"])
    two = msgspec.json.decode(
        (await ask(watch, "report/rows", text="turing", size="5", page="2", sort="name")).body
    )
    assert two["total"] == one["total"]
    assert not {row["id"] for row in one["rows"]} & {row["id"] for row in two["rows"]}


@pytest.mark.parametrize(
    "params",
    [{"page": "0"}, {"size": "9999"}, {"states": "fine"}, {"descending": "yes"}, {"language": "xx"}],
    ids=str,
)
async def test_a_parameter_that_cannot_be_used_is_400_and_one_sentence(
    watch: At, params: dict[str, str]
) -> None:
    answer = await ask(watch, "report/rows", **params)
    assert answer.status == 400
    name, value = next(iter(params.items()))
    said = answer.body.decode()
    assert name in said
    assert value in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("what", "params", "known"),
    [
        ("report.csv", {"state": "uncovered"}, "states, "),
        ("report/rows", {"foo": "bar"}, "states, "),
        ("report.json", {"states": "uncovered"}, ": language."),
        ("report", {"states": "uncovered"}, ": language."),
        ("report/user", {"user": "x"}, ": id, language."),
    ],
)
async def test_a_parameter_that_is_not_known_is_400_and_never_everybody(
    watch: At, what: str, params: dict[str, str], known: str
) -> None:
    answer = await ask(watch, what, **params)
    assert answer.status == 400
    said = answer.body.decode()
    assert said.startswith(f"There is no parameter {next(iter(params))} here.")
    assert known in said
    assert said.count("\n") == 1


async def test_a_users_id_must_be_one(watch: At) -> None:
    for wrong in ("", "x", "../../manifest", "a0000000-0000-4000-8000-00000000000g"):
        assert (await ask(watch, "report/user", id=wrong)).status == 400


async def test_a_users_history_is_told_as_episodes(watch: At, storage: Storage, ledger: Made) -> None:
    """Somebody who lost every licence for some days, and stands in the journal with it."""
    await fill(storage, ledger)
    fallen = next(
        one for one in ledger.users if one.closed and not one.open and one.verdict.state == "covered"
    )
    said = msgspec.json.decode((await ask(watch, "report/user", id=fallen.id.upper())).body)
    assert said["whole"] is True
    (episode,) = (one for one in said["episodes"] if one["kind"] == "coverage")
    assert episode["state"] == "uncovered"
    assert (episode["from"], episode["to"]) == ("2026-11-18T12:00:00Z", "2026-11-22T10:00:00Z")
    assert episode["ended_text"] == "A licence for it is in place."
    nobody = msgspec.json.decode(
        (await ask(watch, "report/user", id="a0000000-0000-4000-8000-ffffffffffff")).body
    )
    assert nobody == {"row": None, "episodes": [], "whole": True}


async def test_an_exception_stands_beside_whom_it_covers(watch: At, storage: Storage, ledger: Made) -> None:
    await fill(storage, ledger)
    (exception,) = ledger.exceptions
    said = msgspec.json.decode((await ask(watch, "report/rows", text=exception.subject_id)).body)
    (row,) = said["rows"]
    assert "Grace" in row["excepted"]
    document = msgspec.json.decode((await ask(watch, "report.json")).body)
    counts = {one["kind"]: one.get("excepted", 0) for one in document["report"]["kinds"]}
    assert counts["coverage"] == 1


async def test_the_file_opens_safely_in_a_spreadsheet(watch: At, storage: Storage) -> None:
    """A name that is a formula, with a byte order mark before it all."""
    small = made(40)
    (name, shard) = next(iter(small.shards.items()))
    victim = next(one for one in shard.users.values() if one.open)
    hostile = msgspec.structs.replace(victim, name='=HYPERLINK("https://evil.example","x")', upn="@SUM(A1)")
    small.shards[name] = msgspec.structs.replace(shard, users={**shard.users, victim.id: hostile})
    await fill(storage, small)
    body = (await ask(watch, "report.csv")).body
    assert body.startswith(b"\xef\xbb\xbf")
    (line,) = [one for one in csv.reader(io.StringIO(body.decode("utf-8-sig"))) if one[-1] == victim.id]
    assert line[0] == '\'=HYPERLINK("https://evil.example","x")'
    assert line[1] == "'@SUM(A1)"


async def test_a_change_is_seen_and_what_did_not_change_is_not_read_again(
    watch: At, storage: Storage, ledger: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(storage, ledger)
    first = await watch.gatherer.gather(catalogue(), NOW)
    read: list[str] = []
    really = watch.storage.ledger.read

    async def counted(name: str) -> Any:
        read.append(name)
        return await really(name)

    monkeypatch.setattr(watch.storage.ledger, "read", counted)
    await watch.gatherer.gather(catalogue(), NOW)
    assert [name for name in read if "/users/" in name] == []
    name, shard = next(iter(ledger.shards.items()))
    left = dict(list(shard.users.items())[1:])
    changed = msgspec.structs.replace(ledger, shards={name: msgspec.structs.replace(shard, users=left)})
    await fill(storage, changed)
    second = await watch.gatherer.gather(catalogue(), NOW)
    assert [name.rpartition("/")[2] for name in read if "/users/" in name] == [name]
    assert second.report.users == first.report.users - 1


async def test_beyond_the_rows_that_are_kept_shards_are_read_again_and_all_are_told(
    watch: At, storage: Storage, ledger: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(storage, ledger)
    monkeypatch.setattr("shared.report.gathering.ROWS_KEPT", 60)
    first = await watch.gatherer.gather(catalogue(), NOW)
    assert first.report.rows > 60
    assert sum(len(part.rows) for part in watch.gatherer._parts.values()) <= 60
    second = await watch.gatherer.gather(catalogue(), NOW)
    assert {row.id for row in second.rows} == {row.id for row in first.rows}


async def test_what_cannot_be_read_is_503_with_one_sentence_that_names_it_and_no_value(
    watch: At, storage: Storage, ledger: Made
) -> None:
    await fill(storage, ledger)
    shard = Paths(ledger.manifest).book("0001")
    for path in (shard, exceptions_path(TENANT_ID)):
        before = await storage.ledger.read(path)
        assert before
        await storage.ledger.put(path, b'{"users": {"x": {"id": "Ada Lovelace"}}}')
        for what in ("report", "report/rows"):
            answer = await ask(watch, what)
            said = answer.body.decode()
            assert answer.status == 503
            assert path in said
            assert "Lovelace" not in said
            assert said.count("\n") == 1
        await storage.ledger.put(path, before.data)
    assert (await ask(watch, "report")).status == 200


async def test_storage_that_fails_is_503_and_no_address_is_told(
    watch: At, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(name: str) -> Any:
        raise ServiceRequestError("https://account.example/?sig=secret")

    monkeypatch.setattr(watch.storage.ledger, "read", broken)
    for what in ("report/rows", "report.csv"):
        answer = await ask(watch, what)
        assert answer.status == 503
        assert b"ServiceRequestError" in answer.body
        assert b"secret" not in answer.body
    assert "secret" not in caplog.text


async def test_members_of_an_excepted_group_are_covered(watch: At, storage: Storage, ledger: Made) -> None:
    inside, outside = [one.id for one in ledger.users if one.open][-2:]
    agreed = msgspec.structs.replace(ledger.exceptions[0], subject_type="group", subject_id=GROUP)
    await fill(storage, msgspec.structs.replace(ledger, exceptions=(agreed,)))
    await storage.evidence.put(watched_path(TENANT_ID, GROUP), UUID(inside).bytes)
    for user_id, covered in ((inside, True), (outside, False)):
        said = msgspec.json.decode((await ask(watch, "report/rows", text=user_id)).body)
        assert bool(said["rows"][0]["excepted"]) is covered


async def test_a_hundred_thousand_users_are_answered_in_time(watch: At, storage: Storage) -> None:
    """Budgets with room for a busy machine: the first page some 1.5 s, what follows some 0.3 s."""
    await fill(storage, made(100_000))
    began = time.process_time()
    first = await ask(watch, "report")
    took = time.process_time() - began
    assert first.status == 200
    assert len(first.body) <= 1_000_000
    assert took < 3
    began = time.process_time()
    for what, params in (("report/rows", {"text": "turing"}), ("report", {})):
        assert (await ask(watch, what, **params)).status == 200
    assert time.process_time() - began < 1
