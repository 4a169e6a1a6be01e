"""Whoever closes our output, as `head` does, has seen enough: an exit code, and no word of complaint."""

import os
import subprocess
import sys

import pytest

from tests.admin.shell import ROOT

CONNECTION = "UseDevelopmentStorage=true"
OFFLINE = "import sys; from admin.saved import offline; sys.exit(offline(lambda: print('x' * {size})))"
CONNECTED = """
import sys
from admin.connection import run
async def work(desk):
    print("x" * {size})
sys.exit(run(work, None))
"""


def ended(program: str, *, heard: bool) -> tuple[int, int, str]:
    """Exit code, how much came, and what was complained of, of a program whose output is heard or closed."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TENANT_ID": "00000000-0000-0000-0000-0000000000aa",
        "WATCH_STORAGE": CONNECTION,
    }
    reading, writing = os.pipe()
    if not heard:
        os.close(reading)
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, env=environ, cwd=ROOT
        )
    finally:
        os.close(writing)
    came = 0
    if heard:
        with os.fdopen(reading, "rb") as output:
            came = len(output.read())
    _, complaint = process.communicate(timeout=60)
    return process.returncode, came, complaint.decode()


@pytest.mark.parametrize("program", [OFFLINE, CONNECTED], ids=["offline", "connected"])
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_closed_pipe_ends_a_command_without_a_word(program: str, size: int) -> None:
    assert ended(program.format(size=size), heard=True) == (0, size + 1, "")
    assert ended(program.format(size=size), heard=False) == (1, 0, "")
