"""The settings: read once, checked whole, frozen.

Nothing else in the watch reads the environment. `load` reports every fault at once, each with its remedy, and
never quotes the value of a secret. Imports stay within the standard library and msgspec: this module lies on
the path of every notification (design §7).
"""

import functools
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from shared.guids import GUID
from shared.rules.policy import Policy
from shared.settings_reader import LOOPBACK, TEAMS_HOSTS, Reader, shown
from shared.settings_routes import RouteRule, RouteSettings, read_routes
from shared.texts import catalogue

GRAPH = "https://graph.microsoft.com/v1.0"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY_AND_TIME = re.compile(rf"({'|'.join(_WEEKDAYS)}) ([01]\d|2[0-3]):([0-5]\d)")
_PUBLIC_SCOPE = "https://graph.microsoft.com/.default"


_TENANT_REMEDY = "Set it to your tenant's id (Entra admin center, Overview)"
_CLIENT_REMEDY = "Set it to the client id of the app's managed identity, or leave it out"


class SettingsError(Exception):
    """One or more settings are missing or wrong. `faults` lists all of them, each with its remedy."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        lines = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"The watch cannot start. Settings to correct: {len(faults)}.\n{lines}")


class StorageSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where ledger, journal and queues lie: a connection string, or two service addresses and an identity."""

    connection_string: str = ""
    blob_uri: str = ""
    queue_uri: str = ""
    client_id: str = ""

    def __repr__(self) -> str:
        return f"StorageSettings({'connection string' if self.connection_string else self.blob_uri})"


class GraphSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where Graph is and who we are. `base_url` with version, no slash at the end; http only on loopback.

    `client_id` names a user-assigned managed identity; empty: the system-assigned one.
    """

    base_url: str
    tenant_id: str
    client_id: str = ""

    def __post_init__(self) -> None:
        url = urlsplit(self.base_url)
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in LOOPBACK):
            raise ValueError("base_url must be https (http is for loopback only)")
        if (
            not url.hostname
            or url.username is not None
            or url.password is not None
            or url.query
            or url.fragment
        ):
            raise ValueError("base_url must be scheme, host and version, and nothing else")

    @property
    def scope(self) -> str:
        """What the token is asked for: this cloud's Graph; the public one for a simulator on loopback."""
        host = urlsplit(self.base_url).hostname
        return _PUBLIC_SCOPE if host in LOOPBACK else f"https://{host}/.default"


class TellingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When and how people are told (judgement.md §6)."""

    confirm_after: timedelta
    group_wait: timedelta
    group_wait_max: timedelta
    mass_window: timedelta
    remind_after: timedelta
    digest_every: timedelta
    digest_at: timedelta
    names: str
    language: str = catalogue.DEFAULT


class StorageAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to read and write a tenant's ledger, and nothing of Graph or Teams."""

    tenant_id: str
    storage: StorageSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an administrator can set. Secrets are left out of `repr`.

    `routes`: the ways to people; the first is the default route, that of `TEAMS_WORKFLOW_URL`.
    """

    tenant_id: str
    graph: GraphSettings
    storage: StorageSettings
    policy: Policy
    telling: TellingSettings
    notification_base_url: str
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

    def __repr__(self) -> str:
        return f"Settings(tenant {self.tenant_id}, {self.storage!r}, edition {self.policy.edition})"


@functools.cache
def current() -> Settings:
    """The settings of this process, read once. Raises `SettingsError`."""
    return load(os.environ)


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises `SettingsError` with every fault if any is missing or wrong."""
    read = Reader(environ)
    tenant_id = read.guid("TENANT_ID", _TENANT_REMEDY, required=True)
    client_id = read.guid("AZURE_CLIENT_ID", _CLIENT_REMEDY)
    values: dict[str, Any] = {
        "tenant_id": tenant_id,
        "graph_url": _graph_url(read),
        "storage": _storage(read, client_id),
        "policy": _policy(read),
        "telling": _telling(read),
        "notification_base_url": read.url(
            "NOTIFICATION_BASE_URL",
            "Set it to the public https address of this app, e.g. https://<app>.azurewebsites.net",
            base=True,
        ),
        "client_state": _client_state(read, "CLIENT_STATE", required=True),
        "client_state_previous": _client_state(read, "CLIENT_STATE_PREVIOUS"),
        "routes": _routes(read),
        "second_look": read.duration("SECOND_LOOK", "5m"),
        "facts_every": read.duration("FACTS_EVERY", "1h"),
        "facts_at_most_every": read.duration("FACTS_AT_MOST_EVERY", "1m"),
        "registration_every": read.duration("REGISTRATION_EVERY", "24h"),
        "delta_every": read.duration("DELTA_EVERY", "15m"),
        "sweep_every": read.duration("SWEEP_EVERY", "7d"),
        "local_key": _local_key(read),
        # Set by App Service where its built-in authentication is on; only then is its header its own.
        "platform_signs_in": read.text("WEBSITE_AUTH_ENABLED").lower() == "true",
    }
    for name in ("TELLING_SCHEDULE", "RECONCILE_SCHEDULE", "SUBSCRIPTIONS_SCHEDULE"):
        _schedule(read, name)
    if read.faults:
        raise SettingsError(tuple(read.faults))
    base_url = values.pop("graph_url")
    return Settings(
        graph=GraphSettings(base_url=base_url, tenant_id=tenant_id, client_id=client_id), **values
    )


