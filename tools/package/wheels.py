"""The wheels of requirements.txt for the machine that Azure runs the app on, and a plain install of them.

Both lie in a folder named after what they come from, so that a second build with the same lock asks nobody.
"""

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.package.errors import PackageError

PYTHON = "3.13"
# Flex Consumption's image for Python 3.13 has a newer C library than 2.28; no wheel that the lock names asks
# for more, and one that did would be refused here rather than fail there.
GLIBC_MINOR = 28
PLATFORMS = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC_MINOR, 4, -1)),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
)

_TARGET = [
    "--only-binary=:all:",
    "--no-deps",
    "--require-hashes",
    "--implementation=cp",
    f"--python-version={PYTHON}",
    *(f"--platform={platform}" for platform in PLATFORMS),
]
_REASONS = (
    (
        "do not match the hashes",
        "what was downloaded is not what requirements.txt names by hash. Don't go on: find out which package "
        "it is (below) and why, before you run `make lock`",
    ),
    (
        "require-hashes mode",
        "a line of requirements.txt has no hash or no exact version; write the file with `make lock`",
    ),
    (
        "no matching distribution",
        f"there is no wheel for Linux x86_64 and CPython {PYTHON} of a package (below), or the index of "
        "packages could not be reached. Nothing is built from source here. Check the network first",
    ),
)
_UNREACHED = ("connectionerror", "failed to establish", "name resolution", "timed out", "proxyerror")


def require_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Raises `PackageError` unless this is the CPython whose bytecode the app in Azure can read."""
    running = ".".join(map(str, version))
    if sys.implementation.name != "cpython" or running != PYTHON:
        raise PackageError(
            f"The bytecode in the package is for CPython {PYTHON}, so that is what must build it; this is "
            f"{sys.implementation.name} {running}. `make package` finds the right one."
        )


def key_of(requirements: Path) -> str:
    """A name for everything that comes of this lock file on the platform that we build for."""
    parts = [requirements.read_bytes(), PYTHON.encode(), *(name.encode() for name in PLATFORMS)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def fetch(requirements: Path, folder: Path) -> None:
    """Download every wheel of the lock into a new folder, each checked against its hashes.

    Raises `PackageError`. The folder comes into being whole or not at all.
    """
    with _made_whole(folder) as making:
        _pip("download", "--dest", str(making), *_TARGET, "--requirement", str(requirements))


def install(requirements: Path, wheels: Path, folder: Path) -> None:
    """What plain `pip install` makes of those wheels, with its bytecode, in a new folder.

    Raises `PackageError`.
    """
    with _made_whole(folder) as making:
        _pip(
            "install",
            *("--no-index", "--find-links", str(wheels)),
            *("--target", str(making), "--no-compile", "--no-warn-conflicts"),
            *_TARGET,
            *("--requirement", str(requirements)),
        )
        # The same bytecode that pip itself would write, by as many processes as there are cores.
        _run([sys.executable, "-m", "compileall", "-qq", "-j", "0", str(making)], "compileall")


@contextlib.contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """A new folder under a passing name, which takes its own when all went well."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        yield making
        if not folder.exists():
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _pip(*arguments: str) -> None:
    quiet = ("--disable-pip-version-check", "--no-input", "--progress-bar=off", "-q")
    _run([sys.executable, "-m", "pip", *arguments, *quiet], f"pip {arguments[0]}")


def _run(command: Sequence[str], what: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # ours alone
    if ended.returncode:
        raise PackageError(_explained(what, ended.stderr or ended.stdout))


def _explained(what: str, said: str) -> str:
    """The likeliest cause in a sentence, and the last of what the tool said."""
    words = said.casefold()
    reason = next((reason for sign, reason in _REASONS if sign in words), "")
    if any(sign in words for sign in _UNREACHED):
        reason = "the index of packages could not be reached. The first build of a lock needs the network"
    lines = [line for line in said.strip().splitlines() if not line.startswith("WARNING: Location")]
    last = "\n".join(f"  {line}" for line in lines[-12:])
    return f"{what} failed: {reason or 'see its own words'}.\n{last}"
