"""The line that says on what a figure was measured: enough to repeat it, not whose machine it is."""

import getpass
import platform
import re
import socket
import subprocess
from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.machine import Machine, about, described, headed, lasted

KNOWN = Machine(
    date="1 October 2026",
    commit="ec85c03",
    cores=2,
    cpu="Some Processor",
    memory=24,
    python="3.13.0",
    os="Some System 12",
)


def test_the_line_names_day_commit_cores_memory_system_and_python() -> None:
    assert described(KNOWN) == (
        "1 October 2026 at ec85c03, on 2 cores of Some Processor with 24 GB, Some System 12, Python 3.13.0"
    )
    assert headed("make bench", 450, KNOWN) == f"`make bench` took 7 min 30 s: {described(KNOWN)}."


def test_this_machine_can_be_described_in_one_line_that_does_not_say_whose_it_is() -> None:
    line = described(about())
    assert re.match(r"\d{1,2} [A-Z][a-z]+ \d{4} at ", line)
    assert f"Python {platform.python_version()}" in line
    assert "\n" not in line
    assert not {"|", "`", "<"} & set(line)
    assert socket.gethostname() not in line.split()
    assert f" {getpass.getuser()} " not in line
    assert not re.search(r"(^|\s)/\w", line)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, in place of ours."""
    (tmp_path / "docs" / "pictures").mkdir(parents=True)
    (tmp_path / "docs" / "measurements.md").write_text("figures")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    return tmp_path


def test_a_changed_tree_is_said_to_be_one_unless_only_measurements_changed(clone: Path) -> None:
    head = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, cwd=clone, check=True, capture_output=True, text=True).stdout.strip()
    (clone / "docs" / "measurements.md").write_text("other figures")
    (clone / "docs" / "pictures" / "bench.svg").write_text("<svg/>")
    assert about().commit == commit
    (clone / "new.py").write_text("")
    assert about().commit == f"{commit} with changes"


def test_outside_of_a_clone_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert about().commit == "an unknown commit"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.4, "0 s"), (59, "59 s"), (59.6, "1 min"), (450, "7 min 30 s"), (3600, "1 h"), (4000, "1 h 6 min")],
)
def test_a_time_is_told_in_the_units_that_people_use(seconds: float, told: str) -> None:
    assert lasted(seconds) == told
