"""The cost of a month: the page is what the model says, and the model adds up."""

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tools.cost import model
from tools.cost.model import HERE, Choice, Figures, Usage, cost, read, usage
from tools.write_cost_page import CHOICES, USERS, filled

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "cost.md"


@pytest.fixture(scope="module")
def figures() -> Figures:
    return read()


def test_the_page_shows_what_the_model_says(figures: Figures) -> None:
    page = PAGE.read_text()
    assert filled(page, figures) == page


def test_a_dearer_price_changes_the_page(figures: Figures) -> None:
    dearer = replace(figures, prices={**figures.prices, "logs_gb": 9.0})
    page = PAGE.read_text()
    assert filled(page, dearer) != page


def test_the_fixed_part_is_what_it_is_by_hand(figures: Figures) -> None:
    nobody = usage(0, figures, Choice())
    # Nine timers every five minutes, one every quarter of an hour, one every minute.
    assert nobody.executions == 9 * 8760 + 2920 + 43800
    assert nobody.gb_seconds == 2 * nobody.executions
    assert nobody.baseline_gb_seconds == 2 * 730 * 3600
    assert cost(0, figures, Choice())["always-ready instance"] == pytest.approx(21.024)


def test_a_change_takes_a_call_and_two_looks(figures: Figures) -> None:
    none, some = usage(0, figures, Choice()), usage(500, figures, Choice())
    changes = 500 * figures.assumed["changes_a_user"]
    assert some.ready_executions == changes
    readings = some.executions - none.executions - figures.measured["change_evaluations"] * changes
    assert figures.measured["change_evaluations"] == 2
    assert 0 < readings < 60


def test_an_event_of_event_grid_takes_an_execution_to_hear_it_and_one_to_join_it_with_others(
    figures: Figures,
) -> None:
    called, brought = (usage(500, figures, choice) for choice in (Choice(), Choice(event_grid=True)))
    changes = 500 * figures.assumed["changes_a_user"]
    assert brought.executions - called.executions == pytest.approx(2 * changes)
    seconds = figures.assumed["call_seconds"] + figures.assumed["collect_seconds"]
    assert brought.gb_seconds - called.gb_seconds == pytest.approx(2 * seconds * changes)
    # However many notifications Graph itself would put into a call.
    many = replace(figures, assumed={**figures.assumed, "notifications_a_call": 10.0})
    assert usage(500, many, Choice(event_grid=True)) == brought


@pytest.mark.parametrize("field", [one.name for one in fields(Usage)])
def test_more_users_never_take_less(field: str, figures: Figures) -> None:
    for choice in CHOICES.values():
        taken = [getattr(usage(users, figures, choice), field) for users in (0, *USERS, 1_000_000)]
        assert taken == sorted(taken)
        assert taken[0] >= 0


@pytest.mark.parametrize("users", USERS)
def test_each_choice_does_what_its_name_says(users: int, figures: Figures) -> None:
    def total(choice: Choice) -> float:
        return sum(cost(users, figures, choice).values())

    deployed = total(Choice())
    assert total(Choice(grants=True)) < deployed
    assert total(Choice(memory_gb=0.5)) < deployed
    assert total(Choice(always_ready=0)) < deployed
    assert total(Choice(private=True)) == pytest.approx(deployed + 5 * figures.prices["private_endpoint"])
    assert "Event Grid" in cost(users, figures, Choice(event_grid=True))


def test_the_grants_never_make_a_month_cost_less_than_nothing(figures: Figures) -> None:
    tiny = cost(0, figures, Choice(always_ready=0, grants=True, event_grid=True))
    assert all(value >= 0 for value in tiny.values())


def test_the_timers_of_the_model_are_those_of_the_app(figures: Figures) -> None:
    text = "".join(file.read_text() for file in (ROOT / "functions").glob("*.py"))
    assert (
        len(re.findall(r"timer_trigger\(.*schedule=SCHEDULE\)", text)) == figures.assumed["reconcile_timers"]
    )
    assert len(re.findall(r"timer_trigger\(", text)) == figures.assumed["reconcile_timers"] + 2


@pytest.mark.parametrize("file", ["prices.toml", "assumptions.toml"])
def test_every_figure_is_used_and_says_where_it_is_from(file: str) -> None:
    code = Path(model.__file__).read_text()
    for name, row in tomllib.loads((HERE / file).read_text()).items():
        assert f'"{name}"' in code, name
        assert row.get("why") or (row["source"] and row["what"]), name
        assert row.get("source", "memory") == "memory" or row["source"].startswith("https://")
