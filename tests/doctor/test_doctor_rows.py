"""The table of checks, the code that says them, and the words: each knows the others whole."""

import inspect
import re
from datetime import UTC, datetime, timedelta

import pytest

from admin.doctor import examining
from admin.doctor.clock_checks import compared
from admin.doctor.examining import CHECKS, GATES
from admin.doctor.lights import Light, Said
from admin.doctor.permission_checks import missing
from admin.doctor.rows import ANY, BY_NAME, ROWS, Needs, light_of
from admin.doctor.schedules import longest_wait
from admin.doctor.showing import lines_of
from shared.graph.permissions import table
from shared.graph.principals import Claims, claims_of
from shared.settings import load
from shared.storage.account import read_date
from shared.texts.catalogue import Catalogue
from tests.settings.good_settings import GOOD

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_every_check_has_a_row_and_every_row_a_check() -> None:
    assert list(CHECKS) == [row.check for row in ROWS]
    assert set(GATES) == set(Needs) - {Needs.NOTHING}


@pytest.mark.parametrize("check", BY_NAME)
def test_what_a_check_can_say_stands_in_its_file_and_what_stands_there_is_in_the_table(check: str) -> None:
    source = inspect.getsource(inspect.getmodule(CHECKS[check]) or examining)
    for code in BY_NAME[check].lights:
        assert f'"{code}"' in source, code
    own = inspect.getsource(CHECKS[check])
    for code in re.findall(r'Said\(\s*"([\w-]+)"', own):
        assert code in BY_NAME[check].lights, code


def test_every_code_has_its_words_every_other_light_than_green_a_remedy_and_no_words_are_left_over(
    texts: Catalogue,
) -> None:
    rows = {row.check: row.lights for row in ROWS} | {"any": ANY}
    assert texts.codes("doctor", "says") == set(rows)
    assert texts.codes("doctor", "remedies") == set(rows)
    assert texts.codes("doctor", "checks") == set(BY_NAME)
    assert texts.codes("doctor", "groups") == {row.group for row in ROWS}
    assert texts.codes("doctor", "lights") == set(Light)
    for check, lights in rows.items():
        assert texts.codes("doctor", "says", check) == set(lights), check
        mended = {code for code, light in lights.items() if light is not Light.GREEN}
        assert texts.codes("doctor", "remedies", check) - {"find"} == mended, check


def test_every_check_can_be_green_and_most_can_be_red_or_amber() -> None:
    for row in ROWS:
        assert Light.GREEN in row.lights.values(), row.check
        assert {Light.RED, Light.AMBER} & set(row.lights.values()), row.check


def test_a_code_that_is_not_in_the_table_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError):
        light_of("queues", "nonsense")


def test_a_hostile_value_is_shown_as_text(texts: Catalogue) -> None:
    [line] = lines_of({"places": [Said("missing", {"names": "a\x1b[2J\nb"})]}, texts)
    assert "\x1b" not in line.said
    assert "\n" not in line.said


# --- clocks, schedules, tokens ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "codes"),
    [
        (0, "ok"),
        (30, "ok"),
        (-30, "ok"),
        (33, "off"),
        (-33, "off"),
        (299, "off"),
        (302, "far"),
        (-302, "far"),
    ],
)
def test_a_clock_is_off_from_half_a_minute_and_far_from_five(ahead: int, codes: str) -> None:
    [said] = compared(NOW, NOW + timedelta(seconds=ahead), NOW + timedelta(seconds=0.5))
    assert said.code == codes


def test_an_answer_that_took_long_is_no_wrong_clock() -> None:
    [said] = compared(NOW, NOW + timedelta(seconds=20), NOW + timedelta(seconds=100))
    assert said.code == "ok"
    [said] = compared(NOW, None, NOW)
    assert light_of("clock-graph", said.code) is Light.SKIPPED


@pytest.mark.parametrize("text", ["", "yesterday", "Sun, 99 Nov 2026 12:00:00 GMT"])
def test_a_date_that_is_none_is_none(text: str) -> None:
    assert read_date(text) is None


def test_a_date_is_read_in_utc() -> None:
    assert read_date("Sun, 22 Nov 2026 12:00:00 GMT") == NOW
    assert read_date("Sun, 22 Nov 2026 13:00:00 +0100") == NOW


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("* * * * * *", 1),
        ("0 * * * * *", 60),
        ("30 */15 * * * *", 900),
        ("0 0 * * * *", 3600),
        ("0 0 8 * * *", 86_400),
        ("0 0 8-18/2 * * *", 14 * 3600),
        ("0 5,10 * * * *", 55 * 60),
        ("0 5/20 * * * *", 20 * 60),
        ("0 0 8 * * 1-5", 2 * 86_400),
    ],
)
def test_the_longest_wait_of_a_schedule(schedule: str, seconds: int) -> None:
    assert longest_wait(schedule) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * * *",
        "a * * * * *",
        "0 99 * * * *",
        "0 */0 * * * *",
        "0 5-1 * * * *",
        "00:05:00",
        "0-999999999999 * * * * *",
    ],
)
def test_a_schedule_that_can_not_be_read_is_not_guessed(schedule: str) -> None:
    assert longest_wait(schedule) is None


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.e30.c", "a.W10.c", "x.\udcff.y", "a.Zm9v.c"])
def test_a_token_that_can_not_be_read_says_nothing(token: str) -> None:
    assert claims_of(token) == Claims()


def test_with_all_permissions_none_is_missing_whatever_is_set() -> None:
    every = frozenset(row.permission for row in table().permissions)
    for population in ("enabled", "capable", "used"):
        assert missing(every, load({**GOOD, "POPULATION": population})) == []
    assert len(missing(frozenset(), load({**GOOD, "POPULATION": "used"}))) == 6
