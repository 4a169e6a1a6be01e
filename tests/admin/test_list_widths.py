"""`exception list` can be read on a terminal of any width: a table where it has room, else blocks."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from admin.people import Groups
from admin.showing import Shown, print_list
from admin.words import say
from shared.notify.exceptions.exemptions import Exemption
from tests.admin.test_hostile_names import harmless
from tests.hostile import HOSTILE

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LABELS = [say("columns", name) for name in ("what", "whom", "owner", "reason", "until", "state")]


def one(number: int, subject: str = "Ada Lovelace (ada@contoso.example)", owner: str = "Grace") -> Shown:
    return Shown(
        id=f"e-{number:08x}",
        kind_code="coverage",
        kind="users without the licence for password reset",
        subject_type="user",
        subject_id="5f000000-0000-4000-8000-00000000000a",
        subject=subject,
        name="Ada Lovelace",
        upn="ada@contoso.example",
        owner=owner,
        reason="Leaves in June, ticket 4711",
        created_at=NOW,
        until=NOW + timedelta(days=90),
        ended_at=None,
        state="in force, ends in 90 days",
        state_code="in-force",
    )


def printed(
    rows: list[Shown], width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    print_list(rows)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(cell_len, lines)) <= width
    return lines


def test_eighty_columns_show_every_exception_as_a_block_of_whole_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = "group Sales (5f000000-0000-4000-8000-00000000000a)"
    assert printed([one(1), one(2, group)], 80, capsys, monkeypatch) == [
        "e-00000001",
        "  What    users without the licence for password reset",
        "  Whom    Ada Lovelace (ada@contoso.example)",
        "  Owner   Grace",
        "  Reason  Leaves in June, ticket 4711",
        "  Until   31 May 2026",
        "  State   in force, ends in 90 days",
        "",
        "e-00000002",
        "  What    users without the licence for password reset",
        "  Whom    group Sales (5f000000-0000-4000-8000-00000000000a)",
        "  Owner   Grace",
        "  Reason  Leaves in June, ticket 4711",
        "  Until   31 May 2026",
        "  State   in force, ends in 90 days",
    ]


def test_a_wide_terminal_shows_a_table_with_an_exception_on_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed([one(1), one(2)], 200, capsys, monkeypatch)
    [header] = [line for line in lines if line.split()[:1] == ["Id"]]
    assert header.split() == ["Id", *LABELS]
    for number in (1, 2):
        [row] = [line for line in lines if f"e-{number:08x}" in line]
        assert "Ada Lovelace (ada@contoso.example)" in row
        assert row.endswith("in force, ends in 90 days")


@pytest.mark.parametrize("width", [40, 80, 139])
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_name_stays_in_its_place_of_the_block(
    what: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, seen = HOSTILE[what]
    lines = printed([one(1, subject=name, owner=name)], width, capsys, monkeypatch)
    assert lines[0] == "e-00000001"
    # Whatever a name says, it stands behind its label or below itself: it can't look like a line of ours.
    begun = [match[1] for line in lines[1:] if (match := re.match(r"  (\w+)", line))]
    assert begun == LABELS
    assert all(line.startswith(" " * 10) for line in lines[1:] if not re.match(r"  \w", line))
    assert harmless("\n".join(lines))
    shown = "".join("".join(line[10:] for line in lines).split())
    assert "".join(seen.split()) in shown


@pytest.mark.parametrize("width", [140, 160])
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_name_stays_in_its_cell_of_the_table(
    what: str, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed([one(1), one(2, *HOSTILE[what][:1]), one(3)], width, capsys, monkeypatch)
    assert harmless("\n".join(lines))
    assert re.findall(r"(?m)^ ?(e-\w{8}) ", "\n".join(lines)) == [f"e-{number:08x}" for number in (1, 2, 3)]


@pytest.mark.parametrize(("ended", "state"), [(None, "in-force"), (timedelta(days=60), "ended")])
def test_what_a_clock_noted_that_was_ahead_is_listed_as_people_are_told(
    ended: timedelta | None, state: str
) -> None:
    agreed = Exemption(
        id="e-1",
        owner="Ada",
        reason="leaves",
        created_at=NOW + timedelta(days=30),
        until=NOW + timedelta(days=90),
        ended_at=NOW + ended if ended else None,
    )
    assert Shown.of(agreed, {}, Groups(), None, NOW).state_code == state
