"""A secret in the repository is found, in its files and in its past; what is known of has a reason."""

import subprocess
from pathlib import Path

import pytest

from tools.supply import secrets
from tools.supply.reports import Outcome
from tools.supply.secrets import Known, check, in_files, in_history

ROOT = Path(__file__).resolve().parents[2]

# Put together here, so that this file holds none.
KEY = "AK" + "IA" + "Z7QK4M2XW9PB3TCL"
PRIVATE = "-----BEGIN " + "RSA PRIVATE KEY-----"
STORAGE = "AccountKey=" + "q1W2" * 21 + "Zg=="


def git(place: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=place, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "settings.py").write_text('PLACE = "westeurope"\n')
    commit(tmp_path)
    return tmp_path


def commit(place: Path) -> None:
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", "x")


@pytest.mark.parametrize("line", [f'key = "{KEY}"', PRIVATE, f'watch = "{STORAGE}"'])
@pytest.mark.parametrize("comment", ["", "  # pragma: allowlist secret"])
def test_a_secret_in_a_file_is_a_fault_whatever_the_comment_beside_it(
    repository: Path, line: str, comment: str
) -> None:
    assert check(repository, ()).outcome is Outcome.GOOD
    (repository / "settings.py").write_text(f'PLACE = "westeurope"\n{line}{comment}\n')
    said = check(repository, ())
    assert said.outcome is Outcome.FAULT
    assert said.lines[0].startswith("settings.py:2: ")
    assert KEY not in str(said)


def test_a_secret_that_was_taken_out_again_is_still_a_fault(repository: Path) -> None:
    (repository / "settings.py").write_text(f'key = "{KEY}"\n')
    commit(repository)
    git(repository, "mv", "settings.py", "other.py")
    (repository / "other.py").write_text('PLACE = "westeurope"\n')
    commit(repository)
    said = check(repository, ())
    assert said.lines
    assert all(line.startswith("settings.py, in an earlier version: AWS Access Key") for line in said.lines)
    assert check(repository, (), history=False).outcome is Outcome.GOOD


def test_what_is_known_is_no_fault_and_another_in_the_same_file_is(repository: Path) -> None:
    (repository / "settings.py").write_text(f'key = "{KEY}"\n')
    known = (Known("Made up.", tuple({one.place for one in in_files(repository, ["settings.py"])})),)
    assert check(repository, known).outcome is Outcome.GOOD
    (repository / "settings.py").write_text(f'key = "{KEY}"\nother = "{KEY[:-1]}X"\n')
    assert check(repository, known).outcome is Outcome.FAULT


def test_what_is_known_and_nowhere_any_more_is_a_fault(repository: Path) -> None:
    gone = (Known("Made up.", ("settings.py 0123456789ab",)),)
    assert check(repository, gone).lines == ("settings.py 0123456789ab: known, and nowhere any more",)


def test_every_version_of_every_file_is_looked_at(repository: Path) -> None:
    (repository / "other.txt").write_text("nothing\n")
    commit(repository)
    (repository / "other.txt").write_text("nothing more\n")
    commit(repository)
    assert in_history(repository) == ([], 3)


def test_what_was_a_file_and_is_a_folder_by_now_is_looked_at_too(repository: Path) -> None:
    (repository / "settings.py").write_text(f'key = "{KEY}"\n')
    commit(repository)
    (repository / "settings.py").unlink()
    (repository / "settings.py").mkdir()
    (repository / "settings.py" / "here.py").write_text(f'key = "{KEY[:-1]}X"\n')
    commit(repository)
    (repository / "settings.py" / "here.py").write_text("PLACE = 1\n")
    found, _ = in_history(repository)
    assert {one.path for one in found} == {"settings.py", "settings.py/here.py"}


def test_where_git_knows_nothing_nothing_is_checked_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "settings.py").write_text(f'key = "{KEY}"\n')
    said = check(tmp_path, ())
    assert (said.outcome, said.lines) == (Outcome.NOT_CHECKED, ())
    assert "a clone" in said.summary
    monkeypatch.setenv("PATH", "")
    assert check(tmp_path, ()).outcome is Outcome.NOT_CHECKED


def test_each_place_that_is_known_stands_once_with_its_reason() -> None:
    known = secrets.load()
    places = [place for one in known for place in one.places]
    assert len(places) == len(set(places)) > 10
    assert all(one.reason.endswith(".") for one in known)
