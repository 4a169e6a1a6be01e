"""`snapshot list` and `snapshot get`: what is kept is listed, and comes out whole or not at all."""

import gzip
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.archive import snapshots as archive
from shared.archive.snapshots import Index, Part
from shared.model import TenantFacts, User
from shared.model.tenant import Standing
from shared.rules.policy import Policy
from shared.snapshot.file import SnapshotUnreadable, read
from shared.snapshot.judging import Comparison, rejudged
from shared.snapshot.lines import SCHEMA, End, Head, Reading
from shared.snapshot.pseudonyms import Pseudonyms
from shared.storage import Storage
from tests.admin.shell import PEOPLE, ROOT, Shell
from tests.ledger.readings import TENANT_ID, user_id
from tests.snapshot.snapshots import RULES, written

AT = datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC)
FIRST, SECOND = "a1" * 16, "b2" * 16
KEY = "a-key-of-these-tests-0123456789abcdef"


def part_of(bucket: int, at: datetime, population: str = "enabled") -> tuple[Part, bytes]:
    """A part with one section of two of the people."""
    head = Head(
        schema=SCHEMA,
        taken_at=at,
        source="sweep",
        rules=RULES.digest,
        policy=Policy(scope="all", population=population),
        facts=TenantFacts(tenant_id=TENANT_ID, domains=("contoso.example",)),
    )
    readings = [
        Reading(
            user=User(
                id=user_id(number),
                user_principal_name=f"{PEOPLE[number].split()[0].lower()}@contoso.example",
                display_name=PEOPLE[number],
                account_enabled=True,
            ),
            standing=Standing(),
            at=at,
        )
        for number in (2 * bucket + 1, 2 * bucket + 2)
    ]
    data = written(head, readings)
    [end] = [line for line in read(io.BytesIO(data)) if isinstance(line, End)]
    name = archive.part_name(bucket)
    return Part(name=name, users=2, sections=1, size=len(data), verdicts=end.verdicts), data


async def kept(storage: Storage, at: datetime, reading: str, key_check: str = "") -> None:
    """A snapshot of two parts in storage."""
    place = archive.folder(TENANT_ID, at, reading)
    found = [part_of(bucket, at) for bucket in range(2)]
    for part, data in found:
        await archive.write_part(storage.evidence, place, part, data)
    index = Index(
        schema=SCHEMA,
        reading=reading,
        taken_at=at,
        ended_at=at,
        edition="2017-10-24",
        parts=tuple(part for part, _ in found),
        key_check=key_check,
    )
    await archive.complete(storage.evidence, place, index)


@pytest.fixture
def filled(shell: Shell) -> Shell:
    """A storage with two snapshots, of the 20th and the 21st of November."""
    shell.with_storage(lambda storage: kept(storage, AT, FIRST))
    shell.with_storage(lambda storage: kept(storage, AT + timedelta(days=1), SECOND))
    return shell


pytestmark = pytest.mark.real


def test_what_is_kept_is_listed_the_oldest_first(filled: Shell) -> None:
    answer = filled.run("snapshot", "list")
    assert (answer.code, answer.err) == (0, "")
    header, _, first, second = [line for line in answer.out.splitlines() if line.strip()]
    assert header.split() == ["Day", "Began", "Reading", "Users", "MB", "Edition", "Names"]
    assert first.split() == ["2026-11-20", "03:04", FIRST[:8], "4", "0.0", "2017-10-24", "as", "they", "are"]
    assert second.split()[0] == "2026-11-21"
    listed = json.loads(filled.run("snapshot", "list", "--json").out)
    assert listed["schema"] == 1
    assert listed["snapshots"][0] == {
        "day": "2026-11-20",
        "taken_at": "2026-11-20T03:04:05Z",
        "reading": FIRST,
        "users": 4,
        "bytes": listed["snapshots"][0]["bytes"],
        "edition": "2017-10-24",
        "pseudonymised": False,
    }


def test_where_none_is_kept_that_is_said_with_why(shell: Shell) -> None:
    answer = shell.run("snapshot", "list")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("No snapshot is kept. ")
    answer = shell.run("snapshot", "get", "latest", "--out", "nowhere/x")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("No snapshot is kept. ")


