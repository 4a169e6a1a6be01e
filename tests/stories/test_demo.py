"""The demo as a new user runs it: it ends with 0, twice in a row, and says so when ports are taken."""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.stage import in_use
from tests.stories.theatre import DELIVERED

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

STORY = [
    "1,000 users read",
    "lacks the licence for password writeback",
    "seats free",
    "must last 15 minutes",
    "Fixed",
    "Field engineers",
    "nothing in the journal, nothing told",
    "opened and resolved within the confirm time",
    "no read, no write, no card",
    "found by the delta query: 1 user changed without a notification",
    "$ python -m admin exception add --user",
    "Agreed as e-",
    "$ python -m admin exception list",
    "coverage changed: uncovered",
    "the journal goes on, nothing is told; and it is written down why: excepted:e-",
    "65 users got worse at once: held until it is sure",
    "Confirmed: 65 users got worse at once",
    "65 users, two cards",
    "Exceptions in force",
    "The next digest is due on",
    "the restart repeated nothing",
    "report.html, open it in a browser",
    "$ python -m admin explain",
    "S5: a synchronised user needs",
    "the app says of itself: ok; 8 cards in all",
    "container alerts",
    "container ledger",
    "Done",
]


def free_base() -> int:
    """The first of six free ports in a row, below those that the system hands out; tests run side by side."""
    while True:
        base = random.randrange(10_000, 32_000, 10)
        if not any(map(in_use, range(base, base + 6))):
            return base


def demo(base: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", "demo", "--ports", str(base)],
        cwd=ROOT,
        # A shell that speaks Dutch tells the same story.
        env={**os.environ, "COLUMNS": "160", "WATCH_LANGUAGE": "nl", **DELIVERED},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield


def test_the_demo_tells_its_story_twice_in_a_row_and_leaves_nothing_behind() -> None:
    base = free_base()
    for _ in range(2):
        ended = demo(base)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        missing = [text for text in STORY if text not in ended.stdout]
        assert not missing, ended.stdout
        assert not any(in_use(port) for port in range(base, base + 6))
    journal = list((ROOT / ".sandbox" / f"demo-{base}" / "alerts").rglob("*.ndjson"))
    assert journal, "the demo says that copies of the journal lie there"


def test_taken_ports_are_named_with_what_to_do() -> None:
    base = free_base()
    with taken(base + 1), taken(base + 3):
        ended = demo(base)
    assert ended.returncode == 1
    said = " ".join(ended.stdout.split())
    assert f"port {base + 1} (graph), {base + 3} (blob)" in said
    assert f"make demo PORTS={base + 100}" in said
