"""Every `python -m admin` line that the docs and the help show is run, in order: here or in `ELSEWHERE`."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from admin.words import say, texts
from shared.notify.exceptions.exemptions import LONGEST, LONGEST_OF_A_KIND
from shared.notify.exceptions.proposals import NEVER
from shared.notify.messages import Mass
from shared.notify.table import Brake
from tests.admin.shell import PEOPLE, Answer, Shell, begin, remembered
from tests.admin.test_snapshot_commands import kept
from tests.docs.test_readme import PAGES

START = "python -m admin "
COMMANDS = ("add", "list", "end", "import", "release")
ELSEWHERE = {
    "audit": "test_audit_page.py",
    "erase": "test_privacy_page.py",
    "doctor": "../doctor/test_doctor_command.py",
    "explain": "../explain/test_explain_page.py",
    "replay": "../explain/test_explain_page.py",
    "subscriptions": "../stories/test_subscriptions.py",
    "what-if": "test_what_if_page.py",
}
"""Commands whose examples another file runs."""

EXAMPLE_ID = "e-1a2b3c4d"
OPERATE = next(page for page in PAGES if page.name == "operate.md")


SNAPSHOTS = ("snapshot-list", "snapshot-get")
"""Commands about snapshots, as the help's examples are called."""


SUBSCRIPTIONS = ("subscriptions-show", "subscriptions-create", "subscriptions-delete")


def shown() -> list[str]:
    """What the docs show of exceptions and releases."""
    return [line for line in typed() if line.startswith(("exception", "release"))]


def typed() -> list[str]:
    blocks = [
        block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    lines = [line for block in blocks for line in block.strip().splitlines()]
    # What several pages show is run once, where it stands first.
    here = dict.fromkeys(line.removeprefix(START) for line in lines if line.startswith(START))
    return [line for line in here if line.split()[0] not in ELSEWHERE]


@pytest.fixture
def shell(storage_account: str, tmp_path: Path) -> Shell:
    made = Shell(storage_account)
    made.with_storage(lambda storage: begin(storage, PEOPLE))
    [file] = re.findall(r"```csv\n(.*?)```", OPERATE.read_text(), re.DOTALL)
    (tmp_path / "exceptions.csv").write_text(file)
    return made


def run(shell: Shell, line: str, place: Path) -> Answer:
    """Run what is shown; the id of the example stands for one that is in force."""
    words = shlex.split(line)
    if EXAMPLE_ID in words:
        words[words.index(EXAMPLE_ID)] = shell.listed()[0]["id"]
    return shell.run(*words, cwd=place)


@pytest.mark.real
@pytest.mark.timeout(180)
def test_what_the_docs_show_of_exceptions_and_releases_works_in_that_order(
    shell: Shell, tmp_path: Path
) -> None:
    lines = shown()
    assert len(lines) == 7
    since = datetime.now(UTC) - timedelta(minutes=9)
    mass = Mass(worse=True, users=65, limit=50, since=since)
    remembered(shell, Brake(worse=True, since=since, at=since, mass=mass))
    for line in lines:
        answer = run(shell, line, tmp_path)
        assert (answer.code, answer.err) == (0, ""), line
    assert len(shell.stored()) == 4
    order = shell.order()
    assert order is not None
    assert order.discard


@pytest.mark.real
@pytest.mark.timeout(180)
def test_the_list_for_programs_is_as_the_page_shows_it(shell: Shell, tmp_path: Path) -> None:
    [block] = [
        one for one in re.findall(r"```json\n(.*?)```", OPERATE.read_text(), re.DOTALL) if "until" in one
    ]
    add = next(line for line in shown() if line.startswith("exception add"))
    assert run(shell, add, tmp_path).code == 0
    printed = shell.run("exception", "list", "--json").out
    [one] = shell.listed()
    [page] = json.loads(block)["exceptions"]
    for name in ("id", "created_at", "until"):
        assert re.sub(r"[0-9a-f]", "0", one[name].lower()) == re.sub(r"[0-9a-f]", "0", page[name].lower())
        block = block.replace(page[name], one[name])
    assert printed == block.replace(page["subject"]["id"], one["subject"]["id"])


@pytest.mark.real
@pytest.mark.timeout(180)
def test_the_examples_of_the_help_work_as_well(shell: Shell, tmp_path: Path) -> None:
    groups = {"subscriptions"}
    assert texts().codes("cli", "examples") == {*COMMANDS, *SNAPSHOTS, *SUBSCRIPTIONS, *ELSEWHERE} - groups
    assert all((Path(__file__).parent / name).is_file() for name in ELSEWHERE.values())
    for command in COMMANDS:
        line = say("examples", command).strip().removeprefix("python -m admin ")
        answer = run(shell, line, tmp_path)
        assert (answer.code, answer.err) == (0, ""), line


@pytest.mark.real
@pytest.mark.timeout(180)
def test_what_the_docs_and_the_help_show_of_snapshots_works(shell: Shell, tmp_path: Path) -> None:
    shell.with_storage(lambda storage: kept(storage, datetime(2026, 11, 23, 3, tzinfo=UTC), "a1" * 16))
    lines = [line for line in typed() if line.startswith("snapshot")]
    assert len(lines) == 3
    (tmp_path / "key.txt").write_text("k" * 40)
    for line in lines:
        answer = run(shell, line, tmp_path)
        assert (answer.code, answer.err) == (0, ""), line
    for name in ("snapshot.ndjson.gz", "for-the-auditor.ndjson.gz"):
        assert (tmp_path / name).stat().st_size
        (tmp_path / name).unlink()
    for command in SNAPSHOTS:
        line = say("examples", command).strip().removeprefix("python -m admin ")
        answer = run(shell, line, tmp_path)
        assert (answer.code, answer.err) == (0, ""), line


def test_the_lengths_and_kinds_that_the_page_names_are_those_of_the_code() -> None:
    page = OPERATE.read_text().partition("## Exceptions")[2].partition("## What the brake")[0]
    assert (LONGEST.days, LONGEST_OF_A_KIND.days) == (366, 30)
    assert page.count("| a year |") == 3
    assert page.count("| 30 days |") == 1
    assert all(f"`{kind}`" in page for kind in NEVER)
