"""What a request to Graph is called in metrics: `GET /users/{id}`, with no id, option or link in it."""

import re
from urllib.parse import unquote, urlsplit

from kiota_abstractions.request_information import RequestInformation

_QUERY = re.compile(r"\{[?&][^}]*\}")
_PLACE = re.compile(r"\{[^}]*\}")
_CAST = re.compile(r"/(microsoft\.)?graph\.[A-Za-z]+")
_WORD = re.compile(r"\$?[A-Za-z]{1,40}(\.[A-Za-z]{1,40})*")


def call_of(request: RequestInformation) -> str:
    """Method and path as in Graph's reference, whichever way the request was made: by a builder, whose
    template says what stands for an id, or by following a link, where whatever is no plain word is an id."""
    method = request.http_method.value if request.http_method else "GET"
    if request.url_template:
        path = _PLACE.sub("{id}", _QUERY.sub("", request.url_template.removeprefix("{+baseurl}")))
        path = unquote(path.partition("?")[0]).replace("()", "")
    else:
        # The first part is the version: it is the same for all.
        parts = urlsplit(request.url).path.strip("/").split("/")[1:]
        path = f"/{'/'.join(_segment(part) for part in parts)}"
    return f"{method} {_CAST.sub('/{cast}', path)}"


def status_class(status: int | None) -> str:
    """`2xx` and the like; 429 stands for itself, and `none` for no answer at all."""
    if status is None:
        return "none"
    return "429" if status == 429 else f"{status // 100}xx"


def _segment(part: str) -> str:
    text = unquote(part).removesuffix("()")
    if _WORD.fullmatch(text):
        return text
    # A function's name stays, and so does that of what is asked for by key.
    name, bracket, _ = text.partition("(")
    return f"{name}({{id}})" if bracket and _WORD.fullmatch(name) else "{id}"
