"""Bytecode beside every Python file of the package, so that a start in Azure compiles nothing."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.package import compiling
from tools.package.errors import PackageError

# Where Azure puts the app; a traceback names the file itself as long as it is there.
SITE = "/home/site/wwwroot"
# The same number on every machine: which files share a process can show in the bytes.
SHARES = 4
_INHERITED = ("PATH", "HOME", "SYSTEMROOT", "TMPDIR", "TEMP")


def compile_tree(folder: Path) -> int:
    """Write unchecked hash-based .pyc for all Python files below; gives how many. Raises `PackageError`."""
    files = sorted(folder.rglob("*.py"))
    with ThreadPoolExecutor(SHARES) as pool:
        said = list(
            pool.map(lambda share: _compile(folder, share), (files[n::SHARES] for n in range(SHARES)))
        )
    failures = "".join(said).strip()
    if failures:
        raise PackageError(f"These files can't be compiled:\n{failures}")
    return len(files)


def _compile(folder: Path, files: list[Path]) -> str:
    lines = [json.dumps([str(file), f"{SITE}/{file.relative_to(folder).as_posix()}"]) for file in files]
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    ended = subprocess.run(  # noqa: S603  # this Python and a file of ours
        [sys.executable, "-S", "-s", compiling.__file__],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
        env={**inherited, "PYTHONHASHSEED": "0"},
    )
    return ended.stderr if ended.returncode else ""
