"""`python -m admin exception …`: run as a person runs it, against real storage."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.ledger.ledger import Ledger
from shared.ledger.manifest import exceptions_path, members_path
from shared.ledger.members import Packing
from shared.ledger.records import NamedGroup
from shared.model import Evidence, LicensingGroup, TenantFacts, Totals
from shared.notify.exceptions import agreed
from shared.notify.exceptions.proposals import end_of_day
from shared.rules.loader import load_rules
from shared.storage import Storage
from tests.admin.shell import Shell
from tests.ledger.readings import TENANT_ID, after, user_id

pytestmark = pytest.mark.real

GROUP = "5f000000-0000-4000-8000-00000000000a"
ADD = ("exception", "add", "--until", "9d", "--owner", "Grace", "--reason", "Agreed")
COVERAGE = "users without the licence for password reset"
HEADER = "user,group,tenant,kind,until,owner,reason"


def test_an_exception_is_agreed_listed_and_ended(shell: Shell) -> None:
    added = shell.run(
        *("exception", "add", "--user", "ADA@contoso.example", "--kind", "coverage", "--until", "30d"),
        *("--owner", "Grace Hopper", "--reason", "Leaves in June"),
    )
    assert (added.code, added.err) == (0, "")
    [one] = shell.stored()
    assert (one.subject_type, one.subject_id, one.kind) == ("user", user_id(1), "coverage")
    assert one.until == end_of_day(datetime.now(UTC) + timedelta(days=30))
    assert added.out.startswith(f"Agreed as {one.id}: Ada Lovelace (ada@contoso.example), {COVERAGE}, until ")
    table = shell.run("exception", "list", COLUMNS="200").out
    in_table = (one.id, COVERAGE, "Ada Lovelace (ada@contoso.example)", "Grace Hopper")
    for shown in in_table:
        assert shown in table
    assert "in force, ends in 30 days" in table
    narrow = shell.run("exception", "list", COLUMNS="90").out
    assert max(map(len, narrow.splitlines())) <= 90
    assert all(any(shown in line for line in narrow.splitlines()) for shown in in_table)
    ended = shell.run("exception", "end", one.id)
    assert (ended.code, ended.err) == (0, "")
    assert one.id in ended.out
    assert shell.run("exception", "list").out == "No exceptions are in force.\n"
    [over] = shell.listed("--all")
    assert over["id"] == one.id
    assert over["ended_at"]
    assert over["state"] == "ended"


def test_a_group_the_tenant_and_a_kind_alone_can_be_excepted(shell: Shell) -> None:
    shell.agree("--group", GROUP.upper())
    shell.agree("--tenant", "--kind", "seats-short")
    shell.agree("--kind", "seats-low", "--until", "30d")
    assert {(one.subject_type, one.subject_id, one.kind) for one in shell.stored()} == {
        ("group", GROUP, ""),
        ("tenant", "", "seats-short"),
        ("", "", "seats-low"),
    }
    table = shell.run("exception", "list", COLUMNS="200").out
    assert all(whom in table for whom in (f"group {GROUP}", "the tenant", "everybody"))


def knows(shell: Shell, **fields: Any) -> None:
    """The watch has read so much of the tenant."""

    async def write(storage: Storage) -> None:
        ledger = Ledger(storage, TENANT_ID, load_rules(), now=lambda: after(20))
        await ledger.commit_tenant(lambda record: (msgspec.structs.replace(record, **fields), ()), after(20))

    shell.with_storage(write)


def read_group(users: int) -> NamedGroup:
    return NamedGroup(evidence=Evidence(read_at=after(10), tried_at=after(10)), users=users)


ATTENTION = "Attention: {id} covers {n} of all 1,000 users."


def test_of_a_group_it_is_said_how_many_users_it_covers_as_soon_as_that_is_known(shell: Shell) -> None:
    knows(shell, totals=Totals(users=1000))
    added = shell.run(*ADD, "--group", GROUP)
    assert added.out.splitlines()[1].startswith("The members of the group are read within minutes;")
    [one] = shell.listed()
    assert one["users"] is None
    knows(shell, named={GROUP: read_group(420)})
    [one] = shell.listed()
    assert one["users"] == 420
    text = shell.run("exception", "list", COLUMNS="300").out
    assert f"group {GROUP}, 420 of 1,000 users" in text
    assert "Attention" not in text
    csv = shell.run("exception", "list", "--csv").out.splitlines()
    assert (csv[0].endswith(',"users"'), csv[1].endswith(',"420"')) == (True, True)
    again = shell.run(*ADD, "--group", GROUP, "--kind", "coverage")
    assert again.out.splitlines()[1:] == [
        "It covers 420 of all 1,000 users now, and whoever is put into the group."
    ]


@pytest.mark.parametrize(("users", "attention"), [(500, False), (501, True), (1000, True)])
def test_attention_is_called_to_an_exception_of_a_group_with_most_users(
    shell: Shell, users: int, attention: bool
) -> None:
    knows(shell, totals=Totals(users=1000), named={GROUP: read_group(users)})
    added = shell.run(*ADD, "--group", GROUP)
    assert (added.code, added.err) == (0, "")
    [one] = shell.listed()
    sentence = ATTENTION.format(id=one["id"], n=f"{users:,}")
    assert (sentence in added.out) is attention
    assert (sentence in shell.run("exception", "list", COLUMNS="300").out) is attention
    assert ("Attention" in shell.run(*ADD, "--group", GROUP, "--kind", "licence-errors").out) is False


def test_no_attention_is_called_to_an_exception_whose_day_is_past(shell: Shell) -> None:
    knows(shell, totals=Totals(users=1000), named={GROUP: read_group(1000)})
    shell.run(*ADD, "--group", GROUP)
    [one] = shell.stored()
    past = msgspec.structs.replace(one, until=datetime.now(UTC) - timedelta(days=1))
    stored = msgspec.json.encode({"schema": agreed.SCHEMA, "exceptions": [past]})
    shell.with_storage(lambda storage: storage.ledger.put(exceptions_path(TENANT_ID), stored))
    text = shell.run("exception", "list", "--all", COLUMNS="300").out
    assert (one.id in text, "Attention" in text) == (True, False)


def test_a_group_that_assigns_licences_is_counted_before_it_is_read_for_the_exception(shell: Shell) -> None:
    group = LicensingGroup(id=GROUP, display_name="Licensing EMS", members_at=after(5))
    packing = Packing()
    packing.add(user_id(number) for number in range(1, 8))

    async def write(storage: Storage) -> None:
        await storage.evidence.put(members_path(TENANT_ID, GROUP), packing.packed(), gzip=False)

    shell.with_storage(write)
    knows(shell, totals=Totals(users=8), facts=TenantFacts(tenant_id=TENANT_ID, groups={GROUP: group}))
    assert "covers 7 of all 8 users" in shell.run(*ADD, "--group", GROUP).out
    assert f"group Licensing EMS ({GROUP}), 7 of 8 users" in shell.run("exception", "list", COLUMNS="300").out
    # Who is in a group in it is covered too, and not on that list.
    outer = msgspec.structs.replace(group, nested=("5f000000-0000-4000-8000-00000000000b",))
    knows(shell, facts=TenantFacts(tenant_id=TENANT_ID, groups={GROUP: outer}))
    assert [one["users"] for one in shell.listed()] == [None]


def test_a_date_is_the_last_day_that_is_covered(shell: Shell) -> None:
    day = (datetime.now(UTC) + timedelta(days=40)).date()
    shell.agree("--user", user_id(1), "--until", day.isoformat())
    assert shell.listed()[0]["until"] == f"{day.isoformat()}T23:59:59Z"


def test_every_fault_is_told_at_once_with_its_remedy_and_nothing_is_written(shell: Shell) -> None:
    answer = shell.run(
        *(
            "exception",
            "add",
            "--user",
            "nobody@contoso.example",
            "--group",
            GROUP,
            "--kind",
            "x",
            "--until",
            "soon",
        )
    )
    assert (answer.code, answer.out) == (2, "")
    for told in (
        "Nobody is named who answers for it. Add --owner",
        "There is no reason. Add --reason",
        "There is no kind 'x'. Use one of:",
        "No user nobody@contoso.example is known",
        "More than one subject is named.",
        "The end 'soon' is neither a date",
    ):
        assert told in answer.err
    assert len(answer.err.splitlines()) == 6
    assert shell.stored() == ()


def test_a_name_that_several_users_have_is_no_answer(shell: Shell) -> None:
    answer = shell.run(*ADD, "--user", "mary@contoso.example")
    assert answer.code == 2
    assert user_id(3) in answer.err
    assert user_id(4) in answer.err


def test_an_id_that_the_watch_does_not_know_yet_is_agreed_and_said(shell: Shell) -> None:
    answer = shell.run(*ADD, "--user", user_id(77))
    assert answer.code == 0
    assert f"The watch has not read a user {user_id(77)} yet." in answer.out


def test_the_same_again_is_refused_by_id_and_a_later_end_takes_its_place(shell: Shell) -> None:
    first = shell.agree("--user", user_id(1), "--until", "20d")
    again = shell.run(*ADD, "--user", user_id(1))
    assert again.code == 2
    assert f"under {first}." in again.err
    second = shell.agree("--user", user_id(1), "--until", "30d")
    assert [one["id"] for one in shell.listed()] == [second]
    assert {one["id"] for one in shell.listed("--all")} == {first, second}


def test_ending_what_is_not_there_or_has_ended_is_one_sentence(shell: Shell) -> None:
    answer = shell.run("exception", "end", "e-00000000")
    assert (answer.code, len(answer.err.splitlines())) == (2, 1)
    assert "There is no exception e-00000000." in answer.err
    key = shell.agree("--user", user_id(1))
    assert shell.run("exception", "end", key.upper()).code == 0
    answer = shell.run("exception", "end", key)
    assert answer.code == 2
    assert f"The exception {key} ended on " in answer.err


CSV = f"""{HEADER}
ada@contoso.example,,,coverage,30d,Grace,"Leaves, in
June"
,{GROUP},,,60d,Grace,Project

