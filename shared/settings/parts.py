"""The settings by what they are for, checked and frozen. `whole` reads them.

Imports stay within the standard library and msgspec: this lies on the path of every notification (design §7).
"""

from datetime import timedelta
from urllib.parse import urlsplit

import msgspec

from shared.settings.reader import LOOPBACK
from shared.texts import catalogue

_PUBLIC_SCOPE = "https://graph.microsoft.com/.default"


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