def load_storage(environ: Mapping[str, str]) -> StorageAccess:
    """Read just the tenant and its storage account. Raises `SettingsError` with every fault."""
    read = Reader(environ)
    tenant_id = read.guid("TENANT_ID", _TENANT_REMEDY, required=True)
    storage = _storage(read, read.guid("AZURE_CLIENT_ID", _CLIENT_REMEDY))
    _language(read)  # only checked: what went wrong is to be said in it before anything is read
    if read.faults:
        raise SettingsError(tuple(read.faults))
    return StorageAccess(tenant_id=tenant_id, storage=storage)


def storage_of(file: Path | None = None) -> StorageAccess:
    """As `load_storage`, from the environment, or from a file in the form of `settings.example.json` alone.

    Raises `SettingsError` also where the file can't be read.
    """
    return load_storage(os.environ if file is None else _values(file))


def language_of(file: Path | None = None) -> str:
    """The language that is set in the environment, or in such a file alone; English where none can be had.

    What is wrong with the file or the setting is told by `storage_of`.
    """
    try:
        return _language(Reader(os.environ if file is None else _values(file)))
    except SettingsError:
        return catalogue.DEFAULT


def _language(read: Reader) -> str:
    return read.choice("WATCH_LANGUAGE", catalogue.DEFAULT, *catalogue.languages())


class _File(msgspec.Struct, frozen=True):
    values: dict[str, str] = msgspec.field(name="Values")


def _values(file: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_File).values
    except OSError as fault:
        reason = fault.strerror or type(fault).__name__
    except (msgspec.DecodeError, UnicodeDecodeError):
        reason = 'it is not of the form {"Values": {"TENANT_ID": "…"}}, all values being texts'
    raise SettingsError((f"{file}: can't be read: {reason}. Give the path of a settings file",))


def _graph_url(read: Reader) -> str:
    return read.url(
        "GRAPH_BASE_URL",
        f"Leave it out for {GRAPH}, or give your national cloud's address with /v1.0",
        default=GRAPH,
        base=True,
    )


