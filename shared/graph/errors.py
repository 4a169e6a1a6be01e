"""What can go wrong with a Graph call: one exception for each way in which a caller acts differently.

The text of an exception holds Graph's status, error code and request id; never Graph's message, which can
name people (Microsoft Graph error responses and resource types).
"""

NOT_PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
"""The 403 of the reports that means: this tenant has no Entra ID P1 or P2. Not a missing permission."""

_STALE_TOKEN = {
    "syncstatenotfound",
    "resyncrequired",
    "directory_expiredpagetoken",
    "request_expiredpagetoken",
}


def answer_of(kind: str, status: int, code: str, request_id: str) -> str:
    """A failed call as the log names it; `kind` is the exception's."""
    where = f" (request {request_id})" if request_id else ""
    return f"{kind}: Graph {status or 'gave no answer'} {code}".rstrip() + where


class GraphError(Exception):
    """Graph refused or failed. `status` 0: no answer arrived."""

    def __init__(self, status: int = 0, code: str = "", request_id: str = "") -> None:
        super().__init__(status, code, request_id)
        self.status = status
        self.code = code
        self.request_id = request_id

    def __str__(self) -> str:
        return answer_of(type(self).__name__, self.status, self.code, self.request_id)

    @property
    def brief(self) -> str:
        """Kind, status and code: the same each time that it fails so, without the request's id."""
        return f"{type(self).__name__} {self.status or ''} {self.code}".strip()


class Unauthorized(GraphError):
    """401, or the managed identity gave no token: asking again with the same credential will not help."""


class Forbidden(GraphError):
    """403: a permission is missing, a quota is full, or the tenant has no premium licence."""

    @property
    def not_premium(self) -> bool:
        """The tenant lacks Entra ID P1 or P2; granting a permission would change nothing."""
        return self.code.lower() == NOT_PREMIUM.lower()


class NotFound(GraphError):
    """404: deleted, or not yet replicated."""


class Conflict(GraphError):
    """409: a subscription for this resource and change type exists already."""


class Gone410(GraphError):
    """410, or a page or delta token that Graph no longer knows: start from the beginning.

    Where Graph proposes a link for it, that is not followed: the beginning is known.
    """


class Throttled(GraphError):
    """Graph asks to come back later than we are willing to wait: in `retry_after` seconds."""

    def __init__(self, retry_after: float, status: int = 429, code: str = "", request_id: str = "") -> None:
        super().__init__(status, code, request_id)
        self.retry_after = retry_after


class Unavailable(GraphError):
    """A server error, a broken connection, time-out, a redirect, an unreadable answer: after all attempts."""


class WrongTenant(GraphError):
    """The credential belongs to another tenant than the settings name."""


class LinkError(GraphError):
    """A next or delta link leads away from Graph, or in a circle: it was not followed."""


def error_of(status: int, code: str = "", request_id: str = "") -> GraphError:
    """The exception for an answer that is no success; the delay of a 429 is the caller's to know."""
    if status == 410 or (400 <= status < 500 and code.lower() in _STALE_TOKEN):
        return Gone410(status, code, request_id)
    kinds: dict[int, type[GraphError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict}
    if status in kinds:
        return kinds[status](status, code, request_id)
    if status >= 500 or status < 400:
        return Unavailable(status, code, request_id)
    return GraphError(status, code, request_id)
