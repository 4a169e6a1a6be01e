"""Where this machine's Chromium is. `python -m sandbox.cards.browser` prints it, or says how to get one."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What Debian, Ubuntu and Google call it on the PATH."""

BUNDLES = tuple(
    folder / "Applications" / f"{name}.app" / "Contents" / "MacOS" / name
    for folder in (Path("/"), Path.home())
    for name in ("Google Chrome", "Chromium")
)
"""Where macOS keeps it; installed there, it isn't on the PATH."""

MISSING = """Chromium is needed and was not found (looked for {names},
and for Chrome and Chromium among the applications of macOS).
The tests draw every card with it, as Teams would show it, and `make pictures` draws the README's.
Get it one of these ways, then run the command again:
  apt-get install chromium               Debian, Ubuntu
  brew install --cask google-chrome      macOS"""


class BrowserMissing(Exception):
    """There is no Chromium here; the message says how to get one."""


def find_browser(
    names: Iterable[str] = NAMES, bundles: Iterable[Path] = BUNDLES, path: str | None = None
) -> Path:
    """Chromium or Chrome on `path` (None: the PATH), else among `bundles`. Raises `BrowserMissing`."""
    names = tuple(names)
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return Path(found)
    for bundle in bundles:
        if bundle.is_file():
            return bundle
    raise BrowserMissing(MISSING.format(names=", ".join(names)))


def main() -> int:
    """Print the path: 0, or the reason: 1."""
    try:
        print(find_browser())
    except BrowserMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