def _storage(read: Reader, client_id: str) -> StorageSettings:
    """`WATCH_STORAGE`, as the host's connection of that name: a string, or the identity's parts."""
    connection = read.text("WATCH_STORAGE")
    blob, queue = read.text("WATCH_STORAGE__blobServiceUri"), read.text("WATCH_STORAGE__queueServiceUri")
    identity = read.text("WATCH_STORAGE__clientId", client_id)
    remedy = (
        "Set WATCH_STORAGE to a connection string, or WATCH_STORAGE__blobServiceUri and "
        "WATCH_STORAGE__queueServiceUri (with __credential=managedidentity and __clientId)"
    )
    if connection and (blob or queue):
        read.fault(
            "WATCH_STORAGE", "is given as a connection string and as service addresses", "Keep one of them"
        )
    elif connection and "AccountName=" not in connection and "UseDevelopmentStorage=true" not in connection:
        read.fault("WATCH_STORAGE", "is not a storage connection string", remedy)
    elif not connection and not (blob and queue):
        read.fault("WATCH_STORAGE", "is missing", remedy)
    elif not connection and read.text("WATCH_STORAGE__credential", "managedidentity") != "managedidentity":
        read.fault("WATCH_STORAGE__credential", "is not known", "Set it to managedidentity")
    if not connection and blob and queue:
        read.url("WATCH_STORAGE__blobServiceUri", "Give the account's https blob address")
        read.url("WATCH_STORAGE__queueServiceUri", "Give the account's https queue address")
    return StorageSettings(connection_string=connection, blob_uri=blob, queue_uri=queue, client_id=identity)


def _routes(read: Reader) -> tuple[RouteSettings, ...]:
    default = read.url(
        "TEAMS_WORKFLOW_URL",
        "Create the workflow 'Send webhook alerts to a channel' in Teams and paste its URL",
        hosts=TEAMS_HOSTS,
    )
    return RouteSettings(rule=RouteRule(), url=default), *read_routes(read)


def _client_state(read: Reader, name: str, *, required: bool = False) -> str:
    """The secret that authentic notifications carry; Graph allows 128 characters."""
    remedy = "Generate one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    value = read.required(name, remedy) if required else read.text(name)
    if value and not (32 <= len(value) <= 128 and value.isascii() and value.isprintable()):
        read.fault(name, "must be 32 to 128 printable ASCII characters", remedy)
    return value


def _scope(read: Reader) -> tuple[str, tuple[str, ...]]:
    value = read.text("SSPR_SCOPE", "auto")
    remedy = "Use auto, report, all, or groups:<object id>,<object id>"
    if value in ("auto", "report", "all"):
        return value, ()
    kind, _, listed = value.partition(":")
    ids = tuple(part.strip().lower() for part in listed.split(",") if part.strip())
    if kind != "groups" or not ids or not all(map(GUID.fullmatch, ids)):
        read.fault("SSPR_SCOPE", f"'{shown(value)}' is not known", remedy)
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
        emergency_group=read.guid("EMERGENCY_GROUP", "Set it to the object id of the group, or leave it out"),
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
    if telling.group_wait_max < telling.group_wait:
        read.fault("GROUP_WAIT_MAX", "is shorter than GROUP_WAIT", "Raise it, or leave both out")
    return telling


def _weekday_and_time(read: Reader, name: str, default: str) -> timedelta:
    """How long after Monday, 00:00 UTC."""
    value = read.text(name, default)
    found = _WEEKDAY_AND_TIME.fullmatch(value.lower())
    if not found:
        read.fault(
            name, f"'{shown(value)}' is not a weekday and a time", "Write it like this: mon 08:00 (UTC)"
        )
        return timedelta(0)
    return timedelta(days=_WEEKDAYS.index(found[1]), hours=int(found[2]), minutes=int(found[3]))


def _schedule(read: Reader, name: str) -> None:
    """The host expands `%NAME%` in a timer by itself, so the setting must be there when it starts."""
    value = read.required(name, "Set it to six NCRONTAB fields, UTC, e.g. 0 */5 * * * *")
    if value and len(value.split()) != 6:
        read.fault(name, f"'{shown(value)}' has not six fields", "Start with the seconds, e.g. 0 */5 * * * *")


def _local_key(read: Reader) -> str:
    """Opens health's detail on a laptop, where no platform signs people in; refused on the internet."""
    value = read.text("LOCAL_KEY")
    if value and (urlsplit(read.text("NOTIFICATION_BASE_URL")).hostname or "") not in LOOPBACK:
        read.fault("LOCAL_KEY", "is for the sandbox only", "Remove it; in Azure people sign in with Entra ID")
    return value
