"""`python -m admin what-if` at a shell: exit codes, what is wrong in a sentence, progress, Ctrl-C, names."""

import gzip
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from shared.rules.policy import Policy
from shared.snapshot.opening import FILE_NAME
from shared.texts.catalogue import Catalogue
from tests.admin.shell import ROOT, Answer, Shell
from tests.snapshot.snapshots import written
from tests.whatif.contoso import (
    DESIGN,
    FOLDER,
    OFFICE,
    P1,
    P1_PLAN,
    PREMIUM,
    by,
    contoso,
    head,
    person,
    saved,
    sku,
)

WRITEBACK = ("--writeback", "on")
OLD = "cp1252"
"""As Windows gives it to a program whose output is redirected."""


def run(place: Path, *arguments: str, language: str = "en") -> Answer:
    return Shell("").run("what-if", *arguments, cwd=place, COLUMNS="80", WATCH_LANGUAGE=language)


def test_without_settings_storage_or_network_a_folder_and_its_file_say_the_same(tmp_path: Path) -> None:
    saved(tmp_path)
    by_folder, by_file = run(tmp_path, FOLDER, *WRITEBACK), run(tmp_path, f"{FOLDER}/{FILE_NAME}", *WRITEBACK)
    assert (by_folder.code, by_folder.err) == (0, "")
    assert by_folder == by_file


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ((FOLDER,), 1),
        ((FOLDER, "--writeback", "maybe", "--scope", "x", "--drop-sku", "NOTHING", "--add-seats", "7"), 4),
        ((FOLDER, "--move-group", "a:b"), 2),
        ((FOLDER, "--csv", "--json", *WRITEBACK), 1),
        (("nowhere", *WRITEBACK), 1),
        (("broken.ndjson.gz", *WRITEBACK), 1),
        (("cut.ndjson.gz", *WRITEBACK), 1),
        (("later.ndjson.gz", *WRITEBACK), 1),
    ],
    ids=["nothing", "four", "groups", "forms", "missing", "broken", "cut", "edition"],
)
def test_what_is_wrong_is_a_sentence_each_with_the_next_step(
    arguments: tuple[str, ...], lines: int, tmp_path: Path, texts: Catalogue
) -> None:
    data = (saved(tmp_path) / FILE_NAME).read_bytes()
    (tmp_path / "broken.ndjson.gz").write_bytes(b"%PDF-1.7")
    (tmp_path / "cut.ndjson.gz").write_bytes(data[: len(data) // 2])
    first, people = contoso()
    later = gzip.decompress(written(first, people))
    later = gzip.compress(later.replace(first.policy.edition.encode(), b"2031-01-01", 1))
    (tmp_path / "later.ndjson.gz").write_bytes(later)
    answer = run(tmp_path, *arguments, language=texts.language)
    assert (answer.code, answer.out) == (2, "")
    told = answer.err.splitlines()
    assert len(told) == lines
    assert all(line.endswith(".") and ". " in line for line in told), told


@pytest.mark.parametrize("form", [(), ("--csv",), ("--json",)], ids=["table", "csv", "json"])
def test_on_a_machine_with_an_old_code_page_a_file_gets_utf_8(tmp_path: Path, form: tuple[str, ...]) -> None:
    saved(tmp_path)
    for command in (("what-if", FOLDER, *WRITEBACK), ("replay", FOLDER, "--edition", "2025-03-04")):
        plain, old = (
            Shell("").run(*command, *form, cwd=tmp_path, PYTHONIOENCODING=coding) for coding in ("utf-8", OLD)
        )
        assert old == plain
        assert old.err == ""
        assert "\r\r" not in old.out


def test_what_is_there_is_listed_whole_for_whoever_mistypes(tmp_path: Path) -> None:
    saved(tmp_path)
    answer = run(tmp_path, FOLDER, "--move-group", f"{OFFICE}:0c000000-0000-4000-8000-000000000000")
    assert answer.code == 2
    assert all(group in answer.err for group in (OFFICE, PREMIUM, DESIGN))


def test_the_group_of_a_scope_that_is_not_known_is_told_with_the_command_that_records_it(
    tmp_path: Path,
) -> None:
    saved(tmp_path)
    answer = run(tmp_path, FOLDER, "--scope", "groups:0c000000-0000-4000-8000-000000000000")
    assert answer.code == 2
    assert "python -m admin audit --group 0c000000-0000-4000-8000-000000000000" in answer.err


def test_hostile_names_are_shown_as_they_read_and_do_nothing(tmp_path: Path) -> None:
    first = head([sku("6fd2c87f-b296-42f0-b197-1e91e994b900", 1, 0)])
    facts = msgspec.structs.replace(first.facts, display_name="[red]Evil\x1b[2J\n{n}")
    one = person(1)
    user = msgspec.structs.replace(one.user, user_principal_name="=cmd|'/c calc'!A1\x1b[2J[b]")
    people = [msgspec.structs.replace(one, user=user)]
    (tmp_path / "evil.ndjson.gz").write_bytes(written(msgspec.structs.replace(first, facts=facts), people))
    for form in ((), ("--csv",), ("--json",)):
        answer = run(tmp_path, "evil.ndjson.gz", "--add-seats", "AAD_PREMIUM=1", *form)
        assert (answer.code, answer.err) == (0, "")
        assert "\x1b" not in answer.out
    undone = msgspec.structs.replace(
        first, policy=msgspec.structs.replace(first.policy, scope="groups", scope_groups=("x",)), facts=facts
    )
    (tmp_path / "evil.ndjson.gz").write_bytes(written(undone, people))
    table = run(tmp_path, "evil.ndjson.gz", "--scope", "all")
    assert "[red]Evil" in table.out
    assert "[b]" in table.out
    assert "\x1b" not in table.out
    assert "\"'=cmd|" in run(tmp_path, "evil.ndjson.gz", "--scope", "all", "--csv").out


def test_progress_is_shown_to_whoever_looks_at_a_terminal_and_to_nobody_else(tmp_path: Path) -> None:
    saved(tmp_path)
    assert run(tmp_path, FOLDER, *WRITEBACK).err == ""
    ours, theirs = pty.openpty()
    with _started(tmp_path, FOLDER, *WRITEBACK, stderr=theirs) as process:
        out, _ = process.communicate(timeout=60)
        os.close(theirs)
        shown = os.read(ours, 100_000).decode()
        os.close(ours)
    assert process.returncode == 0
    assert "Reading the snapshot" in shown
    assert "Reading the snapshot" not in out.decode()


@pytest.mark.timeout(120)
def test_ctrl_c_ends_it_with_one_sentence(tmp_path: Path) -> None:
    first, people = contoso()
    many = [
        msgspec.structs.replace(one, user=msgspec.structs.replace(one.user, id=f"{one.user.id}-{n}"))
        for n in range(2_000)
        for one in people
    ]
    file = tmp_path / "many.ndjson.gz"
    file.write_bytes(written(first, many))
    with _started(tmp_path, file.name, *WRITEBACK, stderr=subprocess.PIPE) as process:
        _until_it_reads(process, file)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.decode()) == (130, b"", "Stopped. Nothing was changed.\n")


@pytest.mark.parametrize(
    "command",
    [("what-if", FOLDER, *WRITEBACK), ("what-if", FOLDER, *WRITEBACK, "--csv"), ("replay", FOLDER)],
    ids=["what-if", "csv", "replay"],
)
def test_a_full_disk_behind_the_output_is_one_sentence_that_names_the_output(
    command: tuple[str, ...], tmp_path: Path, texts: Catalogue
) -> None:
    saved(tmp_path)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "WATCH_LANGUAGE": texts.language}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "admin", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environ,
            check=False,
        )
    sentence = texts.text("snapshots", "trouble-output", problem="No space left on device")
    assert (done.returncode, done.stderr.decode()) == (1, sentence + "\n")


