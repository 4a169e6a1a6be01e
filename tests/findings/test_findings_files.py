"""A fault in findings.toml or mutes.toml stops the load, and says where it is and what to do."""

from pathlib import Path

import pytest

import shared.rules
from shared.model import Finding, Severity
from shared.rules.errors import RulesError
from shared.rules.kinds import Match, MuteRow, check_rows, load_kinds, load_mutes

HERE = Path(shared.rules.__file__).parent
EDITIONS = {
    "2017-10-24": frozenset(f"S{number}" for number in range(1, 11)),
    "2025-03-04": frozenset(f"T{number}" for number in range(1, 7)),
}

KIND = """
[steps]
mend = ["sku"]

[kind.no-licence]
subjects = ["tenant"]
severity = { missing = "high" }
rule = { "2017-10-24" = "S1", "2025-03-04" = "" }
fingerprint = ["state", "rule"]
facts = ["users"]
portal = "https://example.org/{subject}"
remedy = [{ when = "missing", step = "mend" }]
"""

MUTE = """
[[mute]]
cause = "no-licence"
symptom = "coverage"
match = "all"
states = ["uncovered"]
"""


def kinds_of(tmp_path: Path, text: str) -> None:
    path = tmp_path / "findings.toml"
    path.write_text(text)
    load_kinds(path)


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        (KIND, "[", "(file)", "not valid TOML"),
        (KIND, "[steps]\nmend = []", "kind", "missing or empty"),
        ('[steps]\nmend = ["sku"]', "", "steps", "missing or empty"),
        ('mend = ["sku"]', 'mend = "sku"', "steps.mend", "not a list"),
        ('mend = ["sku"]', 'mend = ["sku"]\nidle = []', "steps.idle", "no kind uses"),
        ("[steps]", "extra = 1\n[steps]", "extra", "nothing reads"),
        ('subjects = ["tenant"]', "subjects = []", "kind.no-licence.subjects", "no subject"),
        ('subjects = ["tenant"]', 'subjects = ["planet"]', "kind.no-licence", "planet"),
        ('{ missing = "high" }', "{}", "kind.no-licence.severity", "no state"),
        ('{ missing = "high" }', '{ missing = "huge" }', "kind.no-licence", "huge"),
        ('["state", "rule"]', '["state", "users"]', "kind.no-licence.fingerprint", "'users' may not"),
        ('["state", "rule"]', '["state", "state"]', "kind.no-licence.fingerprint", "twice"),
        ('["state", "rule"]', '["rule"]', "kind.no-licence.fingerprint", "state is missing"),
        ('"https://example.org/{subject}"', '"example"', "kind.no-licence.portal", "not a link"),
        ("{subject}", "{name}", "kind.no-licence.portal", "leaves something open"),
        ('{ "2017-10-24" = "S1", "2025-03-04" = "" }', '"some"', "kind.no-licence.rule", "'some'"),
        ('{ "2017-10-24" = "S1", "2025-03-04" = "" }', "{}", "kind.no-licence.rule", "says nothing"),
        ('step = "mend"', 'step = "pray"', "kind.no-licence.remedy[1]", "unknown step 'pray'"),
        ('{ when = "missing", step = "mend" }', "", "kind.no-licence.remedy", "no remedy"),
        (', step = "mend"', "", "kind.no-licence.remedy[1]", "has keys"),
        (
            '[{ when = "missing", step = "mend" }]',
            '[{ when = "missing", step = "mend" }, { when = "missing", step = "mend" }]',
            "kind.no-licence.remedy[2]",
            "twice",
        ),
        ("facts =", "fact =", "kind.no-licence", "fact"),
        ("facts =", 'rests_on = ["rumours"]\nfacts =', "kind.no-licence.rests_on", "'rumours'"),
        (
            "facts =",
            'portals = { gone = "https://example.org/" }\nfacts =',
            "kind.no-licence.portals.gone",
            "no such state",
        ),
        (
            "facts =",
            'portals = { missing = "example" }\nfacts =',
            "kind.no-licence.portals.missing",
            "not a link",
        ),
    ],
)
def test_a_faulty_kind_names_file_key_problem_and_fix(
    tmp_path: Path, old: str, new: str, key: str, says: str
) -> None:
    assert old in KIND
    with pytest.raises(RulesError) as caught:
        kinds_of(tmp_path, KIND.replace(old, new, 1))
    assert (caught.value.file, caught.value.key) == ("findings.toml", key)
    assert says in caught.value.problem
    assert caught.value.fix


