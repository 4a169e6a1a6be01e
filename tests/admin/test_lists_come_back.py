"""What `exception list` writes for a program or a spreadsheet holds no prose, and comes back as it went."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from shared.notify.exceptions.exemptions import Exemption
from tests.admin.shell import PEOPLE, Shell, begin
from tests.admin.test_hostile_names import NAMES
from tests.hostile import HOSTILE
from tests.ledger.readings import user_id

pytestmark = pytest.mark.real

GROUP = "5f000000-0000-4000-8000-00000000000a"
HEADER = "user,kind,until,owner,reason"


def agree_several(shell: Shell) -> list[str]:
    return [
        shell.agree("--user", user_id(1), "--kind", "coverage", "--until", "20d"),
        shell.agree("--group", GROUP, "--until", "30d"),
        shell.agree("--tenant", "--kind", "seats-short", "--until", "40d"),
    ]


def said(one: Exemption) -> tuple[object, ...]:
    """All that people agreed, without what the watch adds."""
    return one.subject_type, one.subject_id, one.kind, one.until, one.owner, one.reason


def test_what_programs_read_is_the_same_in_every_language(shell: Shell) -> None:
    shell.run("exception", "end", agree_several(shell)[0])
    for form in ("--json", "--csv"):
        english, dutch = (
            shell.run("exception", "list", form, "--all", WATCH_LANGUAGE=one).out for one in ("en", "nl")
        )
        assert english == dutch
    assert [one["state"] for one in shell.listed("--all")] == ["in-force", "in-force", "ended"]


def test_a_list_goes_from_one_storage_to_another(shell: Shell) -> None:
    first, *_ = agree_several(shell)
    agreed = {said(one) for one in shell.stored()}
    file = shell.run("exception", "list", "--csv").out.encode()
    for one in shell.listed():
        assert shell.run("exception", "end", one["id"]).code == 0
    answer = shell.run("exception", "import", "-", stdin=file)
    assert (answer.code, answer.err) == (0, "")
    now = datetime.now(UTC)
    in_force = [one for one in shell.stored() if one.end > now]
    assert {said(one) for one in in_force} == agreed
    assert first not in {one.id for one in in_force}


def test_of_its_own_list_only_what_was_changed_is_agreed(
    shell: Shell,
) -> None:
    over, stands, longer = agree_several(shell)
    assert shell.run("exception", "end", over).code == 0
    text = shell.run("exception", "list", "--csv", "--all").out
    later = (datetime.now(UTC) + timedelta(days=99)).date().isoformat()
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=";")
    writer.writeheader()
    writer.writerows({**row, "until": later} if row["id"] == longer else row for row in rows)
    answer = shell.run("exception", "import", "-", stdin=out.getvalue().encode())
    assert (answer.code, answer.err) == (0, "")
    agreed, replaced, *left_out = answer.out.splitlines()
    assert agreed.startswith("Agreed as ")
    assert longer in replaced
    assert left_out == [
        f"Line 2: This one is in force as it stands ({stands}), so it is left out.",
        f"Line 4: This one has ended ({over}), so it is left out. "
        "To agree it again, empty its columns 'ended_at' and 'state'.",
    ]


def test_hostile_names_come_back_as_they_went(shell: Shell) -> None:
    shell.with_storage(lambda storage: begin(storage, {**PEOPLE, **NAMES}))
    for number, what in zip(NAMES, HOSTILE, strict=True):
        name = HOSTILE[what][0][:99]
        if what not in ("escape sequence", "new line"):
            shell.agree("--user", user_id(number), "--owner", name, "--reason", name)
    before = shell.stored()
    answer = shell.run("exception", "import", "-", stdin=shell.run("exception", "list", "--csv").out.encode())
    assert (answer.code, answer.err) == (0, "")
    assert len(answer.out.splitlines()) == len(before) == 8
    assert shell.stored() == before


def test_faults_of_a_list_speak_of_columns_and_of_lines(shell: Shell) -> None:
    ada = user_id(1)
    rows = [",,,,", ",coverage,03/04/2026,,", f"{ada},,9d,Grace,r", ",,9d,Grace,r", f"{ada},,8d,Grace,r"]
    answer = shell.run("exception", "import", "-", stdin="\n".join([HEADER, *rows]).encode())
    assert answer.code == 2
    assert "--" not in answer.err
    assert answer.err.splitlines()[:-1] == [
        "Line 3: '03/04/2026' can be two days. Write 2026-04-03 or 2026-03-04.",
        "Line 3: 'owner' is empty. Write there who answers for it.",
        "Line 3: 'reason' is empty. Write there why: an auditor will read it.",
        "Line 3: 'coverage' can be of high severity, and so can't be excepted for everybody. "
        "Name a user, a group or the tenant.",
        "Line 5: 'user', 'group', 'tenant' and 'kind' are empty. "
        "Fill in one of the first three, or at least 'kind'.",
        "Line 6: Line 4 names the same already. Keep one of them.",
    ]


def test_faults_of_json_have_the_number_of_the_object(shell: Shell) -> None:
    rows = [{"user": user_id(1), "until": "9d", "owner": "Grace", "reason": "r"}] * 2
    answer = shell.run("exception", "import", "-", stdin=json.dumps(rows).encode())
    assert answer.err.splitlines()[0] == "Object 2: Object 1 names the same already. Keep one of them."


def test_unicode_text_of_excel_is_understood(shell: Shell) -> None:
    text = f"{HEADER}\r\n{user_id(1)},coverage,31-12-{datetime.now(UTC).year},Gréta,r\r\n".replace(",", "\t")
    answer = shell.run("exception", "import", "-", stdin=text.encode("utf-16"))
    assert (answer.code, answer.err) == (0, "")
    assert shell.stored()[0].owner == "Gréta"


@pytest.mark.parametrize("option", ["--owner", "--reason"])
def test_an_argument_that_is_not_utf8_is_one_sentence(shell: Shell, option: str) -> None:
    given = {"--user": user_id(1), "--until": "9d", "--owner": "Grace", "--reason": "r", option: "Gr\udce9ta"}
    answer = shell.run("exception", "add", *(word for pair in given.items() for word in pair))
    said = f"What is given as '{option[2:]}' is not UTF-8. Write it again, in a shell or a file that is.\n"
    assert (answer.code, answer.out, answer.err) == (2, "", said)
    answer = shell.run("release", "--by", "Gr\udce9ta")
    assert (answer.code, answer.out, answer.err) == (2, "", said.replace(option[2:], "by"))
    assert shell.stored() == ()
