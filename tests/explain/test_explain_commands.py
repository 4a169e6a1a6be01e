"""`explain --snapshot` and `replay` from a shell: exit status, forms, languages, one sentence a fault."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from admin import explain, replay, saved
from shared.snapshot.opening import FILE_NAME
from shared.snapshot.pseudonyms import Pseudonyms
from shared.texts.catalogue import catalogue
from tests.admin.shell import Answer, Shell
from tests.explain.saved import KEY, PEOPLE, folder, upn, user_id

SHELL = Shell("")
STATES = {
    "ada": ("not covered", 3),
    "grace": ("covered", 0),
    "mary": ("not covered for writeback", 3),
    "alan": ("covered", 0),
    "emmy": ("not in reach", 0),
}


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit."""
    return folder(tmp_path_factory.mktemp("explain") / "audit")


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of a pseudonymised audit, and the file with its key."""
    place = tmp_path_factory.mktemp("hidden")
    (place / "key.txt").write_text(f"{KEY}\n")
    return folder(place / "audit", KEY), place / "key.txt"


def told(answer: Answer, code: int) -> str:
    """The one sentence of a command that did nothing."""
    assert (answer.code, answer.out, len(answer.err.splitlines())) == (code, "", 1), answer.err
    assert "Traceback" not in answer.err
    return answer.err


# --- explain ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEOPLE)
def test_the_exit_status_and_the_first_line_say_how_it_stands(audit: Path, name: str) -> None:
    state, code = STATES[name]
    answer = SHELL.run("explain", upn(name), "--snapshot", str(audit))
    assert (answer.code, answer.err) == (code, "")
    assert answer.out.splitlines()[0] == f"{name.title()} ({upn(name)}): {state}"
    assert "\x1b" not in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_a_doubt_has_an_exit_status_of_its_own(audit: Path) -> None:
    # By the page of 2025 nobody can say whether Office 365 E3 counts.
    file = folder(audit.parent / "other", policy_edition="2025-03-04") / FILE_NAME
    assert SHELL.run("explain", upn("grace"), "--snapshot", str(file)).code == 4


@pytest.mark.parametrize("written", [upn("ada"), upn("ADA"), user_id("ada"), user_id("ada").upper()])
def test_a_user_is_named_by_id_or_sign_in_name_in_any_case(audit: Path, written: str) -> None:
    answer = SHELL.run("explain", written, "--snapshot", str(audit), "--json")
    assert json.loads(answer.out)["account"]["id"] == user_id("ada")


def test_json_is_whole_and_says_where_it_comes_from(audit: Path) -> None:
    proof = json.loads(SHELL.run("explain", upn("mary"), "--snapshot", str(audit), "--json").out)
    assert (proof["schema"], proof["source"]) == (1, "snapshot")
    governing, other = proof["editions"]
    assert (governing["edition"], governing["verdict"]["rule"]) == ("2017-10-24", "S7")
    assert other["edition"] == "2025-03-04"
    assert {step["code"] for change in proof["changes"] for step in change["steps"]} >= {"assign"}


def test_it_speaks_dutch_where_that_is_set(audit: Path) -> None:
    answer = SHELL.run("explain", upn("ada"), "--snapshot", str(audit), WATCH_LANGUAGE="nl")
    assert answer.code == 3
    assert answer.out.splitlines()[0] == f"Ada ({upn('ada')}): niet gedekt"


@pytest.mark.parametrize("written", [upn("mary"), user_id("mary")])
def test_with_the_key_a_person_is_found_among_pseudonyms(hidden: tuple[Path, Path], written: str) -> None:
    place, key = hidden
    answer = SHELL.run("explain", written, "--snapshot", str(place), "--key", str(key))
    assert answer.code == 3
    assert "not covered for writeback" in answer.out.splitlines()[0]
    assert "mary" not in answer.out.casefold()
    pseudonym = Pseudonyms(KEY).object_id(user_id("mary"))
    assert SHELL.run("explain", pseudonym, "--snapshot", str(place), "--key", str(key)).out == answer.out


def test_without_the_key_or_with_another_nobody_is_found(hidden: tuple[Path, Path], tmp_path: Path) -> None:
    place, key = hidden
    ask = ("explain", upn("mary"), "--snapshot", str(place))
    assert "Give the key with --key" in told(SHELL.run(*ask), 2)
    other = tmp_path / "other.txt"
    other.write_text("another key of thirty-two characters or more")
    assert "is not the one" in told(SHELL.run(*ask, "--key", str(other)), 2)
    other.write_text("short")
    assert "is too short" in told(SHELL.run(*ask, "--key", str(other)), 2)
    other.write_bytes(b"\xff\xfe secret secret secret secret secret")
    assert "secret" not in told(SHELL.run(*ask, "--key", str(other)), 2)
    assert "No such file" in told(SHELL.run(*ask, "--key", str(tmp_path / "none")), 2)
    plain = folder(tmp_path / "plain")
    assert "needs no key" in told(
        SHELL.run("explain", upn("mary"), "--snapshot", str(plain), "--key", str(key)), 2
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--snapshot", "{audit}", "--ledger"), "Both --ledger and --snapshot"),
        (("--ledger", "--key", "k"), "--key goes with --snapshot only"),
        (("--snapshot", "{audit}", "--device-code"), "--device-code goes with"),
        (("--snapshot", "{audit}/none"), "There is no "),
        (("--snapshot", "{audit}"), "There is no user nobody@contoso.example in "),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(audit: Path, options: tuple[str, ...], said: str) -> None:
    given = [one.format(audit=audit) for one in options]
    assert said in told(SHELL.run("explain", "nobody@contoso.example", *given), 2)


def test_an_object_id_that_is_nobody_is_said_to_be_gone_and_not_misspelt(audit: Path) -> None:
    nobody = "0f000000-0000-4000-8000-0000000000ff"
    sentence = told(SHELL.run("explain", nobody, "--snapshot", str(audit)), 2)
    assert sentence.startswith(f"There is no user with the object id {nobody} in ")
    assert "spelling" not in sentence


@pytest.mark.parametrize("source", [("--snapshot", "{audit}"), ("--ledger",), ()])
def test_nobody_is_not_somebody_without_a_name(audit: Path, source: tuple[str, ...]) -> None:
    given = [one.format(audit=audit) for one in source]
    assert told(SHELL.run("explain", " ", *given), 2).startswith("Nobody is named.")


@pytest.mark.parametrize("word", ["delta", "$count", "me"])
def test_a_word_of_graphs_own_address_is_no_user(tmp_path: Path, word: str) -> None:
    # Nobody is signed in: it is told before anything is asked.
    answer = SHELL.run("explain", word, PATH=str(tmp_path))
    assert f"There is no user {word} in the tenant." in told(answer, 2)


def test_a_file_that_was_cut_proves_nothing(audit: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.ndjson.gz"
    cut.write_bytes((audit / FILE_NAME).read_bytes()[:-30])
    told(SHELL.run("explain", upn("ada"), "--snapshot", str(cut)), 2)
    told(SHELL.run("replay", str(cut)), 2)


def test_two_people_of_one_name_are_named_by_id(tmp_path: Path) -> None:
    place = folder(tmp_path / "twins", twice="ada")
    sentence = told(SHELL.run("explain", upn("ada"), "--snapshot", str(place)), 2)
    assert user_id("ada") in sentence
    assert "Name one of these object ids" in sentence


def test_without_anybody_signed_in_the_tenant_is_not_read(tmp_path: Path) -> None:
    answer = SHELL.run("explain", upn("ada"), TENANT_ID="", WATCH_STORAGE="", PATH=str(tmp_path))
    assert "az login" in told(answer, 2)


@pytest.mark.parametrize("language", ["en", "nl"])
def test_whoever_cannot_sign_in_is_told_of_every_other_way(tmp_path: Path, language: str) -> None:
    answer = SHELL.run("explain", upn("ada"), TENANT_ID="", PATH=str(tmp_path), WATCH_LANGUAGE=language)
    texts = catalogue(language)
    no_az = texts.text("audit", "sign_in", "no-az")
    assert told(answer, 2) == f"{no_az} {texts.text('explain', 'faults', 'signed-out')}\n"
    for way in ("az login", "--device-code", "--ledger", "--snapshot"):
        assert way in answer.err


# --- replay -------------------------------------------------------------------------------------------------


def test_the_same_verdicts_are_said_to_be_so(audit: Path) -> None:
    answer = SHELL.run("replay", str(audit))
    assert (answer.code, answer.err) == (0, "")
    first, second, *counts = answer.out.splitlines()
    assert first.startswith("5 users judged again")
    assert second == "The same verdicts, bit for bit."
    assert [line.split()[-1] for line in counts if line] == ["2", "1", "1", "0", "1"]
    assert SHELL.run("replay", str(audit / FILE_NAME)).out == answer.out


def test_another_edition_says_whom_it_judges_otherwise(audit: Path) -> None:
    answer = SHELL.run("replay", str(audit), "--edition", "2025-03-04")
    assert answer.code == 3
    assert "1 user would be judged otherwise" in answer.out
    assert f"Grace ({upn('grace')}): covered → not known: " in answer.out
    unnamed = SHELL.run("replay", str(audit), "--edition", "2025-03-04", "--first", "0")
    assert "Grace" not in unnamed.out
    assert "and 1 more" in unnamed.out


def test_json_and_csv_have_everybody_who_differs(audit: Path) -> None:
    ask = ("replay", str(audit), "--edition", "2025-03-04", "--first", "0")
    as_json = SHELL.run(*ask, "--json")
    assert as_json.code == 3
    result = json.loads(as_json.out)
    assert (result["schema"], result["unchanged"], result["replayed"]["same"]) == (1, False, True)
    [one] = result["replayed"]["differing"]
    as_csv = SHELL.run(*ask, "--csv")
    assert as_csv.code == 3
    [row] = csv.DictReader(io.StringIO(as_csv.out.removeprefix("\ufeff")))
    words = catalogue("en")
    assert row == {
        "Object id": user_id("grace"),
        "User principal name": one["upn"],
        "Name": "Grace",
        "From": words.text("states", one["then"]),
        "To": words.text("states", one["now"]),
        "Rule": one["rule"],
        "Cause": words.text("causes", one["cause"]),
        "Cause code": one["cause"],
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Nothing is named"),
        (("{audit}", "--date", "2026-11-20"), "Both a snapshot and --date"),
        (("{audit}", "--json", "--csv"), "Both --json and --csv"),
        (("{audit}", "--edition", "1999-01-01"), "Use one of: 2017-10-24, 2025-03-04"),
        (("{audit}/none",), "There is no "),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(audit: Path, options: tuple[str, ...], said: str) -> None:
    assert said in told(SHELL.run("replay", *(one.format(audit=audit) for one in options)), 2)


def test_it_replays_in_dutch(audit: Path) -> None:
    answer = SHELL.run("replay", str(audit), WATCH_LANGUAGE="nl")
    assert answer.out.splitlines()[1] == catalogue("nl").text("replay", "same")


def interrupted(_: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "work",
    [
        lambda: explain.explain(explain.Asked(user=upn("ada"), snapshot=Path("audit"))),
        lambda: replay.judge_again(replay.Asked(path=Path("audit"))),
    ],
    ids=["explain", "replay"],
)
def test_ctrl_c_is_one_sentence(
    work: Callable[[], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(saved, "opened", interrupted)
    assert work() == 130
    assert capsys.readouterr() == ("", "Stopped. Nothing was changed.\n")
