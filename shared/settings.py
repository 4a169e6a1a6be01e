"""The settings: read once, checked whole, frozen.

Nothing else in the watch reads the environment. `load` reports every fault at once, each with its remedy, and
never quotes the value of a secret. Imports stay within the standard library and msgspec: this module lies on
the path of every notification (design §7).
"""

import functools
import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from shared.rules.policy import Policy

GRAPH = "https://graph.microsoft.com/v1.0"
TEAMS_HOSTS = (".logic.azure.com", ".environment.api.powerplatform.com")
"""Hosts of Teams Workflows URLs, the older and the newer form."""

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
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
        if url.scheme != "https" and not (url.scheme == "http" and url.hostname in _LOOPBACK):
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
        return _PUBLIC_SCOPE if host in _LOOPBACK else f"https://{host}/.default"


class TellingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When and how people are told (judgement.md §6)."""

    confirm_after: timedelta
    group_wait: timedelta
    group_wait_max: timedelta
    names: str


class StorageAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to read and write a tenant's ledger, and nothing of Graph or Teams."""

    tenant_id: str
    storage: StorageSettings


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an administrator can set. Secrets are left out of `repr`."""

    tenant_id: str
    graph: GraphSettings
    storage: StorageSettings
    policy: Policy
    telling: TellingSettings
    notification_base_url: str
    client_state: str
    client_state_previous: str
    teams_workflow_url: str
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


class _Reader:
    """Reads single settings and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.faults: list[str] = []

    def fault(self, name: str, problem: str, remedy: str) -> None:
        self.faults.append(f"{name}: {problem}. {remedy}")

    def text(self, name: str, default: str = "") -> str:
        return self._environ.get(name, "").strip() or default

    def required(self, name: str, remedy: str) -> str:
        value = self.text(name)
        if not value:
            self.fault(name, "is missing", remedy)
        return value

    def guid(self, name: str, remedy: str, *, required: bool = False) -> str:
        value = (self.required(name, remedy) if required else self.text(name)).lower()
        if value and not _GUID.fullmatch(value):
            self.fault(name, "is not a GUID", remedy)
        return value

    def choice(self, name: str, default: str, *allowed: str) -> str:
        value = self.text(name, default)
        if value not in allowed and not (value == "" and default == ""):
            self.fault(name, f"'{_shown(value)}' is not known", f"Use one of: {', '.join(allowed)}")
            return default
        return value

    def duration(self, name: str, default: str) -> timedelta:
        found = _DURATION.fullmatch(self.text(name, default))
        if not found:
            self.fault(name, "is not a length of time", "Write a number and a unit: 30s, 15m, 48h or 14d")
            return timedelta(0)
        seconds = float(found[1]) * _UNITS[found[2]]
        if seconds > 366 * _UNITS["d"]:
            self.fault(name, "is longer than a year", "Write a number and a unit: 30s, 15m, 48h or 14d")
            return timedelta(0)
        return timedelta(seconds=seconds)

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal() or not least <= int(value) <= most:
            self.fault(name, f"'{_shown(value)}' is not a whole number from {least} to {most}", "Correct it")
            return default
        return int(value)

    def url(
        self,
        name: str,
        remedy: str,
        *,
        default: str = "",
        accept: Callable[[str], bool] | None = None,
        base: bool = False,
    ) -> str:
        """An https address (http only on loopback); the value itself is never quoted, it may be a secret."""
        value = self.text(name, default)
        if not value:
            self.fault(name, "is missing", remedy)
            return ""
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            self.fault(name, "is not a URL", remedy)
            return ""
        secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
        if not secure or not host or parts.username or parts.password:
            self.fault(name, "is not an https URL", remedy)
        elif base and (parts.query or parts.fragment):
            self.fault(name, "has more than scheme, host and path", remedy)
        elif accept and host not in _LOOPBACK and not accept(host):
            self.fault(name, "has a host that is not expected here", remedy)
        return value.rstrip("/")


def _shown(value: str) -> str:
    return value if len(value) <= 40 else value[:37] + "..."