def test_a_product_that_the_tenant_does_not_have_is_refused_and_those_it_has_are_listed(
    tmp_path: Path, texts: Catalogue
) -> None:
    saved(tmp_path)
    owned = "AAD_PREMIUM, ENTERPRISEPACK, SPE_E3, VISIOCLIENT"
    for name, code in (("EMSPREMIUM", "not-owned"), ("NOPE", "unknown-sku")):
        answer = run(tmp_path, FOLDER, "--drop-sku", name, language=texts.language)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err == texts.text("what_if", "faults", code, sku=name, known=owned) + "\n"


def test_a_scope_that_names_no_object_id_is_not_sent_to_an_audit_that_refuses_it(
    tmp_path: Path, texts: Catalogue
) -> None:
    saved(tmp_path)
    answer = run(tmp_path, FOLDER, "--scope", "groups:abc", language=texts.language)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == texts.text("what_if", "faults", "scope-not-id", group="abc") + "\n"


def test_dropping_and_buying_the_same_product_is_told_by_its_name(tmp_path: Path) -> None:
    saved(tmp_path)
    answer = run(tmp_path, FOLDER, "--drop-sku", "SPE_E3", "--add-seats", "SPE_E3=5")
    assert (answer.code, answer.err.partition(" is ")[0]) == (2, "The product SPE_E3")


def test_cover_by_a_plan_that_is_off_says_so_beside_its_cause(tmp_path: Path, texts: Catalogue) -> None:
    policy = Policy(scope="all", writeback="on")
    first = head([sku(P1, 2, 2)], policy=policy)
    people = [person(1, by(None, P1, off=(P1_PLAN,)), synced=True)]
    (tmp_path / "off.ndjson.gz").write_bytes(written(first, people))
    held = texts.text("causes", "p1")
    for form in ((), ("--csv",)):
        answer = run(tmp_path, "off.ndjson.gz", "--writeback", "off", *form, language=texts.language)
        assert (answer.code, answer.err) == (0, "")
        assert texts.text("what_if", "plan_off", cause=held) in " ".join(answer.out.split())


def test_each_kind_of_change_says_how_many_of_it_are_not_listed(tmp_path: Path, texts: Catalogue) -> None:
    policy = Policy(scope="all", writeback="on")
    first = head([sku(P1, 50, 44)], policy=policy)
    synced = [person(n, by(None, P1), synced=True) for n in range(1, 23)]
    cloud = [person(n, by(None, P1)) for n in range(23, 45)]
    (tmp_path / "many.ndjson.gz").write_bytes(written(first, [*synced, *cloud]))
    answer = run(tmp_path, "many.ndjson.gz", "--writeback", "on", "--drop-sku", P1, language=texts.language)
    lines = answer.out.splitlines()
    assert answer.code == 0, answer.err
    assert sum(line.startswith("  user") for line in lines) == 20
    assert lines.count(texts.text("what_if", "alike", n="12")) == 2
    assert texts.text("what_if", "more", n="24") in " ".join(answer.out.split())


def _started(place: Path, *arguments: str, stderr: int) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "WATCH_LANGUAGE": "en", "TERM": "xterm"}
    return subprocess.Popen(
        [sys.executable, "-m", "admin", "what-if", *arguments],
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=place,
        env=environ,
    )


def _until_it_reads(process: subprocess.Popen[bytes], file: Path) -> None:
    """Wait until the process has the file open, as Linux tells."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            for one in Path(f"/proc/{process.pid}/fd").iterdir():
                if one.resolve() == file.resolve():
                    return
        except OSError:
            pass
        time.sleep(0.005)
    raise AssertionError("it never opened the file")
