"""Every fault in a rules file is refused, and the error names file and key and says how to mend it."""

import shutil
from pathlib import Path

import pytest

import shared.rules.loader
from shared.rules.loader import RulesError, load_rules, load_rules_from

PACKAGED = Path(shared.rules.loader.__file__).parent
OLD, NEW = "editions/2017-10-24.toml", "editions/2025-03-04.toml"
SKUS = "skus.toml"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A copy of the packaged rules that a test may spoil."""
    for name in (SKUS, "findings.toml", "mutes.toml"):
        shutil.copy(PACKAGED / name, tmp_path / name)
    shutil.copytree(PACKAGED / "editions", tmp_path / "editions")
    return tmp_path


def spoil(rules: Path, file: str, old: str, new: str) -> None:
    """Replace the first occurrence of a text that must be there."""
    text = (rules / file).read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file}"
    (rules / file).write_text(text.replace(old, new, 1), encoding="utf-8")


# What is spoilt, how, and the key that the error must name.
FAULTS = [
    ("no TOML", SKUS, "\n[plans]", "\n[plans", "(file)"),
    ("unknown table", SKUS, "\n[plans]", "\n[colours]\nred = 1\n[plans]", "colours"),
    ("unknown key of a plan", SKUS, 'name = "AAD_PREMIUM_P2"', 'name = "X", seats = 1', "plans.p2"),
    ("missing key of a plan", SKUS, ', name = "AAD_PREMIUM_P2"', "", "plans.p2"),
    ("missing plan", SKUS, "basic-edu = {", "basic-school = {", "plans.basic-edu"),
    ("plan id in capitals", SKUS, "41781fb2-bc02", "41781FB2-bc02", "plans.p1.id"),
    (
        "two plans with one id",
        SKUS,
        "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
        "eec0eb4f-6444-4f95-aba0-50c24d67f998",
        "plans.p1.id",
    ),
    ("malformed Office plan", SKUS, "57ff2da0-773e", "57ff2da0_773e", "office-plans.TEAMS1"),
    (
        "Office plan that is no text",
        SKUS,
        'TEAMS1 = "57ff2da0-773e-42df-b2af-ffb7a2317929"',
        "TEAMS1 = 7",
        "TEAMS1",
    ),
    (
        "Office plan that carries a tier",
        SKUS,
        "57ff2da0-773e-42df-b2af-ffb7a2317929",
        "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
        "office-plans.TEAMS1",
    ),
    ("wrong type", SKUS, 'step = "developer"', "step = 3", "classes.developer"),
    ("unknown step", SKUS, 'step = "developer"', 'step = "maybe"', "classes.developer.step"),
    ("empty reason", SKUS, 'reason = "developer"', 'reason = ""', "classes.developer"),
    ("place among offers that is none", SKUS, "offer = 1", "offer = -1", "classes.identity.offer"),
    ("place among offers that is no number", SKUS, "offer = 1", 'offer = "first"', "classes.identity"),
    ("missing place among offers", SKUS, "offer = 1, ", "", "classes.identity"),
    ("SKUs of an unknown class", SKUS, "developer = [\n", "developers = [\n", "skus.developers"),
    (
        "class without SKUs",
        SKUS,
        "developer = {",
        'other = { step = "never", reason = "x", offer = 0, about = "y" }\ndeveloper = {',
        "skus.other",
    ),
    ("malformed SKU id", SKUS, "efccb6f7-5641", "efccb6f75641", "skus.identity"),
    (
        "SKU id with a U+00A0",
        SKUS,
        'efccb6f7-5641-4e0e-bd10-b4976e1bf68e"',
        'efccb6f7-5641-4e0e-bd10-b4976e1bf68e\u00a0"',
        "skus.identity",
    ),
    (
        "SKU that stands twice",
        SKUS,
        "efccb6f7-5641-4e0e-bd10-b4976e1bf68e",
        "84a661c4-e949-4bd2-a560-ed7766fcaf2b",
        "skus.identity",
    ),
    ("unknown key of a SKU", SKUS, 'string_id = "EMS",', 'string_id = "EMS", price = 8,', "skus.identity"),
    ("missing key of a SKU", SKUS, 'string_id = "EMS", ', "", "skus.identity"),
    ("empty name of a SKU", SKUS, 'string_id = "EMS"', 'string_id = ""', "skus.identity"),
    ("unknown plan of a SKU", SKUS, 'plans = ["p2"]', 'plans = ["p3"]', "skus.identity"),
    ("plans of a SKU out of order", SKUS, 'plans = ["p2", "p1"]', 'plans = ["p1", "p2"]', "skus."),
    ("unknown table of an edition", OLD, "[options]", "[colours]\n[options]", "colours"),
    ("missing title", OLD, "title =", "# title =", "(top)"),
    ("date that is not the file's", OLD, "date = 2017-10-24", "date = 2017-10-25", "date"),
    ("date that is a text", OLD, "date = 2017-10-24", 'date = "soon"', "(top)"),
    ("page that is no link", OLD, 'page = "https', 'page = "http', "page"),
    ("missing option", OLD, "administrators =", "# administrators =", "options.administrators"),
    ("unknown option", OLD, "administrators =", 'guests = "x"\nadministrators =', "options.guests"),
    ("unknown word of an option", OLD, '"cloud_free"', '"free"', "options.administrators"),
    ("unknown level of a rule", OLD, 'level = "tenant"', 'level = "planet"', "rules.S1.level"),
    ("missing level of a rule", OLD, 'level = "tenant"', "", "rules.S1"),
    ("empty quotation", NEW, 'quote = "Cloud-only user password reset', 'quote = ""\n#', "rules.T2.quote"),
    ("follows a rule that does not exist", NEW, 'follows = ["S4"]', 'follows = ["S44"]', "rules.T2.follows"),
    ("follows a rule of its own edition", NEW, 'follows = ["S4"]', 'follows = ["T1"]', "rules.T2.follows"),
    (
        "oldest edition follows",
        OLD,
        'level = "tenant"',
        'level = "tenant"\nfollows = ["S2"]',
        "rules.S1.follows",
    ),
    ("rule id of another edition", NEW, "[rules.T1]", "[rules.S1]", "rules.S1"),
    (
        "reading of an unknown rule",
        OLD,
        'rules = ["S5", "S6"]',
        'rules = ["S55"]',
        "readings.p1-by-plan.rules",
    ),
    ("reading without text", OLD, "text = ", 'text = "" #', "readings.p1-by-plan"),
    ("plan without a row", OLD, "basic-edu = {", "basic-school = {", "plans.basic-edu"),
    ("unknown level of a plan", OLD, 'level = "p1"', 'level = "p9"', "plans.p2.level"),
    ("unknown answer", OLD, 'answer = "yes"', 'answer = "perhaps"', "plans.p2.answer"),
    ("yes without a source", OLD, ', yes = "S4"', "", "plans.basic"),
    ("contested with one side", NEW, ', no = "T2: not in the table; T6"', "", "plans.basic"),
    ("class without a row", OLD, "unattended = {", "robots = {", "classes.unattended"),
    (
        "row of an unknown class",
        OLD,
        "unattended = {",
        'robots = { answer = "no", no = "S3" }\nunattended = {',
        "classes.robots",
    ),
    (
        "room licence that counts",
        OLD,
        'unattended = { answer = "no", no =',
        'unattended = { answer = "yes", yes =',
        "classes.unattended.answer",
    ),
    ("row of verdicts missing", OLD, "[verdicts.cloud-only]", "[verdicts.cloudy]", "verdicts.cloud-only"),
    ("column missing", OLD, "none = {", "nothing = {", "verdicts.cloud-only.none"),
    (
        "row of verdicts that is no table",
        OLD,
        "[verdicts.cloud-only]",
        "[verdicts]\ncloud-only = 1\n[verdicts.x]",
        "verdicts",
    ),
    ("unknown state", OLD, 'state = "uncovered"', 'state = "bare"', "verdicts.cloud-only.none.state"),
    (
        "unknown rule of a verdict",
        OLD,
        'state = "uncovered", rule = "S4"',
        'state = "uncovered", rule = "S44"',
        "verdicts.cloud-only.none",
    ),
    (
        "verdict without a rule",
        OLD,
        'state = "uncovered", rule = "S4", ',
        'state = "uncovered", ',
        "verdicts.cloud-only.none.rule",
    ),
    (
        "rule out of reach",
        OLD,
        'state = "not-in-reach", ',
        'state = "not-in-reach", rule = "S5", ',
        "verdicts.synced-writeback-off.none.rule",
    ),
    (
        "part without a rule",
        OLD,
        'reset = { answer = "no", rule = "S4" }',
        'reset = { answer = "no" }',
        "verdicts.cloud-only.none.reset",
    ),
    (
        "rule of what is not asked",
        OLD,
        '{ answer = "not-asked" }',
        '{ answer = "not-asked", rule = "S6" }',
        "writeback.rule",
    ),
    ("unknown answer of a part", OLD, '{ answer = "not-asked" }', '{ answer = "later" }', "writeback.answer"),
    (
        "unknown key of a verdict",
        OLD,
        'state = "uncovered", ',
        'state = "uncovered", colour = "red", ',
        "verdicts.cloud-only.none",
    ),
]


@pytest.mark.parametrize(("fault", "file", "old", "new", "key"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_the_fault_is_refused_and_told(
    rules: Path, fault: str, file: str, old: str, new: str, key: str
) -> None:
    spoil(rules, file, old, new)
    with pytest.raises(RulesError) as refused:
        load_rules_from(rules)
    error = refused.value
    assert error.file == Path(file).name
    assert key in error.key
    assert error.problem
    assert error.fix
    assert str(error) == f"{error.file}: {error.key}: {error.problem}. To mend it: {error.fix}."


@pytest.mark.parametrize("name", [SKUS, "findings.toml", "mutes.toml"])
def test_a_missing_file_is_named(rules: Path, name: str) -> None:
    (rules / name).unlink()
    with pytest.raises(RulesError, match=name):
        load_rules_from(rules)


@pytest.mark.parametrize(("file", "key"), [(SKUS, "office-plans"), (OLD, "options"), (NEW, "plans")])
def test_a_missing_table_is_named(rules: Path, file: str, key: str) -> None:
    text = (rules / file).read_text(encoding="utf-8")
    start = text.index(f"\n[{key}]\n")
    end = text.index("\n[", start + 1)
    (rules / file).write_text(text[:start] + text[end:], encoding="utf-8")
    with pytest.raises(RulesError) as refused:
        load_rules_from(rules)
    assert refused.value.key == key


def test_without_any_edition_there_are_no_rules(rules: Path) -> None:
    shutil.rmtree(rules / "editions")
    with pytest.raises(RulesError, match="there is no edition"):
        load_rules_from(rules)


def test_a_file_that_is_no_text_is_refused(rules: Path) -> None:
    (rules / SKUS).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RulesError, match="not valid TOML"):
        load_rules_from(rules)


def test_a_rule_that_a_finding_cites_must_exist(rules: Path) -> None:
    spoil(rules, "findings.toml", '= "S1"', '= "S111"')
    with pytest.raises(RulesError, match="S111"):
        load_rules_from(rules)


def test_an_unspoilt_copy_loads_and_is_the_same(rules: Path) -> None:
    assert load_rules_from(rules) == load_rules()


@pytest.mark.parametrize("file", [SKUS, "findings.toml", "mutes.toml", OLD, NEW])
def test_any_change_of_any_file_changes_the_digest(rules: Path, file: str) -> None:
    with (rules / file).open("a", encoding="utf-8") as text:
        text.write("# a remark\n")
    assert load_rules_from(rules).digest != load_rules().digest


def test_the_packaged_rules_are_read_once() -> None:
    assert load_rules() is load_rules()


def test_an_edition_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(KeyError, match="2017-10-24"):
        load_rules().edition("1999-12-31")
