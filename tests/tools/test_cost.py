"""The cost of a month and the load of a day: the page is what the model says, and the model adds up."""

import json
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from shared.settings import load as load_settings
from tools.cost import asked, load, model
from tools.cost.asked import Asked
from tools.cost.load import Loads
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
        taken = [getattr(usage(users, figures, choice), field) for users in (0, *USERS)]
        assert taken == sorted(taken)
        assert taken[0] >= 0


@pytest.mark.parametrize("users", USERS)
def test_each_choice_does_what_its_name_says(users: int, figures: Figures) -> None:
    def total(choice: Choice) -> float:
        return sum(cost(users, figures, choice).values())

    deployed = total(Choice())
    assert total(Choice(grants=True)) < deployed
    assert total(Choice(memory_gb=0.5)) < deployed
    # Where calls never end, an instance that is there for them anyway is the cheaper one.
    assert (total(Choice(always_ready=0)) < deployed) is (users < 1_000_000)
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


def test_versions_are_kept_as_long_as_by_the_templates(figures: Figures) -> None:
    templates = (ROOT / "infra" / "app" / "storage-watch.bicep").read_text()
    days = dict(re.findall(r"^var (keptDays|versionDays) = (\d+)$", templates, re.MULTILINE))
    assert days == {"versionDays": "1", "keptDays": "14"}
    assert figures.assumed["kept_days"] == 1 + 14
    page = " ".join(PAGE.read_text().split())
    assert "the templates delete them after a day, and what is deleted is kept for two weeks more" in page


@pytest.mark.parametrize("file", ["prices.toml", "assumptions.toml"])
def test_every_figure_is_used_and_says_where_it_is_from(file: str) -> None:
    code = Path(model.__file__).read_text() + Path(load.__file__).read_text()
    for name, row in tomllib.loads((HERE / file).read_text()).items():
        assert f'"{name}"' in code, name
        assert row.get("why") or (row["source"] and row["what"]), name
        assert row.get("source", "memory") == "memory" or row["source"].startswith("https://")


# --- load --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loads(figures: Figures) -> Loads:
    return load.read(figures)


def test_a_million_users_are_a_thousand_and_two_pages(loads: Loads) -> None:
    sweep = load.run("sweep", 1_000_000, loads)
    once = loads.asked["sweep"]["once"]
    assert (sweep.requests - once.requests, sweep.units - once.units) == (1002, 1002)
    assert load.run("report", 1_000_000, loads).reports == 1002
    assert round(load.spans(1_000_000, loads)["the registration report, 999 rows a page"] / 60) == 33
    assert load.spans(1_000_000, loads)["one look at every user, as fast as Graph lets"] == 1250


def test_a_day_is_what_it_is_by_hand(loads: Loads, figures: Figures) -> None:
    day = load.day(0, loads)
    assert day["delta"].requests == 96 * loads.asked["delta"]["once"].requests
    assert day["facts"].units == 24 * loads.asked["facts"]["once"].units
    assert day[load.LOOK] == Asked()
    # Each changed user is looked at twice: four changes a month.
    looks = load.day(30_000, loads)[load.LOOK].requests
    assert looks == pytest.approx(2 * 30_000 * 4 / (730 / 24))
    transactions, executions = load.billed(1_000_000, loads)
    used = usage(1_000_000, figures, Choice())
    assert executions * 730 / 24 == pytest.approx(used.executions + used.ready_executions)
    assert transactions > 1_000_000


@pytest.mark.parametrize("users", USERS)
def test_the_busiest_moment_stays_within_every_limit(users: int, loads: Loads) -> None:
    for name, value in load.busiest(users, loads).items():
        assert value <= loads.limits[name].value, name


@pytest.mark.parametrize(("users", "name"), [(49, "small"), (50, "medium"), (500, "medium"), (501, "")])
def test_a_small_tenant_has_a_small_budget(users: int, name: str, loads: Loads) -> None:
    assert load.directory_limit(users) == f"directory_units{name and '_' + name}"
    assert load.directory_limit(users) in load.busiest(users, loads)


def test_what_would_be_too_much_shows(loads: Loads) -> None:
    dear = {**loads.asked["sweep"], "page": Asked(requests=1, units=200)}
    greedy = replace(loads, asked={**loads.asked, "sweep": dear})
    found = load.busiest(1_000_000, greedy)
    assert found["directory_units"] > loads.limits["directory_units"].value
    # No more pages than there are, however fast they come.
    assert load.busiest(1_000, greedy)["directory_units"] < loads.limits["directory_units"].value
    hasty = replace(
        loads.figures, assumed={**loads.figures.assumed, "busy_factor": 400.0, "member_page_seconds": 0.8}
    )
    found = load.busiest(1_000_000, replace(loads, figures=hasty))
    assert found["blob_requests"] > loads.limits["blob_requests"].value
    assert found["run_seconds"] > loads.limits["run_seconds"].value


def test_the_model_comes_as_often_as_the_app() -> None:
    settings = load_settings(
        {
            **asked.SETTINGS,
            "TENANT_ID": "11111111-1111-4111-8111-111111111111",
            "WATCH_STORAGE": "UseDevelopmentStorage=true",
            "NOTIFICATION_BASE_URL": "https://watch.example",
        }
    )
    every = {name: minutes * 60 for name, minutes in load.EVERY.items()}
    assert every["facts"] == every["nested"] == settings.facts_every.total_seconds()
    assert every["errors"] == every["delta"] == settings.delta_every.total_seconds()
    assert every["report"] == settings.registration_every.total_seconds()
    assert every["sweep"] == settings.sweep_every.total_seconds()
    templates = (ROOT / "infra" / "app" / "app-settings.bicep").read_text()
    assert "SUBSCRIPTIONS_SCHEDULE: '30 */15 * * * *'" in templates
    assert every["subscriptions"] == 15 * 60
    host = json.loads((ROOT / "host.json").read_text())["functionTimeout"]
    assert host == "00:10:00"


def test_every_limit_is_held_against_something_and_says_where_it_is_known_from(loads: Loads) -> None:
    code = Path(load.__file__).read_text()
    for name, limit in loads.limits.items():
        # Two that the text alone tells of: cards go one by one, and the answer has a measurement of its own.
        assert f'"{name}"' in code or name in ("teams_posts", "answer_seconds"), name
        assert limit.source in ("memory", "host.json") or limit.source.startswith("https://"), name


@pytest.mark.real
async def test_what_the_page_says_that_a_job_asks_is_what_it_asks(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID", "TENANT_ID", "GRAPH_BASE_URL"):
        # The measurement sets them for good; here they end with the test.
        monkeypatch.setenv(name, "")
    users = asked.SIZES[0]
    for job, now in (await asked.all_jobs(users)).items():
        known = load.run(job, users, loads)
        assert (now.requests, now.units, now.reports) == (known.requests, known.units, known.reports), job
