"""Every command of docs/audit.md, and the example of the help, is run; its tables are those of the code."""

import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from admin.audit.command import Options, run
from admin.audit.folder import FILES
from admin.sign_in import SCOPES
from admin.words import say
from sandbox.graph.server import Running, serve
from sandbox.graph.tenant import generate
from shared.audit.permissions import NEEDS
from shared.graph.audits import ALSO_NEEDS
from tests.audit.commands import Auditor
from tests.audit.people import QUICK

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/audit.md").read_text()
START = "python -m admin audit"


def shown() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [line.removeprefix(START).strip() for block in blocks for line in block.strip().splitlines()]


def run_here() -> list[str]:
    """Every line of this command that a test of this file runs, as typed after `python -m admin`."""
    readme = re.findall(rf"^{START} .+$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return [f"audit {line}" for line in shown()] + [one.removeprefix("python -m admin ") for one in readme]


@pytest.fixture
async def tenant() -> AsyncIterator[Running]:
    async with await serve(generate(60, rates=QUICK)) as running:
        yield running


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_every_command_that_the_page_and_the_help_show_works(tenant: Running, tmp_path: Path) -> None:
    auditor = Auditor(tmp_path, tenant)
    lines = [*shown(), say("examples", "audit").strip().removeprefix(START).strip()]
    assert len(lines) == 5
    for line in lines:
        # Nobody types a code here; that way of signing in has tests of its own.
        answer = await auditor.run(*(one for one in shlex.split(line) if one != "--device-code"))
        assert answer.code == 0, answer.err
    folders = {one for one in auditor.left if "/" not in one and one != "audit.key"}
    assert len(folders) == len(lines)


@pytest.mark.real
@pytest.mark.timeout(120)
async def test_the_readmes_third_command_works_as_it_stands(tenant: Running, tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks[:2] == ["make demo", "make test"]
    assert blocks[2].startswith(f"{START} ")
    auditor = Auditor(tmp_path, tenant)
    answer = await auditor.run(*shlex.split(blocks[2].removeprefix(START)))
    assert answer.code == 0, answer.err
    [folder] = {one for one in auditor.left if "/" not in one}
    assert folder.startswith("sspr-audit-")


def test_the_tables_name_what_the_command_needs_asks_and_writes() -> None:
    for need in NEEDS:
        assert f"| `{need.permission}` |" in PAGE
    for name in FILES:
        assert f"| **{name}** |" in PAGE
    row = next(line for line in PAGE.splitlines() if line.startswith("| `--device-code`"))
    assert set(re.findall(r"`(\w+\.Read\.All)`", row)) == {*SCOPES, ALSO_NEEDS}


@pytest.mark.parametrize(("fault", "code"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left"), 1)])
def test_each_end_has_the_exit_code_that_the_page_says(
    fault: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise fault

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("admin.audit.command.sign_in", fails)
    assert run(Options()) == code
    assert f"| {code} |" in PAGE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
