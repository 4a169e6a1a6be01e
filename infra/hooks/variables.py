"""azd's variables, as the hooks find them in their environment: outputs of infra/main.bicep, and choices."""

import shutil
from collections.abc import Mapping

import msgspec

from infra.hooks.programs import Stop
from shared.graph.permissions import table

CLOUDS = {
    "public": "https://graph.microsoft.com",
    "usgov": "https://graph.microsoft.us",
    "usgovdod": "https://dod-graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}
"""Where Microsoft Graph is in each cloud (`GRAPH_CLOUD`); the same as in infra/app/app-settings.bicep."""

EVENT_GRID = "eventgrid"

_MADE_BY = "infra/main.bicep"


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator chose: cloud, packs of permissions, way of delivery, who sees the report."""

    cloud: str
    packs: tuple[str, ...]
    delivery: str
    readers: tuple[str, ...]

    @property
    def graph(self) -> str:
        """Where Microsoft Graph is, without a version."""
        return CLOUDS[self.cloud]


def choices(environ: Mapping[str, str]) -> Choices:
    """Raises `Stop` naming the first that is wrong, before anything is made of it."""
    cloud = environ.get("GRAPH_CLOUD") or "public"
    if cloud not in CLOUDS:
        raise Stop(f"GRAPH_CLOUD is {cloud!r}. Use one of: {', '.join(CLOUDS)}.")
    delivery = environ.get("DELIVERY") or "webhook"
    if delivery not in ("webhook", EVENT_GRID):
        raise Stop(f"DELIVERY is {delivery!r}. Use webhook or {EVENT_GRID}.")
    packs = listed(environ.get("GRAPH_PACKS", ""))
    if unknown := [one for one in packs if one not in table().packs]:
        known = ", ".join(table().packs)
        raise Stop(f"GRAPH_PACKS names {', '.join(unknown)}. Use of these, with commas between: {known}.")
    readers = listed(environ.get("REPORT_READERS", ""))
    return Choices(cloud=cloud, packs=packs, delivery=delivery, readers=readers)


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text with commas between."""
    return tuple(one for part in text.split(",") if (one := part.strip()))


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What was provisioned: outputs of infra/main.bicep."""

    subscription: str
    tenant: str
    group: str
    app: str
    base_url: str
    principal: str
    vault: str
    blob_uri: str
    queue_uri: str
    topic: str = ""
    connection: str = ""
    """Of the watch's storage, where it is opened by a key: as in the sandbox."""

    @property
    def group_id(self) -> str:
        """The resource group, as Azure names it."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"

    @property
    def app_id(self) -> str:
        """The Function App."""
        return f"{self.group_id}/providers/Microsoft.Web/sites/{self.app}"

    def secret_id(self, name: str) -> str:
        """A secret of the vault, by the name of its setting."""
        key = name.lower().replace("_", "-")
        return f"{self.group_id}/providers/Microsoft.KeyVault/vaults/{self.vault}/secrets/{key}"

    @property
    def storage(self) -> dict[str, str]:
        """The settings by which `python -m admin` finds the watch's storage, as whoever is signed in."""
        if self.connection:
            return {"TENANT_ID": self.tenant, "WATCH_STORAGE": self.connection}
        return {
            "TENANT_ID": self.tenant,
            "WATCH_STORAGE__blobServiceUri": self.blob_uri,
            "WATCH_STORAGE__queueServiceUri": self.queue_uri,
        }


_NAMES = {
    "subscription": "AZURE_SUBSCRIPTION_ID",
    "tenant": "AZURE_TENANT_ID",
    "group": "AZURE_RESOURCE_GROUP",
    "app": "AZURE_FUNCTION_NAME",
    "base_url": "NOTIFICATION_BASE_URL",
    "principal": "WATCH_IDENTITY_PRINCIPAL_ID",
    "vault": "KEY_VAULT_NAME",
    "blob_uri": "WATCH_BLOB_URI",
    "queue_uri": "WATCH_QUEUE_URI",
}


_OF_SECRETS = ("AZURE_SUBSCRIPTION_ID", "AZURE_RESOURCE_GROUP", "AZURE_FUNCTION_NAME", "KEY_VAULT_NAME")
"""All that writing a secret takes."""


def made(environ: Mapping[str, str]) -> Made:
    """Raises `Stop` naming what is missing: then nothing was provisioned, or in another environment."""
    if missing := [name for name in _NAMES.values() if not environ.get(name)]:
        raise Stop(
            f"azd's environment lacks {', '.join(missing)}, which {_MADE_BY} puts out. Run: azd provision"
        )
    return _made(environ)


def known_for_secrets(environ: Mapping[str, str]) -> bool:
    """Whether all is there that writing a secret takes."""
    return all(environ.get(name) for name in _OF_SECRETS)


def made_for_secrets(environ: Mapping[str, str]) -> Made:
    """The same for a person, who needs no more than what writing a secret takes.

    Raises `Stop` where neither the shell nor azd knows that.
    """
    if known_for_secrets(environ):
        return _made(environ)
    missing = [name for name in _OF_SECRETS if not environ.get(name)]
    lacks = f"neither this shell nor azd's environment knows {', '.join(missing)}"
    if shutil.which("azd") is None:
        raise Stop(
            f"azd is not installed, or not on the PATH, so {lacks}. docs/deploy.md says how to get azd. "
            "Without it, set them as they stand in the Azure portal."
        )
    raise Stop(
        f"Here {lacks}. Run this in the clone that you deployed from; where there are several environments, "
        "choose one with azd env select. If they are unknown even so, nothing was provisioned yet: azd up"
    )


def _made(environ: Mapping[str, str]) -> Made:
    found = {field: environ.get(name, "") for field, name in _NAMES.items()}
    found |= {
        "topic": environ.get("EVENTGRID_TOPIC_NAME", ""),
        "connection": environ.get("WATCH_STORAGE", ""),
    }
    return Made(**found)
