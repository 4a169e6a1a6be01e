"""docs/what-if.md: every example is run and prints what the page shows; JSON is as its schema says.

The page is written by what the commands print: `python -m tests.docs.test_what_if_page` brings it up to date.
"""

import csv
import io
import json
import re
import shlex
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from admin.words import say, texts
from shared.snapshot.opening import FILE_NAME
from shared.texts.catalogue import catalogue
from shared.texts.cells import BYTE_ORDER_MARK
from tests.admin.shell import Answer, Shell
from tests.whatif.contoso import FOLDER, saved
from tools import write_what_if_schema

PAGE = Path(__file__).resolve().parents[2] / "docs" / "what-if.md"
START = "python -m admin what-if "
SHOWN = re.compile(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)


def run(line: str, place: Path, language: str = "en") -> Answer:
    words = shlex.split(line.strip().removeprefix("python -m admin "))
    return Shell("").run(*words, cwd=place, COLUMNS="80", WATCH_LANGUAGE=language)


def examples() -> list[tuple[str, str]]:
    """Each command of the page, with the output that stands below it."""
    return [
        (line, text) for block, text in SHOWN.findall(PAGE.read_text()) for line in block.strip().splitlines()
    ]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    saved(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("line", "shown"), examples(), ids=lambda one: one[-30:].strip())
def test_every_example_of_the_page_prints_what_stands_below_it(line: str, shown: str, place: Path) -> None:
    assert line.startswith(START)
    answer = run(line, place)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out
    if shown:
        assert answer.out == shown
        assert max(map(len, answer.out.splitlines())) <= 80


def test_the_page_shows_a_table_csv_and_json_and_every_option() -> None:
    page = PAGE.read_text()
    assert sum(bool(text) for _, text in examples()) >= 3
    for option in ("writeback", "scope", "edition", "drop-sku", "add-seats", "move-group", "csv", "json"):
        assert any(f"--{option}" in line for line, _ in examples()), option
        assert f"`--{option}" in page


@pytest.mark.parametrize("language", ["en", "nl"])
def test_the_example_of_the_help_works(language: str, place: Path) -> None:
    line = catalogue(language).text("cli", "examples", "what-if")
    assert line.strip() == say("examples", "what-if").strip()
    assert (place / FOLDER / FILE_NAME).is_file()
    answer = run(line, place, language)
    assert (answer.code, answer.err) == (0, "")
    helped = Shell("").run("what-if", "--help", WATCH_LANGUAGE=language)
    assert "".join(line.split()) in "".join(helped.out.split())


def test_json_is_as_the_schema_in_docs_says(place: Path) -> None:
    assert write_what_if_schema.FILE.read_text() == write_what_if_schema.text()
    schema = json.loads(write_what_if_schema.FILE.read_text())
    Draft202012Validator.check_schema(schema)
    lines = [line for line, _ in examples()]
    for line in lines:
        words = re.sub(r" --(csv|json)$", "", line)
        answer = json.loads(run(f"{words} --json", place).out)
        assert [*Draft202012Validator(schema).iter_errors(answer)] == []
        assert answer["users"] == 40
    [line] = [one for one in lines if one.endswith("--json")]
    assert {one["to"] for one in json.loads(run(line, place).out)["changed"]} == {"undetermined"}
    assert [*Draft202012Validator(schema).iter_errors({"schema": 2})]


def test_csv_opens_in_a_spreadsheet_in_both_languages(place: Path) -> None:
    [line] = [one for one, _ in examples() if one.endswith("--csv")]
    for language in ("en", "nl"):
        out = run(line, place, language).out
        assert out.startswith(BYTE_ORDER_MARK)
        rows = list(csv.reader(io.StringIO(out.removeprefix(BYTE_ORDER_MARK), newline="")))
        assert rows[0][2:4] == [
            catalogue(language).text("what_if", "columns", one) for one in ("name", "from")
        ]
        assert rows[1][1:3] == ["user01@contoso.example", "User 1"]
        assert len(rows) == 21
        assert {row[-1] for row in rows[1:]} == {"contested"}
    assert texts().text("what_if", "columns", "from") == "From"


def _write() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        saved(Path(folder))

        def fresh(found: re.Match[str]) -> str:
            if found[2] is None:
                return found[0]
            return f"```sh\n{found[1]}```\n\n```text\n{run(found[1], Path(folder)).out}```"

        PAGE.write_text(SHOWN.sub(fresh, PAGE.read_text()))


if __name__ == "__main__":
    _write()
