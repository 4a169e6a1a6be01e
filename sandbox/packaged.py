"""Runs the Functions host on a package (`make package`) as Azure would: nothing but the package is there.

Imported first, with the standard library alone (`python -S`). From then on the app's own modules and every
package that it or Microsoft's runtime uses come out of the package; what isn't in it can't be imported, even
if it is installed here. Only the sandbox itself, and the package that it reads schedules with, come from
outside.
"""

import importlib
import sys
import sysconfig
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

SITE_PACKAGES = Path(".python_packages") / "lib" / "site-packages"
# The sandbox, and what it alone uses.
FROM_OUTSIDE = frozenset({"sandbox", "croniter", "dateutil"})

STRANGERS = 3
"""The exit code when a module came from elsewhere after all."""

_ROOT = Path(__file__).resolve().parent.parent


def is_package(app_dir: Path) -> bool:
    """Whether this app brings its packages with it."""
    return (app_dir / SITE_PACKAGES).is_dir()


def command(app_dir: Path) -> list[str]:
    """How a host of that package is started, from the repository's folder; options of the host follow."""
    outside = sysconfig.get_path("purelib")
    return [sys.executable, "-S", "-m", "sandbox.packaged", outside, "--app", str(app_dir.resolve())]


class _Outside:
    """Finds the few modules that may come from outside the package, after all others have looked."""

    def __init__(self, path: Sequence[str]) -> None:
        self._path = path

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """importlib's question."""
        if name.partition(".")[0] not in FROM_OUTSIDE:
            return None
        return PathFinder.find_spec(name, path or self._path, target)


def confine(app_dir: Path, outside: str) -> None:
    """From now on imports find the package, the standard library, and from outside only what may."""
    standard = [entry for entry in sys.path if entry and Path(entry).resolve() != _ROOT]
    sys.path[:] = [str(app_dir), str(app_dir / SITE_PACKAGES), *standard]
    sys.meta_path.append(_Outside([str(_ROOT), outside]))


def strangers(app_dir: Path) -> list[str]:
    """Modules that were loaded from elsewhere than package, standard library and sandbox; there are none."""
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    found = []
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or name.partition(".")[0] in FROM_OUTSIDE or name == "__main__":
            continue
        path = Path(file).resolve()
        installed = "site-packages" in path.parts
        if not (path.is_relative_to(app_dir) or (path.is_relative_to(standard) and not installed)):
            found.append(f"{name} ({path})")
    return found


def main(arguments: list[str]) -> int:
    """`<folder of installed packages> --app <package> …`: the exit code of the host."""
    outside, *rest = arguments
    app_dir = Path(rest[rest.index("--app") + 1]).resolve()
    confine(app_dir, outside)
    importlib.invalidate_caches()
    from sandbox.host.__main__ import main as host

    ended = host(rest)
    if loaded := strangers(app_dir):
        print(f"Loaded from outside the package: {', '.join(loaded)}", file=sys.stderr)
        return STRANGERS
    return ended


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
