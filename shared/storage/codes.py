"""The service's own word for an error."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.exceptions import HttpResponseError


def code(error: "HttpResponseError") -> str:
    """The service's error code, whether the client made an enumeration of it or left it as text."""
    code = getattr(error, "error_code", "") or ""
    return str(getattr(code, "value", code))
