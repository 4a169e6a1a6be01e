"""Builds dist/: the folder that azd uploads, the same as a zip, and the bill of materials."""

import hashlib
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tools.package import app, bytecode, sbom, site, sizes, wheels
from tools.package.archive import let_read, write_zip
from tools.package.errors import PackageError
from tools.package.sizes import Size

ROOT = Path(__file__).resolve().parents[2]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Places:
    """Where a build reads and writes."""

    root: Path = ROOT
    dist: Path = ROOT / "dist"

    @property
    def requirements(self) -> Path:
        """The lock of what the app runs on."""
        return self.root / "requirements.txt"

    @property
    def app(self) -> Path:
        """The folder to upload."""
        return self.dist / "app"

    @property
    def zip(self) -> Path:
        """The same, for who uploads a zip."""
        return self.dist / "sspr-license-watch.zip"

    @property
    def sbom(self) -> Path:
        """The bill of materials."""
        return self.dist / "sbom.cdx.json"

    @property
    def cache(self) -> Path:
        """Wheels, the plain install, and what was built last; can be deleted at any time."""
        return self.dist / ".cache"

    @property
    def _of_lock(self) -> Path:
        return self.cache / wheels.key_of(self.requirements)

    @property
    def wheels(self) -> Path:
        """The wheels of this lock."""
        return self._of_lock / "wheels"

    @property
    def plain(self) -> Path:
        """A plain install of this lock."""
        return self._of_lock / "plain"

    @property
    def plain_sizes(self) -> Path:
        """How large that is."""
        return self._of_lock / "plain.json"

    @property
    def built(self) -> Path:
        """What was built last."""
        return self.cache / "built.json"


class Built(msgspec.Struct, frozen=True):
    """A finished package: what it was made of, and how large it is beside a plain install."""

    inputs: str
    package: dict[str, Size]
    plain: dict[str, Size]

    @property
    def ratio(self) -> float:
        """Unpacked bytes over those of the plain install."""
        return sizes.ratio(self.package, self.plain)


def inputs_of(places: Places) -> str:
    """A digest of everything that the package is made of, the tool that makes it included."""
    digest = hashlib.sha256()
    tool = sorted((places.root / "tools" / "package").glob("*.py"))
    for file in [places.requirements, places.root / "pyproject.toml", *app.own_files(places.root), *tool]:
        digest.update(file.relative_to(places.root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def last_built(places: Places) -> Built | None:
    """The package that lies there, if it is made of what lies in the working tree now."""
    if not (places.app.is_dir() and places.zip.is_file() and places.sbom.is_file()):
        return None
    try:
        built = msgspec.json.decode(places.built.read_bytes(), type=Built)
    except (OSError, msgspec.MsgspecError):
        return None
    # A file more or less than was built: somebody has been at it.
    same = built.inputs == inputs_of(places) and sizes.sizes_of(places.app) == built.package
    return built if same else None


def build(places: Places, say: Say) -> Built:
    """Build everything anew; what was there is replaced at the end, all at once.

    `say` gets a line before each step. Raises `PackageError`; also if the package is larger than its budget.
    """
    wheels.require_python()
    inputs = inputs_of(places)
    plain = _plain_install(places, say)
    places.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="building-", dir=places.cache) as passing:
        making = Path(passing)
        say("Finding the modules of msgraph that the app can reach")
        made = making / "app"
        app.copy_own(places.root, made)
        callers = [file for file in app.own_files(places.root) if file.suffix == ".py"]
        site.copy_site(places.plain, made / site.SITE_PACKAGES, callers)
        say("Compiling")
        bytecode.compile_tree(made)
        site.rewrite_records(made / site.SITE_PACKAGES)
        let_read(made)
        built = Built(inputs, sizes.sizes_of(made), plain)
        if built.ratio > sizes.BUDGET:
            raise PackageError(
                f"The package has {built.ratio:.1%} of the bytes of a plain install; {sizes.BUDGET:.0%} is "
                "the most that is agreed (docs/package.md). The largest in it: "
                + ", ".join(
                    f"{name} {size:.1f} MB" for name, size in sizes.largest(made / site.SITE_PACKAGES)
                )
            )
        say("Writing the zip and the bill of materials")
        write_zip(made, making / places.zip.name, frozenset({app.IGNORE}))
        sbom.write_sbom(made / site.SITE_PACKAGES, places.wheels, _version(places), making / places.sbom.name)
        _put_in_place(places, making)
    places.built.write_bytes(msgspec.json.encode(built))
    return built


def _plain_install(places: Places, say: Say) -> dict[str, Size]:
    """Its sizes; made once for a lock, and those of other locks are thrown away."""
    if not places.wheels.is_dir():
        say(
            f"Fetching the packages of {places.requirements.name} for Linux x86_64 and Python {wheels.PYTHON}"
        )
        wheels.fetch(places.requirements, places.wheels)
    if not places.plain.is_dir():
        say("Installing them plainly, to choose from and to compare with (a minute or two, once for a lock)")
        wheels.install(places.requirements, places.wheels, places.plain)
    if not places.plain_sizes.is_file():
        places.plain_sizes.write_bytes(msgspec.json.encode(sizes.sizes_of(places.plain)))
    for other in places.cache.iterdir():
        if other.is_dir() and other != places.plain.parent and not other.name.startswith("building-"):
            shutil.rmtree(other, ignore_errors=True)
    return msgspec.json.decode(places.plain_sizes.read_bytes(), type=dict[str, Size])


def _put_in_place(places: Places, making: Path) -> None:
    places.built.unlink(missing_ok=True)
    if places.app.exists():
        places.app.rename(making / "before")
    for target in (places.app, places.zip, places.sbom):
        (making / target.name).replace(target)


def _version(places: Places) -> str:
    project = tomllib.loads((places.root / "pyproject.toml").read_text("utf-8"))
    version: str = project["project"]["version"]
    return version


def clock(begun: float) -> str:
    """Seconds since then, for the start of a line."""
    return f"{time.monotonic() - begun:4.0f} s"
