"""Rows put aside and taken into the index: what was read decides, what was not read stays. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.model import Registration, Standing
from shared.watch.reach.registration_rows import (
    USED_WITHIN,
    ForEmergency,
    InScope,
    Reported,
    Row,
    Used,
    differing,
    put_aside,
    reported,
    standings,
)
from shared.watch.reach.registration_state import AUDIT, EMERGENCY, PIECES, REPORT, SCOPE
from shared.watch.standing import absent

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
USERS = [f"0a0a0a0a-0000-4000-8000-{number:012d}" for number in range(5)]
PIECE_OF: dict[type[Row], str] = {Reported: REPORT, InScope: SCOPE, ForEmergency: EMERGENCY, Used: AUDIT}

users = st.sampled_from(USERS)
times = st.integers(0, 800).map(lambda days: AT - timedelta(days=days))
flags = st.booleans()
rows = st.one_of(
    st.builds(Reported, users, flags, flags, flags, flags, st.none() | times),
    st.builds(InScope, users),
    st.builds(ForEmergency, users),
    st.builds(Used, users, times),
)
readings = st.tuples(st.lists(st.lists(rows, max_size=6), max_size=4), st.frozensets(st.sampled_from(PIECES)))


def sections(pages: Sequence[Sequence[Row]]) -> list[bytes]:
    """The pages as `Spill` gives them back."""
    return [b"[" + b",".join(data for _, data in put_aside(page)) + b"]" for page in pages]


def taken(
    before: dict[str, Standing], pages: Sequence[Sequence[Row]], read: frozenset[str]
) -> dict[str, Standing]:
    nothing = absent(groups_read=SCOPE in read, audit_read=AUDIT in read)
    return standings(before, sections(pages), read, nothing, AT)


def named(pages: Sequence[Sequence[Row]], kind: type[Row]) -> set[str]:
    """The users of whom a row of that kind was put aside."""
    return {row.id for page in pages for row in page if isinstance(row, kind)}


@given(readings, readings)
def test_a_piece_that_was_read_says_all_of_it_and_one_that_was_not_says_nothing(
    first: tuple[list[list[Row]], frozenset[str]], second: tuple[list[list[Row]], frozenset[str]]
) -> None:
    before = taken({}, first[0], frozenset(PIECES))
    pages, read = second
    after = taken(before, pages, read)
    told = {
        REPORT: {user for user, row in after.items() if row.registration},
        SCOPE: {user for user, row in after.items() if row.in_scope_group},
        EMERGENCY: {user for user, row in after.items() if row.emergency},
    }
    stood = {
        REPORT: {user for user, row in before.items() if row.registration},
        SCOPE: {user for user, row in before.items() if row.in_scope_group},
        EMERGENCY: {user for user, row in before.items() if row.emergency},
    }
    for kind, piece in PIECE_OF.items():
        if piece != AUDIT:
            assert told[piece] == (named(pages, kind) if piece in read else stood[piece])
    if AUDIT not in read:
        assert {one: row.used for one, row in after.items() if row.used} == {
            one: row.used for one, row in before.items() if row.used
        }


@given(readings, readings)
def test_taking_a_bucket_in_twice_changes_nothing(
    first: tuple[list[list[Row]], frozenset[str]], second: tuple[list[list[Row]], frozenset[str]]
) -> None:
    once = taken(taken({}, *first), *second)
    assert taken(once, *second) == once
    assert differing(once, taken(once, *second)) == []


@given(st.lists(rows, max_size=12))
def test_where_the_pages_end_and_in_which_order_members_come_makes_no_difference(some: list[Row]) -> None:
    one_each: dict[tuple[type[Row], str], Row] = {(type(row), row.id): row for row in some}
    distinct = list(one_each.values())
    whole = taken({}, [distinct], frozenset(PIECES))
    assert taken({}, [[row] for row in reversed(distinct)], frozenset(PIECES)) == whole


def test_a_use_counts_for_a_year_and_is_remembered_longer_than_the_log_lasts() -> None:
    user = USERS[0]
    read = frozenset({AUDIT})
    on_the_day = taken({}, [[Used(user, AT - USED_WITHIN)]], read)
    assert (on_the_day[user].used, on_the_day[user].used_at) == (True, AT - USED_WITHIN)
    kept = standings(on_the_day, [], read, absent(groups_read=False, audit_read=True), AT)
    assert kept == on_the_day
    next_day = standings(
        on_the_day, [], read, absent(groups_read=False, audit_read=True), AT + timedelta(days=1)
    )
    assert next_day == {}
    assert differing(on_the_day, next_day) == [user]


def test_of_several_uses_the_latest_counts_whatever_the_order() -> None:
    user, old, new = USERS[0], AT - timedelta(days=30), AT - timedelta(days=2)
    for pages in ([[Used(user, old), Used(user, new)]], [[Used(user, new)], [Used(user, old)]]):
        assert taken({}, pages, frozenset({AUDIT}))[user].used_at == new
    kept = taken(taken({}, [[Used(user, new)]], frozenset({AUDIT})), [[Used(user, old)]], frozenset({AUDIT}))
    assert kept[user].used_at == new


def test_a_row_for_a_user_who_had_none_says_of_pieces_read_earlier_what_no_row_says() -> None:
    row = Reported(USERS[0], True, False, False, False, None)
    nothing = absent(groups_read=True, audit_read=False)
    after = standings({}, sections([[row]]), frozenset({REPORT}), nothing, AT)
    assert (after[USERS[0]].in_scope_group, after[USERS[0]].used) == (False, None)


def test_dates_alone_judge_nobody_otherwise_and_flags_do() -> None:
    def index(*, enabled: bool = True, updated: datetime = AT) -> dict[str, Standing]:
        row = Registration(id=USERS[0], is_sspr_enabled=enabled, last_updated_date_time=updated)
        return taken({}, [[reported(row)]], frozenset({REPORT}))

    assert index() != index(updated=AT - timedelta(days=1))
    assert differing(index(), index(updated=AT - timedelta(days=1))) == []
    assert differing(index(), index(enabled=False)) == [USERS[0]]
    assert differing(index(), {}) == [USERS[0]]
    # What nobody was told of a user without a row is no difference.
    assert differing({}, taken({}, [], frozenset(PIECES))) == []


@given(st.builds(Reported, users, flags, flags, flags, flags, st.none() | times))
def test_a_row_of_the_report_comes_back_as_it_was_read(row: Reported) -> None:
    assert reported(row.registration) == row
    assert taken({}, [[row]], frozenset({REPORT}))[row.id].registration == row.registration


def test_a_date_without_offset_is_utc() -> None:
    row = Registration(id=USERS[0], last_updated_date_time=AT.replace(tzinfo=None))
    assert reported(row).updated_at == AT
