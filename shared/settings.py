"""The settings: read once, checked whole, frozen.

Nothing else in the watch reads the environment. `load` reports every fault at once, each with its remedy, and
never quotes the value of a secret. Imports stay within the standard library and msgspec: this module lies on
the path of every notification (design §7).
"""

import errno
import functools
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from shared.guids import GUID
from shared.rules.policy import Policy
from shared.settings_delivery import DeliverySettings, read_delivery
from shared.settings_faults import Fault, Problem, Remedy, in_words
from shared.settings_keeping import GENERATE, KeepingSettings, read_keeping
from shared.settings_parts import GraphSettings, StorageAccess, StorageSettings, TellingSettings
from shared.settings_reader import LOOPBACK, MISSING, Reader, shown, unknown
from shared.settings_routes import RouteRule, RouteSettings, read_routes
from shared.texts import catalogue

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "GRAPH",
    "GraphSettings",
    "KeepingSettings",
    "ReadingAccess",
    "Settings",
    "SettingsError",
    "StorageAccess",
    "StorageSettings",
    "TellingSettings",
    "current",
    "expect_language",
    "language_of",
    "load",
    "load_storage",
    "reading_of",
    "storage_of",
    "values_of",
]

GRAPH = "https://graph.microsoft.com/v1.0"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY_AND_TIME = re.compile(rf"({'|'.join(_WEEKDAYS)}) ([01]\d|2[0-3]):([0-5]\d)")
_FORM_OF_FILE = '{"Values": {"TENANT_ID": "…"}}'

_SCHEDULES = {
    "TELLING_SCHEDULE": "0 * * * * *",
    "RECONCILE_SCHEDULE": "0 */5 * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "30 */15 * * * *",
}
"""Each timer's setting, and what to set it to: as `settings.example.json` does."""

_TENANT = Remedy("tenant")
_CLIENT = Remedy("client")


class SettingsError(Exception):
    """One or more settings are missing or wrong. `faults` lists all of them in words, each with its remedy.

    In the language that is set; in English where that is wrong itself. `found` has them as codes.
    """

    def __init__(self, found: tuple[Fault, ...], language: str = catalogue.DEFAULT) -> None:
        texts = catalogue.catalogue(language)
        self.found = found
        self.faults = tuple(in_words(one, texts) for one in found)
        lines = "\n".join(f"  - {fault}" for fault in self.faults)
        super().__init__(f"{texts.text('settings', 'head', n=len(found))}\n{lines}")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an administrator can set. Secrets are left out of `repr`.

    `routes`: the ways to people; the first is the default route, that of `TEAMS_WORKFLOW_URL`.
    """

    tenant_id: str
    graph: GraphSettings
    storage: StorageSettings
    policy: Policy
    telling: TellingSettings
    keeping: KeepingSettings
    notification_base_url: str
    delivery: DeliverySettings
    client_state: str
    client_state_previous: str
    routes: tuple[RouteSettings, ...]
    second_look: timedelta
    facts_every: timedelta
    facts_at_most_every: timedelta
    registration_every: timedelta
    delta_every: timedelta
    sweep_every: timedelta
    local_key: str
    platform_signs_in: bool

    @property
    def client_states(self) -> tuple[str, ...]:
        """The secrets that an authentic call may carry: the current and, while it rotates, the previous."""
        return tuple(state for state in (self.client_state, self.client_state_previous) if state)

    @property
    def report_url(self) -> str:
        """Where the report is. The address carries no secret: whoever opens it has to sign in."""
        return f"{self.notification_base_url}/api/report"

    def __repr__(self) -> str:
        return f"Settings(tenant {self.tenant_id}, {self.storage!r}, edition {self.policy.edition})"


class ReadingAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to read a tenant and judge it once, without storage. `tenant_id` may be empty."""

    tenant_id: str
    graph_url: str
    policy: Policy