@functools.cache
def current() -> Settings:
    """The settings of this process, read once. Raises `SettingsError`."""
    return load(os.environ)


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises `SettingsError` with every fault if any is missing or wrong."""
    read = _Reader(environ)
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
        "teams_workflow_url": read.url(
            "TEAMS_WORKFLOW_URL",
            "Create the workflow 'Send webhook alerts to a channel' in Teams and paste its URL",
            accept=lambda host: host.endswith(TEAMS_HOSTS),
        ),
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
    read = _Reader(environ)
    tenant_id = read.guid("TENANT_ID", _TENANT_REMEDY, required=True)
    storage = _storage(read, read.guid("AZURE_CLIENT_ID", _CLIENT_REMEDY))
    if read.faults:
        raise SettingsError(tuple(read.faults))
    return StorageAccess(tenant_id=tenant_id, storage=storage)


def storage_of(file: Path | None = None) -> StorageAccess:
    """As `load_storage`, from the environment, or from a file in the form of `settings.example.json` alone.

    Raises `SettingsError` also where the file can't be read.
    """
    return load_storage(os.environ if file is None else _values(file))


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


def _graph_url(read: _Reader) -> str:
    return read.url(
        "GRAPH_BASE_URL",
        f"Leave it out for {GRAPH}, or give your national cloud's address with /v1.0",
        default=GRAPH,
        base=True,
    )


def _storage(read: _Reader, client_id: str) -> StorageSettings:
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


def _client_state(read: _Reader, name: str, *, required: bool = False) -> str:
    """The secret that authentic notifications carry; Graph allows 128 characters."""
    remedy = "Generate one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
    value = read.required(name, remedy) if required else read.text(name)
    if value and not (32 <= len(value) <= 128 and value.isascii() and value.isprintable()):
        read.fault(name, "must be 32 to 128 printable ASCII characters", remedy)
    return value


def _scope(read: _Reader) -> tuple[str, tuple[str, ...]]:
    value = read.text("SSPR_SCOPE", "auto")
    remedy = "Use auto, report, all, or groups:<object id>,<object id>"
    if value in ("auto", "report", "all"):
        return value, ()
    kind, _, listed = value.partition(":")
    ids = tuple(part.strip().lower() for part in listed.split(",") if part.strip())
    if kind != "groups" or not ids or not all(map(_GUID.fullmatch, ids)):
        read.fault("SSPR_SCOPE", f"'{_shown(value)}' is not known", remedy)
        return "auto", ()
    return "groups", ids


def _policy(read: _Reader) -> Policy:
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


def _telling(read: _Reader) -> TellingSettings:
    telling = TellingSettings(
        confirm_after=read.duration("CONFIRM_AFTER", "15m"),
        group_wait=read.duration("GROUP_WAIT", "60s"),
        group_wait_max=read.duration("GROUP_WAIT_MAX", "10m"),
        names=read.choice("TEAMS_NAMES", "full", "full", "upn", "hidden"),
    )
    if telling.group_wait_max < telling.group_wait:
        read.fault("GROUP_WAIT_MAX", "is shorter than GROUP_WAIT", "Raise it, or leave both out")
    return telling


def _schedule(read: _Reader, name: str) -> None:
    """The host expands `%NAME%` in a timer by itself, so the setting must be there when it starts."""
    value = read.required(name, "Set it to six NCRONTAB fields, UTC, e.g. 0 */5 * * * *")
    if value and len(value.split()) != 6:
        read.fault(
            name, f"'{_shown(value)}' has not six fields", "Start with the seconds, e.g. 0 */5 * * * *"
        )


def _local_key(read: _Reader) -> str:
    """Opens health's detail on a laptop, where no platform signs people in; refused on the internet."""
    value = read.text("LOCAL_KEY")
    if value and (urlsplit(read.text("NOTIFICATION_BASE_URL")).hostname or "") not in _LOOPBACK:
        read.fault("LOCAL_KEY", "is for the sandbox only", "Remove it; in Azure people sign in with Entra ID")
    return value
