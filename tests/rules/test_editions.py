"""The two editions say what Microsoft's pages say: rules, what follows what, readings and answers."""

import tomllib
from pathlib import Path

import pytest

import shared.rules.loader
from shared.model import Tier
from shared.rules.loader import load_rules
from shared.rules.skus import PLANS

OLD, NEW = "2017-10-24", "2025-03-04"

# The level of each rule and the rules of the older edition that it follows.
RULES = {
    OLD: {
        "S1": ("tenant", ()),
        "S2": ("user", ()),
        "S3": ("user", ()),
        "S4": ("user", ()),
        "S5": ("user", ()),
        "S6": ("tenant", ()),
        "S7": ("user", ()),
        "S8": ("assignment", ()),
        "S9": ("assignment", ()),
        "S10": ("assignment", ()),
    },
    NEW: {
        "T1": ("user", ()),
        "T2": ("user", ("S4",)),
        "T3": ("user", ("S5", "S6")),
        "T4": ("user", ("S2", "S3")),
        "T5": ("user", ("S7",)),
        "T6": ("user", ("S4",)),
    },
}

READINGS = {
    OLD: {
        "p1-by-plan": ("S5", "S6"),
        "writeback-per-user": ("S3", "S5", "S6"),
        "on-premises-is-synced": ("S5", "S7"),
        "paid-is-not-price": ("S4",),
        "basic-for-education": ("S4",),
        "workload-is-office": ("S4",),
        "trial-of-premium": ("S5", "S6"),
        "administrators-free": ("S3",),
        "developer-counts": ("S4", "S5"),
    },
    NEW: {
        "p1-by-plan": ("T2", "T3"),
        "on-premises-is-synced": ("T3", "T5"),
        "or-higher": ("T2", "T6"),
        "basic-is-gone": ("T2",),
        "trial-of-premium": ("T2", "T3"),
        "administrators-free": ("T2",),
        "developer-counts": ("T2", "T3"),
    },
}

# Class by class, what each edition answers.
CLASSES = {
    "suite-business": ("yes", "yes"),
    "suite-paid": ("yes", "contested"),
    "student-use-benefit": ("yes", "contested"),
    "standalone-workload": ("yes", "contested"),
    "developer": ("yes", "contested"),
    "identity": ("no", "no"),
    "free-education": ("no", "no"),
    "free": ("no", "no"),
    "trial": ("no", "no"),
    "not-office": ("no", "no"),
    "room-or-device": ("no", "no"),
    "unattended": ("no", "no"),
    "resource-account": ("no", "no"),
}
PLAN_ANSWERS = {
    "p2": (Tier.P1, "yes", "yes"),
    "p1": (Tier.P1, "yes", "yes"),
    "basic": (Tier.CLOUD, "yes", "contested"),
    "basic-edu": (Tier.CLOUD, "yes", "contested"),
}
OPTIONS = {
    "contested": ("covered", "undetermined"),
    "synced_without_writeback": ("not_in_reach", "not_in_reach"),
    "internal_guests": ("not_in_reach", "not_in_reach"),
    "administrators": ("cloud_free", "cloud_free"),
}


def test_there_are_two_editions_the_page_of_2017_and_that_of_2025() -> None:
    assert list(load_rules().editions) == [OLD, NEW]


@pytest.mark.parametrize("edition", [OLD, NEW])
def test_an_edition_has_its_own_rules_and_says_which_older_ones_they_follow(edition: str) -> None:
    rules = load_rules().editions[edition].rules
    assert {key: (rule.level, rule.follows) for key, rule in rules.items()} == RULES[edition]
    assert all(rule.id == key for key, rule in rules.items())


@pytest.mark.parametrize("edition", [OLD, NEW])
def test_a_quotation_is_short_and_tells_where_it_stands(edition: str) -> None:
    read = load_rules().editions[edition]
    for rule in read.rules.values():
        assert 20 < len(rule.quote) < 160
        assert "ms.date" in rule.source
    assert read.page.startswith("https://")
    assert read.date.isoformat() == edition


@pytest.mark.parametrize(("edition", "rows"), [(OLD, set()), (NEW, {"T1", "T2", "T3"})])
def test_a_row_of_the_pages_table_is_not_passed_off_as_a_sentence(edition: str, rows: set[str]) -> None:
    rules = load_rules().editions[edition].rules
    assert {rule.id for rule in rules.values() if rule.table_row} == rows


def test_a_sentence_of_another_version_of_the_page_says_of_which() -> None:
    for edition in load_rules().editions.values():
        others = {rule.id: rule.source for rule in edition.rules.values() if rule.source != edition.source}
        assert set(others) == ({"T6"} if edition.id == NEW else set())
        assert all("commit 0c9da9d, ms.date 01/06/2025" in source for source in others.values())