@functools.cache
def current() -> Settings:
    """The settings of this process, read once. Raises `SettingsError`."""
    return load(os.environ)


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises `SettingsError` with every fault if any is missing or wrong."""
    read = Reader(environ)
    tenant_id = read.guid("TENANT_ID", _TENANT, required=True)
    client_id = read.guid("AZURE_CLIENT_ID", _CLIENT)
    values: dict[str, Any] = {
        "tenant_id": tenant_id,
        "graph_url": _graph_url(read),
        "storage": _storage(read, client_id),
        "policy": _policy(read),
        "telling": _telling(read),
        "keeping": read_keeping(read),
        "notification_base_url": read.url(
            "NOTIFICATION_BASE_URL",
            Remedy("public-address", {"example": "https://<app>.azurewebsites.net"}),
            base=True,
        ),
        "delivery": read_delivery(read),
        "client_state": _client_state(read, "CLIENT_STATE", required=True),
        "client_state_previous": _client_state(read, "CLIENT_STATE_PREVIOUS"),
        "routes": _routes(read),
        "second_look": read.duration("SECOND_LOOK", "5m"),
        "facts_every": read.interval("FACTS_EVERY", "1h"),
        "facts_at_most_every": read.duration("FACTS_AT_MOST_EVERY", "1m"),
        "registration_every": read.interval("REGISTRATION_EVERY", "24h"),
        "delta_every": read.interval("DELTA_EVERY", "15m"),
        "sweep_every": read.interval("SWEEP_EVERY", "7d"),
        "local_key": _local_key(read),
        # Set by App Service where its built-in authentication is on; only then is its header its own.
        "platform_signs_in": read.text("WEBSITE_AUTH_ENABLED").lower() == "true",
    }
    # Sooner than that the facts are not read again, so they would be overdue for ever.
    read.at_least("FACTS_EVERY", values["facts_every"], "FACTS_AT_MOST_EVERY", values["facts_at_most_every"])
    # What is as old as that is believed no more: it must have been read again before.
    for name in ("REGISTRATION_EVERY", "FACTS_EVERY"):
        oldest = values["policy"].report_max_age
        read.at_least("REPORT_MAX_AGE", oldest, name, values[name.lower()], longer=True)
    for name, example in _SCHEDULES.items():
        _schedule(read, name, {"example": example})
    _refuse_faults(read)
    base_url = values.pop("graph_url")
    return Settings(
        graph=GraphSettings(base_url=base_url, tenant_id=tenant_id, client_id=client_id), **values
    )


def load_storage(environ: Mapping[str, str]) -> StorageAccess:
    """Read just the tenant and its storage account. Raises `SettingsError` with every fault."""
    read = Reader(environ)
    tenant_id = read.guid("TENANT_ID", _TENANT, required=True)
    storage = _storage(read, read.guid("AZURE_CLIENT_ID", _CLIENT))
    _language(read)  # only checked: what went wrong is to be said in it before anything is read
    _refuse_faults(read)
    return StorageAccess(tenant_id=tenant_id, storage=storage)


def storage_of(file: "Path | None" = None) -> StorageAccess:
    """As `load_storage`, from the environment, or from a file in the form of `settings.example.json` alone.

    Raises `SettingsError` also where the file can't be read.
    """
    return load_storage(values_of(file))


def values_of(file: "Path | None" = None) -> Mapping[str, str]:
    """What is set, unchecked: the environment, or such a file alone. Raises as `storage_of`.

    The file may also be the list of an app's settings, as `az functionapp config appsettings list` prints it.
    """
    return os.environ if file is None else _values(file)


def reading_of(file: "Path | None" = None, chosen: Mapping[str, str] | None = None) -> ReadingAccess:
    """Read just where Graph is and the policy, from the environment or such a file alone.

    `chosen`: settings given otherwise, which go before. Raises `SettingsError` with every fault.
    """
    read = Reader({**(os.environ if file is None else _values(file)), **(chosen or {})})
    access = ReadingAccess(
        tenant_id=read.guid("TENANT_ID", _TENANT), graph_url=_graph_url(read), policy=_policy(read)
    )
    _language(read)
    _refuse_faults(read)
    return access


def language_of(file: "Path | None" = None) -> str:
    """The language that is set in the environment, or in such a file alone; English where none can be had.

    What is wrong with the file or the setting is told by `storage_of`.
    """
    try:
        return _language(Reader(values_of(file)))
    except SettingsError:
        return catalogue.DEFAULT


def expect_language(file: "Path | None" = None) -> None:
    """Raises `SettingsError` where a language is set that there is none of, or the file can't be read.

    For commands that need no other setting.
    """
    read = Reader(values_of(file))
    _language(read)
    _refuse_faults(read)


def _language(read: Reader) -> str:
    return read.choice("WATCH_LANGUAGE", catalogue.DEFAULT, *catalogue.languages())


def _refuse_faults(read: Reader) -> None:
    if read.faults:
        raise SettingsError(tuple(read.faults), _language(Reader(read.environ)))


class _File(msgspec.Struct, frozen=True):
    values: dict[str, str] = msgspec.field(name="Values")


class _Listed(msgspec.Struct, frozen=True):
    name: str
    value: str | None = None


def _values(file: "Path") -> dict[str, str]:
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


def _graph_url(read: Reader) -> str:
    return read.url(
        "GRAPH_BASE_URL",
        Remedy("graph", {"default": GRAPH}),
        default=GRAPH,
        base=True,
    )


def _storage(read: Reader, client_id: str) -> StorageSettings:
    """`WATCH_STORAGE`, as the host's connection of that name: a string, or the identity's parts."""
    connection = read.text("WATCH_STORAGE")
    blob, queue = read.text("WATCH_STORAGE__blobServiceUri"), read.text("WATCH_STORAGE__queueServiceUri")
    identity = read.text("WATCH_STORAGE__clientId", client_id)
    remedy = Remedy("storage", {"credential": "__credential=managedidentity", "client": "__clientId"})
    if connection and (blob or queue):
        read.fault("WATCH_STORAGE", Problem("two-storages"), Remedy("keep-one"))
    elif connection and "AccountName=" not in connection and "UseDevelopmentStorage=true" not in connection:
        read.fault("WATCH_STORAGE", Problem("not-connection"), remedy)
    elif not connection and not (blob and queue):
        read.fault("WATCH_STORAGE", MISSING, remedy)
    elif not connection and read.text("WATCH_STORAGE__credential", "managedidentity") != "managedidentity":
        read.fault("WATCH_STORAGE__credential", Problem("credential"), Remedy("credential"))
    if not connection and blob and queue:
        read.url("WATCH_STORAGE__blobServiceUri", Remedy("blob-address"))
        read.url("WATCH_STORAGE__queueServiceUri", Remedy("queue-address"))
    return StorageSettings(connection_string=connection, blob_uri=blob, queue_uri=queue, client_id=identity)


def _routes(read: Reader) -> tuple[RouteSettings, ...]:
    default = read.url(
        "TEAMS_WORKFLOW_URL",
        Remedy("workflow"),
        teams=True,
    )
    return RouteSettings(rule=RouteRule(), url=default), *read_routes(read)


def _client_state(read: Reader, name: str, *, required: bool = False) -> str:
    """The secret that authentic notifications carry; Graph allows 128 characters."""
    value = read.required(name, GENERATE) if required else read.text(name)
    if value and not (32 <= len(value) <= 128 and value.isascii() and value.isprintable()):
        read.fault(name, Problem("client-state"), GENERATE)
    return value


def _scope(read: Reader) -> tuple[str, tuple[str, ...]]:
    value = read.text("SSPR_SCOPE", "auto")
    if value.lower() in ("auto", "report", "all"):
        return value.lower(), ()
    kind, _, listed = value.partition(":")
    ids = tuple(part.strip().lower() for part in listed.split(",") if part.strip())
    if kind.lower() != "groups" or not ids or not all(map(GUID.fullmatch, ids)):
        read.fault("SSPR_SCOPE", unknown(value), Remedy("scope", {"groups": "groups:<id>,<id>"}))
        return "auto", ()
    return "groups", ids


def _policy(read: Reader) -> Policy:
    scope, scope_groups = _scope(read)
    option = read.choice
    return Policy(
        edition=option("POLICY_EDITION", "2017-10-24", "2017-10-24", "2025-03-04"),
        contested=option("CONTESTED", "", "covered", "undetermined", "uncovered"),
        developer_skus=option("DEVELOPER_SKUS", "count", "count", "ignore"),
        scope=scope,
        scope_groups=scope_groups,
        population=option("POPULATION", "enabled", "enabled", "capable", "used"),
        report_grace=read.duration("REPORT_GRACE", "48h"),
        report_max_age=read.duration("REPORT_MAX_AGE", "14d"),
        resource_accounts=option("RESOURCE_ACCOUNTS", "skip", "skip", "judge"),
        emergency_group=read.guid("EMERGENCY_GROUP", Remedy("group")),
        writeback=option("PASSWORD_WRITEBACK", "unknown", "on", "off", "unknown"),
        synced_without_writeback=option(
            "SYNCED_WITHOUT_WRITEBACK", "", "not_in_reach", "judge_as_cloud", "judge_as_synced"
        ),
        internal_guests=option("INTERNAL_GUESTS", "", "not_in_reach", "judge"),
        administrators=option("ADMINISTRATORS", "", "cloud_free", "as_users"),
        ends_soon=timedelta(days=read.number("ENDS_SOON_DAYS", 30, 0, 365)),
        seats_low=read.number("SEATS_LOW", 0, 0, 1_000_000),
    )


def _telling(read: Reader) -> TellingSettings:
    telling = TellingSettings(
        confirm_after=read.duration("CONFIRM_AFTER", "15m"),
        group_wait=read.duration("GROUP_WAIT", "60s"),
        group_wait_max=read.duration("GROUP_WAIT_MAX", "10m"),
        mass_window=read.duration("MASS_WINDOW", "30m"),
        remind_after=timedelta(days=read.number("REMIND_AFTER_DAYS", 7, 0, 365)),
        digest_every=read.duration("DIGEST_EVERY", "7d"),
        digest_at=_weekday_and_time(read, "DIGEST_AT", "mon 08:00"),
        names=read.choice("TEAMS_NAMES", "full", "full", "upn", "hidden"),
        language=_language(read),
    )
    read.at_least("GROUP_WAIT_MAX", telling.group_wait_max, "GROUP_WAIT", telling.group_wait)
    return telling


def _weekday_and_time(read: Reader, name: str, default: str) -> timedelta:
    """How long after Monday, 00:00 UTC."""
    value = read.text(name, default)
    found = _WEEKDAY_AND_TIME.fullmatch(value.lower())
    if not found:
        read.fault(
            name, Problem("not-weekday", {"value": shown(value)}), Remedy("weekday", {"example": default})
        )
        return timedelta(0)
    return timedelta(days=_WEEKDAYS.index(found[1]), hours=int(found[2]), minutes=int(found[3]))


def _schedule(read: Reader, name: str, example: Mapping[str, str]) -> None:
    """The host expands `%NAME%` in a timer by itself, so the setting must be there when it starts."""
    value = read.required(name, Remedy("schedule", example))
    if value and len(value.split()) != 6:
        read.fault(name, Problem("not-six-fields", {"value": shown(value)}), Remedy("seconds-first", example))


def _local_key(read: Reader) -> str:
    """Opens health's detail on a laptop, where no platform signs people in; refused on the internet."""
    value = read.text("LOCAL_KEY")
    if value and (urlsplit(read.text("NOTIFICATION_BASE_URL")).hostname or "") not in LOOPBACK:
        read.fault("LOCAL_KEY", Problem("sandbox-only"), Remedy("remove-key"))
    return value
