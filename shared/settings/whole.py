"""All settings of the app: read once, checked whole, frozen."""

import functools
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from shared.rules.policy import Policy
from shared.settings.delivery import DeliverySettings, read_delivery
from shared.settings.faults import Fault, Problem, Remedy, in_words
from shared.settings.keeping import GENERATE, KeepingSettings, read_keeping
from shared.settings.parts import GraphSettings, StorageSettings, TellingSettings
from shared.settings.policy import read_policy
from shared.settings.reader import LOOPBACK, Reader, shown
from shared.settings.routes import RouteRule, RouteSettings, read_routes
from shared.settings.storage import read_storage
from shared.settings.telling import read_language, read_telling
from shared.texts import catalogue

GRAPH = "https://graph.microsoft.com/v1.0"
TENANT = Remedy("tenant")
CLIENT = Remedy("client")

_SCHEDULES = {
    "TELLING_SCHEDULE": "0 * * * * *",
    "RECONCILE_SCHEDULE": "0 */5 * * * *",
    "SUBSCRIPTIONS_SCHEDULE": "30 */15 * * * *",
}
"""Each timer's setting, and what to set it to: as `settings.example.json` does."""


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


@functools.cache
def current() -> Settings:
    """The settings of this process, read once. Raises `SettingsError`."""
    return load(os.environ)


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings. Raises `SettingsError` with every fault if any is missing or wrong."""
    read = Reader(environ)
    tenant_id = read.guid("TENANT_ID", TENANT, required=True)
    client_id = read.guid("AZURE_CLIENT_ID", CLIENT)
    values: dict[str, Any] = {
        "tenant_id": tenant_id,
        "graph_url": read_graph_url(read),
        "storage": read_storage(read, client_id),
        "policy": read_policy(read),
        "telling": read_telling(read),
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
    refuse_faults(read)
    base_url = values.pop("graph_url")
    return Settings(
        graph=GraphSettings(base_url=base_url, tenant_id=tenant_id, client_id=client_id), **values
    )


def refuse_faults(read: Reader) -> None:
    """Raises `SettingsError` with all that was noted, if anything was."""
    if read.faults:
        raise SettingsError(tuple(read.faults), read_language(Reader(read.environ)))


def read_graph_url(read: Reader) -> str:
    """Where Graph is, with its version."""
    return read.url(
        "GRAPH_BASE_URL",
        Remedy("graph", {"default": GRAPH}),
        default=GRAPH,
        base=True,
    )


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
