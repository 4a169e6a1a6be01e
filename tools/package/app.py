"""The app's own files, as they go into the package: code and the data that it reads, and nothing else."""

import shutil
from pathlib import Path

from tools.package.errors import PackageError

FILES = ("function_app.py", "host.json")
FOLDERS = ("functions", "shared")
KINDS = frozenset({".py", ".toml", ".json", ".j2", ".css", ".js"})

IGNORE = ".funcignore"
# azd leaves every __pycache__ out of what it uploads, unless the folder has this file.
IGNORED = (
    "# With this file here azd keeps __pycache__: the bytecode is what makes the app start quickly.\n.venv/\n"
)


def own_files(root: Path) -> list[Path]:
    """The app's files in the working tree.

    Hidden files and bytecode are passed over. Raises `PackageError` for a file of a kind that isn't known
    here, so that data which the app reads can't be left behind unnoticed, nor anything else be taken along.
    """
    found = [root / name for name in FILES]
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            parts = file.relative_to(root).parts
            if not file.is_file() or any(part.startswith(".") or part == "__pycache__" for part in parts):
                continue
            if file.suffix not in KINDS:
                raise PackageError(
                    f"{file.relative_to(root).as_posix()}: the package takes {', '.join(sorted(KINDS))} from "
                    f"{' and '.join(FOLDERS)}. If the app reads this file, add its kind to "
                    "tools/package/app.py; if not, move it."
                )
            found.append(file)
    return found


def copy_own(root: Path, folder: Path) -> None:
    """Copy the app's files into the package, and the file that keeps azd from dropping the bytecode."""
    for file in own_files(root):
        to = folder / file.relative_to(root)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    (folder / IGNORE).write_text(IGNORED, encoding="utf-8")