@pytest.mark.parametrize("wanted", ["latest", "2026-11-21", f"2026-11-21/{SECOND[:6]}"])
def test_a_snapshot_comes_out_as_one_file_that_is_judged_again(
    filled: Shell, tmp_path: Path, wanted: str
) -> None:
    file = tmp_path / "snapshot.ndjson.gz"
    answer = filled.run("snapshot", "get", wanted, "--out", str(file))
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"Written: {file}, 4 users as read on 21 November 2026, 03:04 UTC, 0.0 MB.\n"
    with file.open("rb") as source:
        lines = list(read(source))
    assert sum(isinstance(line, Reading) for line in lines) == 4
    ends = [one for one in rejudged(lines, RULES) if isinstance(one, Comparison)]
    assert [end.same for end in ends] == [True, True]
    assert file.stat().st_mode & 0o077 == 0
    assert os.listdir(tmp_path) == [file.name]


def test_with_a_key_names_are_replaced_and_the_verdicts_hold(filled: Shell, tmp_path: Path) -> None:
    key, file = tmp_path / "key", tmp_path / "snapshot.ndjson.gz"
    key.write_text(f"{KEY}\n")
    answer = filled.run("snapshot", "get", "2026-11-20", "--out", str(file), "--pseudonymise", str(key))
    assert (answer.code, answer.err) == (0, "")
    assert KEY not in answer.out
    text = gzip.decompress(file.read_bytes()).decode()
    assert not any(word in text for name in PEOPLE.values() for word in name.split())
    lines = list(read(io.BytesIO(file.read_bytes())))
    assert {line.user.id for line in lines if isinstance(line, Reading)} == {
        Pseudonyms(KEY).object_id(user_id(number)) for number in range(1, 5)
    }
    ends = [one for one in rejudged(lines, RULES) if isinstance(one, Comparison)]
    assert [(end.same, end.rules_differ) for end in ends] == [(True, False)] * 2


def test_a_day_without_one_is_said_with_those_that_there_are(filled: Shell, tmp_path: Path) -> None:
    answer = filled.run("snapshot", "get", "2026-11-22", "--out", str(tmp_path / "x"))
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "No snapshot is kept of 2026-11-22. There are those of: 2026-11-20, 2026-11-21.\n"


def test_what_is_not_whole_leaves_no_file(filled: Shell, tmp_path: Path) -> None:
    place = archive.folder(TENANT_ID, AT, FIRST)

    async def harm(storage: Storage) -> None:
        _, other = part_of(1, AT, population="capable")
        await storage.evidence.put(f"{place}{archive.part_name(1)}", other[:-9], gzip=False)

    async def lose(storage: Storage) -> None:
        await storage.evidence.delete(f"{place}{archive.part_name(1)}")

    for work, said in ((harm, "cut short"), (lose, "the part 0001.ndjson.gz is gone")):
        filled.with_storage(work)
        for hidden in ((), ("--pseudonymise", "key")):
            answer = filled.run("snapshot", "get", "2026-11-20", "--out", "x", *hidden, cwd=tmp_path)
            assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)
            assert said in answer.err
            assert os.listdir(tmp_path) == []


def test_another_part_than_was_written_is_not_trusted(filled: Shell, tmp_path: Path) -> None:
    async def swap(storage: Storage) -> None:
        _, other = part_of(0, AT)
        name = f"{archive.folder(TENANT_ID, AT, FIRST)}{archive.part_name(1)}"
        await storage.evidence.put(name, other, gzip=False)

    filled.with_storage(swap)
    answer = filled.run("snapshot", "get", "2026-11-20", "--out", str(tmp_path / "x"))
    assert answer.code == 2
    assert "is not the one that the watch wrote" in answer.err


def test_nothing_is_written_over(filled: Shell, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("mine")
    answer = filled.run("snapshot", "get", "latest", "--out", str(file))
    assert (answer.code, file.read_text()) == (2, "mine")
    assert "already" in answer.err
    answer = filled.run("snapshot", "get", "latest", "--out", str(tmp_path / "no" / "x"))
    assert answer.code == 2
    assert "can't be written: No such file or directory" in answer.err


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff" * 40, "can't be read"), (b"short", "too short")],
)
def test_a_key_that_is_none_is_said_before_anything_is_read(
    tmp_path: Path, content: bytes, said: str
) -> None:
    key = tmp_path / "key"
    key.write_bytes(content)
    shell = Shell("UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://127.0.0.1:9")
    answer = shell.run("snapshot", "get", "latest", "--out", str(tmp_path / "x"), "--pseudonymise", str(key))
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert content == key.read_bytes()


