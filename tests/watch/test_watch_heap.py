"""Freed memory goes back to the system, seen from outside: in a process of its own, as Linux counts it."""

import platform
import subprocess
import sys

import pytest

from benchmarks.process import ROOT
from shared import settings
from shared.settings import load
from shared.watch import heap, parts
from tests.settings.good_settings import GOOD

PROBE = """
import re, sys
from pathlib import Path
from shared.watch.heap import give_back

if sys.argv[1] == "give back":
    assert give_back()
def held():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
bytes(24 << 20)  # a large block that was freed: from now on glibc keeps those that are smaller
before = held()
kept = []
for _ in range(40):
    block = b"x" * (1 << 20)
    kept.append(b"y" * 2000)  # stays, behind the block
    kept.append(block)
for number in range(1, len(kept), 2):
    kept[number] = b""
print(held() - before)
"""


SCATTERED = """
import re
from pathlib import Path
from shared.watch.heap import trim

def held():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
blocks = [b"x" * 20_000 for _ in range(2_000)]
stays = b"y" * 20_000  # on top of them: nothing below it goes back by itself
del blocks
before = held()
assert trim()
print(before - held())
"""


def grown(how: str) -> int:
    """MB that a process holds after it has freed 40 blocks of a MB, small ones left in between."""
    told = subprocess.run(
        [sys.executable, "-c", PROBE, how], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(told.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left as they are")
def test_large_blocks_that_were_freed_are_given_back_where_glibc_by_itself_keeps_them() -> None:
    assert grown("as it is") > 30
    assert grown("give back") < 5


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left as they are")
def test_what_lies_free_below_a_block_that_stays_is_given_back() -> None:
    told = subprocess.run(
        [sys.executable, "-c", SCATTERED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(told.stdout) > 30


def test_the_watch_of_a_process_has_memory_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(settings, "current", lambda: load(GOOD))
    monkeypatch.setattr(heap, "give_back", lambda: asked.append("give back"))
    parts.current.cache_clear()
    try:
        parts.current()
    finally:
        parts.current.cache_clear()
    assert asked == ["give back"]
