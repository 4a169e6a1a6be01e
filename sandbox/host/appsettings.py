"""App settings as bindings use them: `%NAME%` in texts, storage connections, disabled functions."""

import re
from collections.abc import Mapping

from sandbox.host.errors import HostError

HOST_CONNECTION = "AzureWebJobsStorage"


def resolve(text: str, environ: Mapping[str, str], what: str) -> str:
    """Replace each `%NAME%` by the app setting of that name; `what` says whose text it is in the error."""

    def setting(found: re.Match[str]) -> str:
        value = environ.get(found[1], "")
        if not value:
            raise HostError(f"{what} is %{found[1]}%, but the app setting {found[1]} isn't set: set it")
        return value

    return re.sub(r"%([^%]+)%", setting, text)


def connection_string(name: str, environ: Mapping[str, str], what: str) -> str:
    """Connection string that a binding's `connection` names (empty: the host's own storage).

    As the Azure host does, `AzureWebJobs<name>` is looked at before `<name>`. Identity-based connections
    need tokens, which Azurite takes over HTTPS only, so they are refused with that reason.
    """
    wanted = name or HOST_CONNECTION
    for candidate in (f"AzureWebJobs{wanted}", wanted):
        if value := environ.get(candidate, ""):
            return value
    if any(key.startswith(f"{wanted}__") for key in environ):
        raise HostError(
            f"{what}: {wanted}__… asks for a managed identity, which the laptop's storage doesn't know: "
            f"set {wanted} to a connection string"
        )
    raise HostError(f"{what}: the app setting {wanted} isn't set: set it to a storage connection string")


def is_disabled(function: str, environ: Mapping[str, str]) -> bool:
    """Whether `AzureWebJobs.<function>.Disabled` (on Linux with underscores) switches a function off."""
    names = (f"AzureWebJobs.{function}.Disabled", f"AzureWebJobs_{function}_Disabled")
    return any(environ.get(name, "").lower() in ("1", "true") for name in names)
