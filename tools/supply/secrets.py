"""Secrets in the repository: detect-secrets over every file, and over all that was ever committed.

What it takes for one and is none, or is one made up for tests, is listed with its reason in
`known_secrets.toml`: by file and digest, so that another one in the same file is found. Comments in the
code can't switch it off.
"""

import os
import subprocess
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings

from tools.supply.reports import Outcome, Report, report

KNOWN = Path(__file__).with_name("known_secrets.toml")

_COMMENT = "detect_secrets.filters.allowlist.is_line_allowlisted"
_DIGITS = 12
_BINARY = frozenset({".png", ".ico", ".woff2", ".gz", ".zip", ".pdf"})


class Found(msgspec.Struct, frozen=True, order=True):
    """Something that looks like a secret. `line`: 0 where only history has it; `digest`: of the secret."""

    path: str
    line: int
    kind: str
    digest: str

    @property
    def place(self) -> str:
        """As it is listed where it is known."""
        return f"{self.path} {self.digest}"


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Places that look like secrets, and why they may be in a public repository."""

    reason: str
    places: tuple[str, ...]


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    known: tuple[Known, ...]


def load(file: Path = KNOWN) -> tuple[Known, ...]:
    """The list of the project."""
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _Table).known


def in_files(root: Path, names: Iterable[str], workers: int = 1) -> list[Found]:
    """What looks like a secret in these files, by their names from `root`."""
    listed = [name for name in names if Path(name).suffix not in _BINARY and (root / name).is_file()]
    shares = [listed[n :: 8 * workers] for n in range(8 * workers)]
    if workers == 1:
        return sorted({one for share in shares for one in _scanned(root, share)})
    with ProcessPoolExecutor(workers) as pool:
        found = pool.map(_scanned, [root] * len(shares), shares)
        return sorted({one for share in found for one in share})


def _scanned(root: Path, names: list[str]) -> list[Found]:
    with default_settings() as settings:
        settings.disable_filters(_COMMENT)
        return [
            Found(name, one.line_number, one.type, one.secret_hash[:_DIGITS])
            for name in names
            for one in scan_file(str(root / name))
        ]


def tracked(root: Path) -> list[str]:
    """The files that git knows, and those that it would take."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return [name for name in listed.decode().split("\0") if name]


def in_history(root: Path, workers: int = 1) -> tuple[list[Found], int]:
    """What looks like a secret in any version of any file up to HEAD; and how many versions there are.

    The different lines of all versions of a file are looked at as one file of that name, without those that
    the file has now: `in_files` looks at them.
    """
    lines: defaultdict[str, dict[bytes, None]] = defaultdict(dict)
    versions = 0
    for name, data in _blobs(root):
        versions += 1
        if Path(name).suffix not in _BINARY:
            lines[name].update(dict.fromkeys(data.splitlines()))
    with tempfile.TemporaryDirectory(prefix="history-") as place:
        written: dict[str, str] = {}
        for number, (name, different) in enumerate(lines.items()):
            now = frozenset((root / name).read_bytes().splitlines()) if (root / name).is_file() else ()
            # Each in a folder of its own: what was a file once may be a folder by now.
            file = Path(place) / str(number) / name
            file.parent.mkdir(parents=True)
            file.write_bytes(b"".join(line + b"\n" for line in different if line not in now))
            written[f"{number}/{name}"] = name
        found = in_files(Path(place), written, workers)
    return sorted({msgspec.structs.replace(one, path=written[one.path], line=0) for one in found}), versions


def _blobs(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every version of every file up to HEAD, with the name it is first met by."""
    rows = _git(root, "rev-list", "--objects", "HEAD").decode().splitlines()
    named = dict(row.split(" ", 1) for row in rows if " " in row)
    wanted = "\n".join(named).encode() + b"\n"
    answer, at = _git(root, "cat-file", "--batch", given=wanted), 0
    while at < len(answer):
        head, at = answer[at : answer.index(b"\n", at)], answer.index(b"\n", at) + 1
        sha, kind, size = head.decode().split()
        if kind == "blob":
            yield named[sha], answer[at : at + int(size)]
        at += int(size) + 1


def check(root: Path, known: Iterable[Known], *, history: bool = True) -> Report:
    """Whatever is found and not known is a fault; so is what is known and nowhere found, with the history.

    Not checked where git knows nothing of `root`, as in an archive that was downloaded.
    """
    workers = os.process_cpu_count() or 1
    try:
        names = tracked(root)
    except (OSError, subprocess.CalledProcessError):
        return Report("secrets", Outcome.NOT_CHECKED, "git does not know this folder: look at a clone")
    found = in_files(root, names, workers)
    past: list[Found] = []
    summary = f"{len(names)} files"
    if history:
        past, versions = in_history(root, workers)
        shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
        cut = ", of a history that was cut off" if shallow else ""
        summary += f" and {versions} versions of them{cut}"
        history = not shallow
    listed = {place for one in known for place in one.places}
    now = {one.place for one in found}
    faults = [f"{one.path}:{one.line}: {one.kind} ({one.digest})" for one in found if one.place not in listed]
    faults += [
        f"{one.path}, in an earlier version: {one.kind} ({one.digest})"
        for one in past
        if one.place not in listed and one.place not in now
    ]
    if history:
        nowhere = listed - now - {one.place for one in past}
        faults += [f"{place}: known, and nowhere any more" for place in sorted(nowhere)]
    return report("secrets", summary, faults)


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(  # noqa: S603 - our own words, and names that git told us
        ["git", *arguments],  # noqa: S607 - the developer's own git
        cwd=root,
        check=True,
        capture_output=True,
        input=given,
    ).stdout
