"""All rules as one typed value: editions, SKU table, kinds of findings, mute table (judgement.md §1-§5)."""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shared.rules.editions import Edition, check_editions, load_edition
from shared.rules.errors import RulesError
from shared.rules.kinds import KindRow, MuteRow, check_rows, load_kinds, load_mutes
from shared.rules.skus import SkuTable, load_skus

__all__ = [
    "Edition",
    "KindRow",
    "MuteRow",
    "Rules",
    "RulesError",
    "SkuTable",
    "load_rules",
    "load_rules_from",
]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the watch judges by. `digest`: sixteen hex digits over all files; any change changes it."""

    editions: Mapping[str, Edition]
    skus: SkuTable
    kinds: Mapping[str, KindRow]
    mutes: tuple[MuteRow, ...]
    digest: str

    def edition(self, name: str) -> Edition:
        """The edition of that date. Raises `KeyError` with the dates there are."""
        if name not in self.editions:
            raise KeyError(f"no edition {name}; there are {', '.join(self.editions)}")
        return self.editions[name]


@functools.cache
def load_rules() -> Rules:
    """The rules of the package, parsed once. Raises `RulesError`."""
    return load_rules_from(Path(__file__).parent)


def load_rules_from(directory: Path) -> Rules:
    """The rules in a directory: three files and editions/*.toml. Raises `RulesError`."""
    skus = load_skus(directory / "skus.toml")
    paths = sorted((directory / "editions").glob("*.toml"))
    if not paths:
        raise RulesError("editions", "(directory)", "there is no edition", "restore editions/<date>.toml")
    editions = {path.stem: load_edition(path, skus.classes) for path in paths}
    check_editions(editions)
    kinds = load_kinds(directory / "findings.toml")
    mutes = load_mutes(directory / "mutes.toml")
    check_rows(kinds, mutes, {name: frozenset(edition.rules) for name, edition in editions.items()})
    files = [directory / name for name in ("skus.toml", "findings.toml", "mutes.toml")] + paths
    return Rules(editions=editions, skus=skus, kinds=kinds, mutes=mutes, digest=_digest(files))


def _digest(files: list[Path]) -> str:
    """Of names and bytes, so that a file moved from one edition to another counts as a change."""
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        data = file.read_bytes()
        digest.update(f"{file.name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()
