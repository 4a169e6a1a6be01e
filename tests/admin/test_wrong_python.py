"""Whoever runs the commands with a Python that lacks what they need is told so, and what to do."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from admin.environment import leave_if_wrong

ROOT = Path(__file__).resolve().parents[2]


def bare(module: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run by this Python without any package that was installed."""
    return subprocess.run(
        [sys.executable, "-S", "-m", module, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("module", ["admin", "sandbox"])
def test_a_python_without_the_packages_is_told_in_one_line_what_to_do(module: str) -> None:
    answer = bare(module, "--help", WATCH_LANGUAGE="nl")
    assert (answer.returncode, answer.stdout) == (2, "")
    [said] = answer.stderr.splitlines()
    assert said.startswith(f"{sys.executable} is not the project's Python: it lacks typer. ")
    for step in ("'make setup'", "'. .venv/bin/activate'", ".venv/bin/python instead of python"):
        assert step in said


@pytest.mark.parametrize(
    "fault",
    [
        ModuleNotFoundError("No module named 'admin.gone'", name="admin.gone"),
        ImportError("cannot import name 'x' from 'typer'", name="typer"),
        SyntaxError("invalid syntax"),
    ],
    ids=repr,
)
def test_a_fault_of_our_own_is_not_blamed_on_python(fault: Exception) -> None:
    leave_if_wrong(fault)


@pytest.mark.parametrize(
    "name",
    [
        "admin/__init__",
        "admin/__main__",
        "admin/endings",
        "admin/environment",
        "sandbox/__init__",
        "sandbox/__main__",
    ],
)
def test_an_older_python_can_read_as_far_as_the_sentence(name: str) -> None:
    ast.parse((ROOT / f"{name}.py").read_text(), feature_version=(3, 6))


def test_an_older_python_is_named_whatever_it_stumbles_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("admin.environment._TOO_OLD", True)
    with pytest.raises(SystemExit) as left:
        leave_if_wrong(SyntaxError("invalid syntax"))
    assert left.value.code == 2
    assert "it is {}.{}, not 3.13".format(*sys.version_info) in capsys.readouterr().err