,,yes,seats-short,90d,Grace,Ordered
"""
JSON = json.dumps(
    [
        {"owner": "Grace", **one}
        for one in (
            {"user": user_id(1), "kind": "coverage", "until": "30d", "reason": "Leaves, in June"},
            {"group": GROUP, "until": "60d", "reason": "Project"},
            {"tenant": TENANT_ID, "kind": "seats-short", "until": "90d", "reason": "Ordered"},
        )
    ]
)
EXCEL = CSV.replace(",", ";").replace("Leaves;", "Leaves,").replace("user;", "\ufeffUser;", 1)
EXCEL = EXCEL.replace("\n", "\r\n")


@pytest.mark.parametrize("text", [CSV, JSON, EXCEL], ids=["csv", "json", "excel"])
def test_a_list_is_imported_whole(shell: Shell, tmp_path: Path, text: str) -> None:
    file = tmp_path / "list"
    file.write_bytes(text.encode())
    answer = shell.run("exception", "import", str(file))
    assert (answer.code, answer.err) == (0, "")
    assert [(one.subject_type, one.subject_id, one.kind, one.reason) for one in shell.stored()] == [
        ("user", user_id(1), "coverage", "Leaves, in June"),
        ("group", GROUP, "", "Project"),
        ("tenant", "", "seats-short", "Ordered"),
    ]


def test_a_list_comes_from_standard_input_as_well(shell: Shell) -> None:
    assert shell.run("exception", "import", "-", stdin=CSV.encode()).code == 0
    assert len(shell.stored()) == 3


def test_a_list_with_faults_names_every_line_and_writes_nothing(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    rows = [
        "ada@contoso.example,,,coverage,30d,Grace,Good",
        "nobody@contoso.example,,,coverage,yesterday,,",
        ",Sales,,,500d,Grace,r",
        "ada@contoso.example,,,coverage,40d,Grace,Twice",
    ]
    file.write_text("\n".join([HEADER, *rows]))
    answer = shell.run("exception", "import", str(file))
    assert (answer.code, answer.out) == (2, "")
    lines = answer.err.splitlines()
    told = [line.partition(":")[0] for line in lines]
    assert told[:-1] == ["Line 3"] * 4 + ["Line 4"] * 2 + ["Line 5"]
    assert told[-1].startswith("Nothing was imported. Correct what is listed (7)")
    assert shell.stored() == ()


def test_a_fault_in_a_list_is_never_cut(shell: Shell) -> None:
    line = b"user,kind,until,owner,reason\n,over-assigned,300d,Grace,r"
    answer = shell.run("exception", "import", "-", stdin=line)
    assert "For longer, name a user, a group or the tenant." in answer.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "Columns are missing: until, owner, reason."),
        (b"user,group\nada@contoso.example,\n", "Columns are missing: until, owner, reason."),
        (b"user,until,owner,reason\n", "There is no exception in it."),
        (b"user,until,owner,reason,why\n", "Line 1: There are names that mean nothing: why."),
        (b"user,until,owner,reason\na,b,c,d,e\n", "Line 2: There are more cells than the header has names."),
        (b"[", "This is not JSON"),
        (b"[]", "There is no exception in it."),
        (b'{"user": "x"}', "The JSON is not an array of objects"),
        (b'[{"user": 5}]', "The JSON is not an array of objects"),
        (b'[{"who": "x"}]', "Object 1: There are names that mean nothing: who."),
        (b"\xff\xfe\x00\xd8", "is not UTF-8"),
        (b"owner\xe9", "is not UTF-8"),
    ],
)
def test_a_file_that_is_no_list_is_one_sentence(shell: Shell, text: bytes, sentence: str) -> None:
    answer = shell.run("exception", "import", "-", stdin=text)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_file_that_is_not_there_is_one_sentence(shell: Shell, tmp_path: Path) -> None:
    answer = shell.run("exception", "import", str(tmp_path / "none.csv"))
    assert answer.code == 2
    assert answer.err.endswith("No such file or directory. Check its path.\n")


def test_exceptions_that_cannot_be_read_are_trouble_and_are_left_alone(shell: Shell) -> None:
    shell.with_storage(lambda storage: storage.ledger.put(exceptions_path(TENANT_ID), b'{"schema":9}'))
    for command in (["exception", "list"], ["exception", "end", "e-1"], [*ADD, "--user", user_id(1)]):
        answer = shell.run(*command)
        assert (answer.code, answer.out, len(answer.err.splitlines())) == (1, "", 1)
        assert "is of schema 9, and this release knows 1" in answer.err


def test_the_list_for_programs_and_for_spreadsheets_says_the_same(shell: Shell) -> None:
    key = shell.agree("--user", user_id(1), "--kind", "coverage")
    [one] = shell.listed()
    assert one["id"] == key
    ada = {"name": "Ada Lovelace", "upn": "ada@contoso.example"}
    assert one["subject"] == {"type": "user", "id": user_id(1), **ada}
    text = shell.run("exception", "list", "--csv").out
    [row] = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    same = {name: one[name] for name in ("id", "kind", "owner", "reason", "created_at", "state")}
    last_day = {"until": one["until"].partition("T")[0], "ended_at": ""}
    assert row == {**same, **ada, **last_day, "user": user_id(1), "group": "", "tenant": "", "users": ""}
    both = shell.run("exception", "list", "--csv", "--json")
    assert (both.code, both.err) == (2, "Both --json and --csv are given. Keep one of them.\n")


def test_a_word_that_is_neither_yes_nor_no_nor_the_tenant_excepts_nothing(shell: Shell) -> None:
    line = b"tenant,kind,until,owner,reason\nmaybe,seats-short,30d,Grace,r"
    answer = shell.run("exception", "import", "-", stdin=line)
    assert answer.code == 2
    assert "maybe" in answer.err
    assert shell.stored() == ()


def test_the_same_length_again_on_one_day_is_agreed_already(shell: Shell) -> None:
    shell.agree("--user", user_id(1), "--kind", "coverage", "--until", "30d")
    again = shell.run(
        *("exception", "add", "--user", user_id(1), "--kind", "coverage", "--until", "30d"),
        *("--owner", "Grace", "--reason", "Again"),
    )
    assert again.code == 2
    assert len(shell.stored()) == 1
