"""Where Python 3.13 or Node is missing, the scripts say what is missing and how to get it."""

import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def run(script: str, path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    assert bash
    return subprocess.run(
        [bash, str(TOOLS / script)],
        env={"PATH": str(path), "HOME": str(path), **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A PATH with the least of tools: no Python, no Node."""
    for name in ("bash", "cat"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    return tmp_path


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_without_python_it_says_which_is_needed_and_how_to_get_it(bare: Path) -> None:
    ended = run("find-python", bare)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Python 3.13 is needed" in ended.stderr
    assert "pyenv install 3.13" in ended.stderr


def test_an_older_python3_is_passed_over(bare: Path) -> None:
    script(bare, "python3", "exit 1")
    assert run("find-python", bare).returncode == 1


def test_pyenvs_versions_are_found_when_python3_is_older(bare: Path) -> None:
    script(bare, "python3", "exit 1")
    versions = bare / "pyenv" / "versions" / "3.13.0" / "bin"
    versions.mkdir(parents=True)
    script(versions, "python", "exit 0")
    ended = run("find-python", bare, PYENV_ROOT=str(bare / "pyenv"))
    assert (ended.returncode, ended.stdout.strip()) == (0, str(versions / "python"))


def test_without_node_it_says_what_is_missing_and_how_to_get_it(bare: Path) -> None:
    ended = run("find-node", bare)
    assert ended.returncode == 1
    assert "Missing: node npm." in ended.stderr
    assert "apt-get install nodejs npm" in ended.stderr


def test_with_node_but_without_npm_only_npm_is_named(bare: Path) -> None:
    script(bare, "node", "echo v18.19.0")
    assert "Missing: npm." in run("find-node", bare).stderr


def test_an_older_node_is_named_with_its_version(bare: Path) -> None:
    script(bare, "node", "echo v16.20.2")
    script(bare, "npm", "exit 0")
    ended = run("find-node", bare)
    assert ended.returncode == 1
    assert "Missing: node 18 or later (found: v16.20.2)." in ended.stderr


def test_with_both_it_says_nothing(bare: Path) -> None:
    script(bare, "node", "echo v18.19.0")
    script(bare, "npm", "exit 0")
    ended = run("find-node", bare)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
