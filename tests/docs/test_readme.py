"""What the README and the docs show is true: commands run, links lead somewhere, named files are there."""

import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from shared.notify.saying.commands import ADMIN
from tests.stories.test_demo import free_base

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
OTHERS = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")

COMMANDS = {
    "make package": "test_make_package_builds_what_is_deployed",
    "make demo": "test_make_demo_is_the_demo_that_the_stories_run",
    "make test": "test_make_test_runs_linters_types_and_every_test",
    "python -m sandbox up": "test_up_keeps_the_sandbox_running_until_interrupted",
}
"""Commands of make and of the sandbox, and the test that runs each; `test_shell_commands` has the rest."""


def test_every_command_shown_has_a_test_that_runs_it() -> None:
    assert all(name in globals() for name in COMMANDS.values())


def test_the_docs_write_python_as_cards_do_and_say_once_on_a_page_which_one_that_is() -> None:
    for page in PAGES:
        text = page.read_text()
        assert ".venv/bin/python -m" not in text, page.name
        said = text.find("`. .venv/bin/activate`")
        assert text.count("`. .venv/bin/activate`") == (said >= 0), page.name
        shown = re.finditer(r"```sh\n(?:.+\n)*?(?:.*\| )?python -m (?:admin|sandbox|infra)", text)
        blocks = [found.start() for found in shown]
        # On each page that shows commands to copy, before them or beside the first.
        assert text.count("`. .venv/bin/activate`") == bool(blocks), page.name
        near = 0 if page.name == "README.md" else 1_500
        assert not blocks or said < min(blocks) + near, page.name
    assert ADMIN == "python -m admin"


@pytest.mark.parametrize("page", [*PAGES, *map(ROOT.joinpath, OTHERS)], ids=lambda page: page.name)
def test_every_path_named_in_code_marks_exists(page: Path) -> None:
    folders = "shared|functions|admin|infra|sandbox|tests|docs|tools|benchmarks|.github"
    named = re.findall(rf"`((?:{folders})/[\w./-]*|\w+\.(?:py|json))`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def recipe(target: str) -> str:
    """What make would run, everything being set up."""
    made = subprocess.run(
        [
            "make",
            "-n",
            target,
            "-o",
            "setup",
            "-o",
            ".venv/.installed",
            "-o",
            "sandbox/node_modules/.installed",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout


def test_make_demo_is_the_demo_that_the_stories_run() -> None:
    assert "python -m sandbox demo" in recipe("demo")


def test_make_test_runs_linters_types_and_every_test() -> None:
    made = recipe("test")
    for part in ("ruff check .", "ruff format --check .", "mypy", '-m "not real"', "-m real"):
        assert part in made, part


def test_make_package_builds_what_is_deployed() -> None:
    assert "python -m tools.package" in recipe("package")


@pytest.mark.real
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("target", "module", "briefly"),
    [
        ("bench", "benchmarks", ["--help"]),
        ("soak", "tests.soak", ["--help"]),
        ("histories", "tests.oracle", ["--histories", "1"]),
    ],
)
def test_make_bench_soak_and_histories_run_what_they_name(
    target: str, module: str, briefly: list[str]
) -> None:
    assert f"python -m {module}" in recipe(target)
    subprocess.run([sys.executable, "-m", module, *briefly], cwd=ROOT, check=True, capture_output=True)


WITH_ADMIN = "To use `python -m admin` on it, copy this line into another shell:\n"


@pytest.mark.real
@pytest.mark.timeout(120)
def test_up_keeps_the_sandbox_running_until_interrupted(tmp_path: Path) -> None:
    base = free_base()
    assert shutil.which("node")
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "up", "--users", "60", "--ports", str(base)],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout
        first = running.stdout.readline()
        assert first.startswith("app "), first
        assert health(base) in ("starting", "ok")
        lines = list(itertools.takewhile(lambda line: line != WITH_ADMIN, running.stdout))
        assert lines[0].startswith(
            f"runs     {'this checkout' if not os.environ.get('WATCH_APP') else 'the '}"
        )
        [control] = [line.split()[1] for line in lines if line.startswith("control ")]
        with urllib.request.urlopen(control, timeout=10) as answer:  # noqa: S310 - http on loopback
            assert json.load(answer)["operations"]
        line = running.stdout.readline().strip()
        assert line == f". .sandbox/up-{base}/shell"
        assert "`. .sandbox/up/shell`" in (ROOT / "README.md").read_text()
        assert admin_after(line, "exception", "list") == 0
        assert admin_after(line, "explain", "nobody@contoso.example") == 2
        assert admin_after(line, "audit", "--out", str(tmp_path / "audit")) == 0
        assert (tmp_path / "audit" / "report.html").stat().st_size
        assert admin_after(line, "doctor", "--only", "sign-in") == 0
        os.kill(running.pid, signal.SIGINT)
        # Azurite and the host end one after the other, each in its own time on a busy machine.
        assert running.wait(90) == 0


def admin_after(line: str, *words: str) -> int:
    """Copy the line into a shell, as the README says; the exit code of a command of admin there."""
    kept = ("HOME", "LANG", "PATH", "TMPDIR")
    bare = {name: value for name, value in os.environ.items() if name in kept}
    script = f"{line}\n{shlex.join([sys.executable, '-m', 'admin', *words])}"
    return subprocess.run(["/bin/sh", "-c", script], cwd=ROOT, env=bare, check=False).returncode


def health(port: int) -> str:
    for _ in range(50):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=10) as answer:
                found = re.search(r'"status": "(\w+)"', answer.read().decode())
                return found[1] if found else ""
        except urllib.error.HTTPError:
            time.sleep(0.2)
    return ""