def test_a_key_that_is_not_there_is_made_and_serves_again(filled: Shell, tmp_path: Path) -> None:
    key = tmp_path / "key"
    texts = []
    for name in ("x", "y"):
        file = tmp_path / name
        answer = filled.run("snapshot", "get", "latest", "--out", str(file), "--pseudonymise", str(key))
        assert (answer.code, answer.err) == (0, "")
        assert ("A new key was written" in answer.out) == (name == "x")
        texts.append(gzip.decompress(file.read_bytes()))
    assert texts[0] == texts[1]
    assert key.stat().st_mode & 0o077 == 0
    # As an editor of Windows saves it again.
    key.write_bytes(b"\xef\xbb\xbf" + key.read_bytes().replace(b"\n", b"\r\n"))
    file = tmp_path / "z"
    assert filled.run("snapshot", "get", "latest", "--out", str(file), "--pseudonymise", str(key)).code == 0
    assert gzip.decompress(file.read_bytes()) == texts[0]


@pytest.mark.parametrize(
    ("wanted", "key"), [("2026-11-22", "key"), ("latest", "x"), ("latest", "nowhere/key")]
)
def test_where_nothing_is_written_no_key_is_left_either(
    filled: Shell, tmp_path: Path, wanted: str, key: str
) -> None:
    answer = filled.run("snapshot", "get", wanted, "--out", "x", "--pseudonymise", key, cwd=tmp_path)
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1)
    assert os.listdir(tmp_path) == []


def test_one_of_an_edition_that_this_release_lacks_is_said_and_leaves_no_file(
    filled: Shell, tmp_path: Path
) -> None:
    at = AT + timedelta(days=3)

    async def keep(storage: Storage) -> None:
        place = archive.folder(TENANT_ID, at, "d4" * 16)
        part, data = part_of(0, at)
        data = gzip.compress(gzip.decompress(data).replace(b"2017-10-24", b"2031-01-01", 1))
        await archive.write_part(storage.evidence, place, part, data)
        index = Index(
            schema=SCHEMA, reading="d4" * 16, taken_at=at, ended_at=at, edition="2031-01-01", parts=(part,)
        )
        await archive.complete(storage.evidence, place, index)

    filled.with_storage(keep)
    for command in (
        ("snapshot", "get", "latest", "--out", "x", "--pseudonymise", "key"),
        ("replay", "--date", "2026-11-23"),
    ):
        answer = filled.run(*command, cwd=tmp_path)
        assert (answer.code, answer.out, len(answer.err.splitlines())) == (2, "", 1), answer.err
        assert "the edition 2031-01-01" in answer.err
        assert os.listdir(tmp_path) == []


def test_an_index_of_a_later_form_is_said_to_be_one(filled: Shell, tmp_path: Path) -> None:
    name = f"{archive.folder(TENANT_ID, AT, FIRST)}index"

    async def later(storage: Storage) -> None:
        await storage.evidence.put(name, b'{"schema": 2, "reading": 7}')

    found = filled.with_storage(lambda storage: archive.find(storage.evidence, TENANT_ID, "2026-11-20"))
    filled.with_storage(later)

    async def read_index(storage: Storage) -> None:
        with pytest.raises(SnapshotUnreadable, match="schema 2 is not known"):
            await archive.index_of(storage.evidence, TENANT_ID, found)

    filled.with_storage(read_index)


def test_one_that_has_pseudonyms_already_gets_no_others(filled: Shell, tmp_path: Path) -> None:
    at = AT + timedelta(days=2)
    filled.with_storage(lambda storage: kept(storage, at, "c3" * 16, Pseudonyms(KEY).check))
    assert filled.run("snapshot", "list").out.splitlines()[-2].split()[-1] == "replaced"
    key = tmp_path / "key"
    key.write_text(KEY)
    answer = filled.run("snapshot", "get", "latest", "--out", str(tmp_path / "x"), "--pseudonymise", str(key))
    assert answer.code == 2
    assert "already" in answer.err


def test_another_tenants_id_is_refused(filled: Shell) -> None:
    answer = filled.run("snapshot", "list", TENANT_ID="00000000-0000-4000-8000-0000000000ff")
    assert answer.code == 2
    assert TENANT_ID in answer.err


@pytest.mark.real
def test_a_full_disk_behind_the_list_is_one_sentence_that_names_the_output(shell: Shell) -> None:
    environ = {**os.environ, **shell.environ, "PYTHONPATH": str(ROOT), "WATCH_LANGUAGE": "en"}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "admin", "snapshot", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environ,
            cwd=ROOT,
            check=False,
        )
    assert (done.returncode, done.stderr.decode().partition(".")[0]) == (
        1,
        "The output could not be written: No space left on device",
    )
