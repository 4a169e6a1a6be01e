"""The package as a zip whose bytes depend on its files alone."""

import zipfile
from pathlib import Path

# The earliest time that a zip can name; the bytecode asks for none.
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644


def let_read(folder: Path) -> None:
    """Let everybody read all below, whatever umask it is built under: azd zips the folder with its modes, and
    the app may run as somebody else than it was unpacked by."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else _MODE)


def write_zip(folder: Path, file: Path, leave_out: frozenset[str]) -> None:
    """Write all files below, in the order of their names, without times or owners."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or name in leave_out:
                continue
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = 3  # Unix, on whatever system it is built
            info.external_attr = (0o100000 | _MODE) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes(), compresslevel=6)
