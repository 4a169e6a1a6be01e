"""The table of faults fits the code as it stands, and the tool says which of them nobody notices."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.faults import TABLE, Misfit, copy_of, faults_of, planted, put_in

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "rules": ("shared/rules/",),
    "judging": ("shared/holdings.py", "shared/verdict.py", "shared/reach.py"),
    "state machine": ("shared/findings/", "shared/notify/"),
    "ledger": ("shared/ledger/",),
    "verification and parser": (
        "shared/graph/notifications.py",
        "shared/graph/events.py",
        "shared/watch/access.py",
    ),
    "asking Graph": ("shared/graph/retry.py", "shared/graph/session.py", "shared/graph/delta.py"),
    "jobs": ("shared/watch/users/",),
}

TOY = '''
def is_due(age: int) -> bool:
    """Whether."""
    return age >= 7
'''
TESTS = """
from shared.toy import is_due


def test_due_from_the_seventh_day_on() -> None:
    assert is_due(7)
    assert not is_due(6)
"""
FITS = """
from pathlib import Path


def test_every_fault_still_fits_the_code() -> None:
    assert "age >= 7" in Path("shared/toy.py").read_text()
"""
FAULTS = """
[[fault]]
name = "a-day-late"
breaks = "nobody is reminded on the day"
file = "shared/toy.py"
old = "age >= 7"
new = "age > 7"
tests = ["tests/test_other.py"]

[[fault]]
name = "the-same-in-other-words"
breaks = "nothing"
file = "shared/toy.py"
old = "age >= 7"
new = "not age < 7"
tests = ["tests/test_toy.py"]
"""


def test_every_fault_still_fits_the_code() -> None:
    faults = faults_of(ROOT)
    assert len(faults) >= 30
    for room, files in ROOMS.items():
        assert sum(one.file.startswith(files) for one in faults) >= 4, room


def test_what_would_break_is_told_of_each() -> None:
    told = [one.breaks for one in faults_of(ROOT)]
    assert len(set(told)) == len(told)
    assert not any("|" in one or one.endswith(".") for one in told)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A project of one rule, its test, and two faults of which one changes nothing."""
    place = tmp_path / "toy"
    for name, text in {
        "shared/__init__.py": "",
        "shared/toy.py": TOY,
        "tests/test_toy.py": TESTS,
        "tests/test_other.py": "def test_nothing() -> None:\n    assert True\n",
        str(TABLE): FAULTS,
        "tests/faults/test_table.py": FITS,
        "pyproject.toml": '[tool.pytest.ini_options]\nmarkers = ["real: x"]\npythonpath = ["."]\n',
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=place, check=True)
    return place


def run(place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The tool on a toy project."""
    command = [sys.executable, "-m", "tools.plant_faults", "--root", str(place), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, cwd=ROOT)


def test_a_change_that_changes_nothing_survives_and_is_named(toy: Path) -> None:
    before = {path: path.read_bytes() for path in toy.rglob("*.*") if ".git" not in path.parts}
    done = run(toy, "--workers", "1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "survived: the-same-in-other-words: nothing" in done.stdout
    assert "test_due_from_the_seventh_day_on" in done.stdout
    assert "survived: a-day-late" not in done.stdout
    assert {path: path.read_bytes() for path in toy.rglob("*.*") if ".git" not in path.parts} == before


def test_all_that_is_noticed_ends_well(toy: Path) -> None:
    done = run(toy, "--only", "a-day-late")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 faults in" in done.stdout


def test_tests_that_fail_without_a_fault_prove_nothing(toy: Path) -> None:
    (toy / "tests/test_toy.py").write_text(TESTS + "\n\ndef test_always_wrong() -> None:\n    assert False\n")
    done = run(toy)
    assert done.returncode == 2
    assert "test_always_wrong" in done.stdout


@pytest.mark.parametrize(
    ("text", "witness"),
    [
        ("def test_always_wrong() -> None:\n    assert False\n", "tests/test_a.py::test_always_wrong"),
        ("import no_such_module_at_all\n", "tests/test_a.py"),
    ],
)
def test_what_fails_without_a_fault_too_is_no_witness(toy: Path, text: str, witness: str) -> None:
    (toy / "tests/test_a.py").write_text(text)
    done = run(toy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "survived: the-same-in-other-words" in done.stdout
    assert "noticed: a-day-late tests/test_toy.py" in done.stdout
    assert f"was no witness: {witness}\n" in done.stdout


def test_where_the_tests_break_off_without_a_fault_too_nothing_is_noticed(toy: Path) -> None:
    (toy / "tests/test_a.py").write_text("import os\n\n\ndef test_ends_all() -> None:\n    os._exit(3)\n")
    done = run(toy, "--only", "the-same-in-other-words")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "survived: the-same-in-other-words: nothing" in done.stdout
    assert "was no witness: the process ended early" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("age >= 7", "age >= 7", "not once"),
        ("age >= 8", "age", "0 times"),
        ("e", "x", "times in shared/toy.py"),
        ("age >= 7", "age >=", "can't be read"),
    ],
)
def test_a_fault_that_does_not_fit_is_refused(toy: Path, old: str, new: str, says: str) -> None:
    (toy / TABLE).write_text(FAULTS.replace("age >= 7", old).replace("age > 7", new))
    with pytest.raises(Misfit, match=says):
        faults_of(toy)


def test_the_copy_has_what_is_not_committed_and_gets_its_file_back(toy: Path, tmp_path: Path) -> None:
    (toy / ".gitignore").write_text("secret.txt\n")
    (toy / "secret.txt").write_text("x")
    copy = copy_of(toy, tmp_path / "copy")
    assert not (copy / "secret.txt").exists()
    fault = faults_of(toy)[0]
    before = (copy / fault.file).stat().st_mtime_ns
    with put_in(fault, copy):
        assert (copy / fault.file).read_text() == planted(fault, toy) != TOY
    assert (copy / fault.file).read_text() == TOY == (toy / fault.file).read_text()
    assert (copy / fault.file).stat().st_mtime_ns == before