def test_the_same_file_without_the_fault_loads(tmp_path: Path) -> None:
    kinds_of(tmp_path, KIND)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"findings\.toml"):
        load_kinds(tmp_path / "findings.toml")


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("", "mute", "no rows"),
        (MUTE + MUTE, "mute[2]", "twice"),
        (MUTE.replace('"all"', '"some"'), "mute[1]", "some"),
        (MUTE.replace("cause", "reason"), "mute[1]", "reason"),
        ("rows = 1\n" + MUTE, "rows", "nothing reads"),
    ],
)
def test_a_faulty_mute_row_names_file_key_problem_and_fix(
    tmp_path: Path, text: str, key: str, says: str
) -> None:
    path = tmp_path / "mutes.toml"
    path.write_text(text)
    with pytest.raises(RulesError) as caught:
        load_mutes(path)
    assert (caught.value.file, caught.value.key) == ("mutes.toml", key)
    assert says in caught.value.problem
    assert caught.value.fix


def packaged(tmp_path: Path, old: str, new: str) -> Path:
    text = (HERE / "findings.toml").read_text()
    assert old in text
    path = tmp_path / "findings.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("[kind.no-licence]", "[kind.no-license]", "kind.no-licence", "has no row"),
        ("[kind.watch-unwell]", "[kind.watch-ill]", "kind.watch-unwell", "has no row"),
        ('"2017-10-24" = "S1"', '"2017-10-24" = "S99"', "kind.no-licence.rule", "no rule S99"),
        ('"2017-10-24" = "S1", ', "", "kind.no-licence.rule", "2017-10-24 is missing"),
        ('"2017-10-24" = "S1"', '"2017-10-24" = "S1", "1999-01-01" = ""', "kind.no-licence.rule", "1999"),
    ],
)
def test_kinds_that_do_not_fit_the_editions_or_the_code_are_refused(
    tmp_path: Path, old: str, new: str, key: str, says: str
) -> None:
    kinds = load_kinds(packaged(tmp_path, old, new))
    with pytest.raises(RulesError) as caught:
        check_rows(kinds, (), EDITIONS)
    assert (caught.value.key, says in caught.value.problem) == (key, True)


def test_a_kind_that_nothing_finds_is_refused(tmp_path: Path) -> None:
    row = KIND.partition("\n\n")[2].replace("no-licence", "bad-weather").replace("mend", "check-health")
    path = tmp_path / "findings.toml"
    path.write_text((HERE / "findings.toml").read_text() + row)
    with pytest.raises(RulesError, match="nothing finds this kind"):
        check_rows(load_kinds(path), (), EDITIONS)


@pytest.mark.parametrize(
    ("mute", "key"),
    [
        (MuteRow(cause="bad-weather", symptom="coverage", match=Match.ALL), "mute[1].cause"),
        (MuteRow(cause="no-licence", symptom="bad-mood", match=Match.ALL), "mute[1].symptom"),
        (
            MuteRow(cause="no-licence", symptom="coverage", match=Match.ALL, states=("covered",)),
            "mute[1].states",
        ),
    ],
)
def test_a_mute_row_of_a_kind_or_state_that_is_not_there_is_refused(mute: MuteRow, key: str) -> None:
    kinds = load_kinds(HERE / "findings.toml")
    with pytest.raises(RulesError) as caught:
        check_rows(kinds, (mute,), EDITIONS)
    assert (caught.value.file, caught.value.key) == ("mutes.toml", key)


SYMPTOM = Finding(kind="coverage", state="uncovered", severity=Severity.HIGH, about="sku-1")


@pytest.mark.parametrize(
    ("match", "subject", "about", "muted"),
    [
        (Match.ALL, "other", "other", True),
        (Match.SAME_SUBJECT, "user-1", "other", True),
        (Match.SAME_SUBJECT, "user-2", "sku-1", False),
        (Match.SAME_ABOUT, "other", "sku-1", True),
        (Match.SAME_ABOUT, "user-1", "sku-2", False),
        (Match.BECAUSE, "user-1", "sku-1", False),
    ],
)
def test_each_way_of_matching(match: Match, subject: str, about: str, muted: bool) -> None:
    row = MuteRow(cause="no-licence", symptom="coverage", match=match)
    assert row.explains("no-licence", subject, about, SYMPTOM, "user-1") is muted
    assert not row.explains("licence-errors", subject, about, SYMPTOM, "user-1")
