"""Every `python -m admin` line that the docs and the help show is run, in order, as it stands."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from admin.words import say, texts
from shared.notify.exemptions import LONGEST, LONGEST_OF_A_KIND
from shared.notify.messages import Mass
from shared.notify.proposals import NEVER
from shared.notify.table import Brake
from tests.admin.shell import PEOPLE, Answer, Shell, begin, remembered
from tests.docs.test_readme import PAGES

OWN_TESTS = {"doctor.md"}
"""Pages of commands that need more than storage: their own tests run what they show."""
START = "python -m admin "
EXAMPLE_ID = "e-1a2b3c4d"
OPERATE = next(page for page in PAGES if page.name == "operate.md")


def shown() -> list[str]:
    blocks = [
        block
        for page in PAGES
        if page.name not in OWN_TESTS
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    lines = [line for block in blocks for line in block.strip().splitlines()]
    return [line.removeprefix(START) for line in lines if line.startswith(START)]


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
    assert texts().codes("cli", "examples") >= {"add", "list", "end", "import", "release"}
    for command in ("add", "list", "end", "import", "release"):
        line = say("examples", command).strip().removeprefix("python -m admin ")
        answer = run(shell, line, tmp_path)
        assert (answer.code, answer.err) == (0, ""), line


def test_the_lengths_and_kinds_that_the_page_names_are_those_of_the_code() -> None:
    page = OPERATE.read_text().partition("## Exceptions")[2].partition("## What the brake")[0]
    assert (LONGEST.days, LONGEST_OF_A_KIND.days) == (366, 30)
    assert page.count("| a year |") == 3
    assert page.count("| 30 days |") == 1
    assert all(f"`{kind}`" in page for kind in NEVER)
