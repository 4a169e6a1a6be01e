"""`make package`, or `python -m tools.package`: build dist/ and say how large it is."""

import argparse
import sys
import time

from rich.console import Console

from tools.package import sizes
from tools.package.build import Built, Places, build, clock, last_built
from tools.package.errors import PackageError


def main(arguments: list[str]) -> int:
    """Build the package; 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tools.package", description=__doc__)
    parser.add_argument(
        "--if-changed",
        action="store_true",
        help="build nothing if dist/ is made of the same files",
    )
    given = parser.parse_args(arguments)
    places, begun = Places(), time.monotonic()

    def say(what: str) -> None:
        print(f"{clock(begun)}  {what} ...", flush=True)

    try:
        if given.if_changed and last_built(places):
            print("dist/app is up to date.")
            return 0
        built = build(places, say)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; what was in dist/ before is still there.", file=sys.stderr)
        return 130
    _show(built, places, begun)
    return 0


def _show(built: Built, places: Places, begun: float) -> None:
    console, seconds = Console(), clock(begun).strip()
    console.print()
    console.print(sizes.table(built.package, built.plain))
    console.print(
        f"{built.ratio:.1%} of a plain install, at most {sizes.BUDGET:.0%} is agreed. Took {seconds}.\n",
        highlight=False,
    )
    for file, what in (
        (places.app, "the folder that `azd up` uploads"),
        (places.zip, f"the same as a zip, {places.zip.stat().st_size / 1e6:.1f} MB"),
        (places.sbom, "what is in it: CycloneDX 1.6"),
    ):
        console.print(f"  {file.relative_to(places.root).as_posix():<30} {what}", highlight=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
