"""Parts of the settings, for commands that need no more: from the environment, or from a file alone."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from shared.rules.policy import Policy
from shared.settings.faults import Fault, Problem, Remedy
from shared.settings.parts import StorageAccess
from shared.settings.policy import read_policy
from shared.settings.reader import Reader
from shared.settings.storage import read_storage
from shared.settings.telling import read_language
from shared.settings.whole import CLIENT, TENANT, SettingsError, read_graph_url, refuse_faults
from shared.texts import catalogue

_FORM_OF_FILE = '{"Values": {"TENANT_ID": "…"}}'


class ReadingAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to read a tenant and judge it once, without storage. `tenant_id` may be empty."""

    tenant_id: str
    graph_url: str
    policy: Policy


def load_storage(environ: Mapping[str, str]) -> StorageAccess:
    """Read just the tenant and its storage account. Raises `SettingsError` with every fault."""
    read = Reader(environ)
    tenant_id = read.guid("TENANT_ID", TENANT, required=True)
    storage = read_storage(read, read.guid("AZURE_CLIENT_ID", CLIENT))
    read_language(read)  # only checked: what went wrong is to be said in it before anything is read
    refuse_faults(read)
    return StorageAccess(tenant_id=tenant_id, storage=storage)


def storage_of(file: Path | None = None) -> StorageAccess:
    """As `load_storage`, from the environment, or from a file in the form of `settings.example.json` alone.

    Raises `SettingsError` also where the file can't be read.
    """
    return load_storage(values_of(file))


def values_of(file: Path | None = None) -> Mapping[str, str]:
    """What is set, unchecked: the environment, or such a file alone. Raises as `storage_of`.

    The file may also be the list of an app's settings, as `az functionapp config appsettings list` prints it.
    """
    return os.environ if file is None else _values(file)


def reading_of(file: Path | None = None, chosen: Mapping[str, str] | None = None) -> ReadingAccess:
    """Read just where Graph is and the policy, from the environment or such a file alone.

    `chosen`: settings given otherwise, which go before. Raises `SettingsError` with every fault.
    """
    read = Reader({**(os.environ if file is None else _values(file)), **(chosen or {})})
    access = ReadingAccess(
        tenant_id=read.guid("TENANT_ID", TENANT), graph_url=read_graph_url(read), policy=read_policy(read)
    )
    read_language(read)
    refuse_faults(read)
    return access


def language_of(file: Path | None = None) -> str:
    """The language that is set in the environment, or in such a file alone; English where none can be had.

    What is wrong with the file or the setting is told by `storage_of`.
    """
    try:
        return read_language(Reader(values_of(file)))
    except SettingsError:
        return catalogue.DEFAULT


def expect_language(file: Path | None = None) -> None:
    """Raises `SettingsError` where a language is set that there is none of, or the file can't be read.

    For commands that need no other setting.
    """
    read = Reader(values_of(file))
    read_language(read)
    refuse_faults(read)


class _File(msgspec.Struct, frozen=True):
    values: dict[str, str] = msgspec.field(name="Values")


class _Listed(msgspec.Struct, frozen=True):
    name: str
    value: str | None = None


def _values(file: Path) -> dict[str, str]:
    try:
        found = msgspec.json.decode(file.read_bytes(), type=_File | list[_Listed])
        if isinstance(found, _File):
            return found.values
        return {one.name: one.value for one in found if one.value is not None}
    except OSError as fault:
        problem = _unreadable(fault)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = Problem("file-form", {"form": _FORM_OF_FILE})
    raise SettingsError((Fault(setting=str(file), problem=problem, remedy=Remedy("file")),))


def _unreadable(fault: OSError) -> Problem:
    if isinstance(fault, FileNotFoundError):
        return Problem("file-absent")
    if isinstance(fault, PermissionError):
        return Problem("file-denied")
    if isinstance(fault, IsADirectoryError):
        return Problem("file-folder")
    return Problem("file-unreadable", {"reason": errno.errorcode.get(fault.errno or 0, type(fault).__name__)})