def test_every_rule_of_2017_that_decides_a_verdict_has_a_successor_in_2025() -> None:
    editions = load_rules().editions
    decided = {cell.rule for cell in editions[OLD].cells.values() if cell.rule}
    followed = {older for rule in editions[NEW].rules.values() for older in rule.follows}
    assert decided <= followed


@pytest.mark.parametrize("edition", [OLD, NEW])
def test_an_edition_states_every_reading_that_it_adds(edition: str) -> None:
    readings = load_rules().editions[edition].readings
    assert {key: reading.rules for key, reading in readings.items()} == READINGS[edition]


@pytest.mark.parametrize("name", CLASSES)
def test_each_edition_answers_for_each_class(name: str) -> None:
    editions = load_rules().editions
    assert tuple(editions[one].classes[name].answer for one in (OLD, NEW)) == CLASSES[name]


def test_no_class_is_without_an_answer() -> None:
    assert set(load_rules().skus.classes) == set(CLASSES)


@pytest.mark.parametrize("name", PLANS)
def test_each_edition_answers_for_each_plan(name: str) -> None:
    editions = load_rules().editions
    tier, *answers = PLAN_ANSWERS[name]
    assert [editions[one].plans[name].answer for one in (OLD, NEW)] == answers
    assert {editions[one].plans[name].tier for one in (OLD, NEW)} == {tier}


@pytest.mark.parametrize("edition", [OLD, NEW])
def test_what_is_contested_names_the_sources_of_both_sides(edition: str) -> None:
    read = load_rules().editions[edition]
    for answer in (*read.classes.values(), *read.plans.values()):
        if answer.answer == "contested":
            assert answer.yes
            assert answer.no


@pytest.mark.parametrize("name", OPTIONS)
def test_each_edition_has_its_default_for_each_option(name: str) -> None:
    editions = load_rules().editions
    assert tuple(editions[one].options[name] for one in (OLD, NEW)) == OPTIONS[name]


def test_string_ids_hold_their_no_break_spaces_and_are_no_keys() -> None:
    skus = load_rules().skus
    entry = skus.get("c2fe850d-fbbb-4858-b67d-bd0c6e746da3")
    assert entry is not None
    assert entry.string_id == "O365_w/o\u00a0Teams\u00a0Bundle_M3"
    assert skus.get(entry.string_id) is None


def test_a_sku_is_named_for_people_by_our_table_else_by_the_tenant_else_by_its_id() -> None:
    skus = load_rules().skus
    assert skus.name("efccb6f7-5641-4e0e-bd10-b4976e1bf68e", "EMS") == "Enterprise Mobility + Security E3"
    assert skus.name("c0000000-0000-0000-0000-000000000001", "CONTOSO") == "CONTOSO"
    assert skus.name("c0000000-0000-0000-0000-000000000001") == "c0000000-0000-0000-0000-000000000001"


def test_an_entry_knows_its_entra_plans_best_first() -> None:
    skus = load_rules().skus
    plans = {
        "84a661c4-e949-4bd2-a560-ed7766fcaf2b": ("p2", "p1"),
        "67ffe999-d9ca-49e1-9d2c-03fb28aa7a48": ("p2",),
        "4b590615-0888-425a-a965-b3bf7789848d": ("p1", "basic-edu"),
        "2b9c8e7c-319c-43a2-a2a0-48c5c6161de7": ("basic",),
        "94763226-9b3c-4e75-a931-5c89701abe66": ("basic-edu",),
        "6fd2c87f-b296-42f0-b197-1e91e994b900": (),
    }
    assert {sku_id: skus.entries[sku_id].entra_plans for sku_id in plans} == plans


# The place of each class where a remedy offers licences: smallest products first, 0 is never.
OFFERS = {
    "identity": 1,
    "standalone-workload": 2,
    "suite-business": 3,
    "suite-paid": 3,
    "student-use-benefit": 0,
    "developer": 0,
    "free-education": 0,
    "free": 0,
    "trial": 0,
    "not-office": 0,
    "room-or-device": 0,
    "unattended": 0,
    "resource-account": 0,
}


def test_what_can_be_bought_for_anybody_is_offered_and_nothing_else() -> None:
    assert {name: one.offer for name, one in load_rules().skus.classes.items()} == OFFERS


def test_skus_stand_in_the_file_one_a_line() -> None:
    path = Path(shared.rules.loader.__file__).parent / "skus.toml"
    rows = [row for group in tomllib.loads(path.read_text("utf-8"))["skus"].values() for row in group]
    lines = [line for line in path.read_text("utf-8").splitlines() if line.startswith("  { id = ")]
    assert len(rows) == len(lines)
