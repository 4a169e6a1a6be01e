"""What people write as a list of exceptions, or get from Excel, is understood, or refused by its place."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from admin.intake import Place, Unreadable, Written, listed, understood
from shared.notify.exceptions.proposals import Fault
from tests.ledger.readings import TENANT_ID, user_id

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HEADER = "user,kind,until,owner,reason"
ROW = f"{user_id(1)},coverage,30d,Grace,Leaves"


def meant(until: str) -> datetime | Fault | None:
    """The end that is understood, or what is wrong with it."""
    found = understood(Written(user=user_id(1), until=until, owner="Grace", reason="r"), {}, TENANT_ID, NOW)
    return found.faults[0] if found.faults else found.proposal.until


@pytest.mark.parametrize("until", ["2026-12-31", "31-12-2026", "31/12/2026", "31.12.2026", "12/31/2026"])
def test_a_day_is_understood_as_excel_writes_it_where_it_can_be_only_one(until: str) -> None:
    assert meant(until) == datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_day_whose_month_is_the_same_number_is_one_day() -> None:
    assert meant("5-5-2026") == datetime(2026, 5, 5, 23, 59, 59, tzinfo=UTC)


def test_a_day_that_can_be_two_is_refused_with_both_as_to_be_written() -> None:
    both = {"first": "2026-04-03", "second": "2026-03-04"}
    assert meant("03/04/2026") == Fault("ambiguous-until", {"until": "03/04/2026", **both})


@pytest.mark.parametrize("until", ["31-12-26", "31-12/2026", "31-13-2026", "2026-02-30", "0-1-2026", "soon"])
def test_what_is_no_day_is_refused(until: str) -> None:
    assert meant(until) == Fault("bad-until", {"until": until})


@pytest.mark.parametrize("until", ["0d", "00D"])
def test_no_days_are_no_length(until: str) -> None:
    assert meant(until) == Fault("zero-until", {"until": until})


@pytest.mark.parametrize(("until", "day"), [("2026-03-02", 2), ("1d", 3)])
def test_today_lasts_until_tonight_and_a_day_until_tomorrow_night(until: str, day: int) -> None:
    assert meant(until) == datetime(2026, 3, day, 23, 59, 59, tzinfo=UTC)


def variants() -> Iterator[tuple[str, str]]:
    text = f"{HEADER}\n{ROW}\n"
    yield "commas", text
    yield "semicolons", text.replace(",", ";")
    yield "semicolons that are announced", "sep=;\r\n" + text.replace(",", ";")
    yield "tabs", text.replace(",", "\t")
    yield "a trailing comma", text.replace("\n", ",\n")
    yield "a trailing comma in the header", f"{HEADER},\n{ROW}\n"
    yield "trailing commas in the row", f"{HEADER}\n{ROW},,\n"
    yield "an empty column in between", text.replace(",kind", ",,kind").replace(",coverage", ",,coverage")
    yield "its own columns", f"id,state,ended_at,created_at,name,upn,{HEADER}\n,,,,,,{ROW}\n"


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in variants()])
def test_separators_and_empty_columns_of_spreadsheets_are_understood(text: str) -> None:
    [one] = listed(text)
    assert (one.user, one.kind, one.until, one.owner, one.reason) == tuple(ROW.split(","))
    assert one.place == Place("line", text.count("\n"))


def test_a_cell_under_no_name_is_refused_by_its_line() -> None:
    for text in (f"{HEADER}\n{ROW},x\n", f"{HEADER},\n{ROW},x\n"):
        with pytest.raises(Unreadable) as refused:
            listed(text)
        assert (refused.value.fault.code, refused.value.place) == ("too-many-cells", Place("line", 2))


def test_the_place_of_a_row_is_its_first_line() -> None:
    places = [one.place for one in listed(f'{HEADER}\n{ROW[:-6]}"Leaves,\nin June"\n\n{ROW}\n')]
    assert places == [Place("line", 2), Place("line", 5)]


def test_the_apostrophe_that_keeps_a_formula_from_running_is_taken_off_again() -> None:
    [one] = listed(f"{HEADER}\n{user_id(1)},coverage,30d,'=Grace,'s Avonds\n")
    assert (one.owner, one.reason) == ("=Grace", "'s Avonds")


@pytest.mark.parametrize("name", ["user", "kind", "owner", "reason"])
def test_half_a_pair_is_no_text(name: str) -> None:
    good = {"user": user_id(1), "kind": "coverage", "until": "9d", "owner": "Grace", "reason": "r"}
    written = Written(**{**good, name: "Gr\udce9ta"})  # type: ignore[arg-type]  # all of them are texts
    assert Fault("not-text", {"name": name}) in understood(written, {}, TENANT_ID, NOW).faults
