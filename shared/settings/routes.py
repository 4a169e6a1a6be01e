"""The setting `ROUTES`: further ways to people, beside the Teams workflow of `TEAMS_WORKFLOW_URL`.

A JSON list, one object a route. It holds no secret: `url` and `secret` name other app settings, which can be
Key Vault references. So no fault quotes what could have been put there by mistake.
Imports stay within the standard library and msgspec (design §7).
"""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from shared.guids import GUID
from shared.settings.faults import Fault, Place, Problem, Remedy
from shared.settings.reader import MISSING, Reader, url_problem

DEFAULT = "teams"
"""The name of the route of `TEAMS_WORKFLOW_URL`."""

TEAMS, WEBHOOK = "teams", "webhook"
TYPES = (TEAMS, WEBHOOK)
MOST = 20
"""So many routes at most: each has its own memory of what it was told."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - how every secret of Standard Webhooks begins, and none itself
SECRET_BYTES = range(24, 65)
"""Length of a signing key (Standard Webhooks, "Signature scheme")."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_SETTING = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_WORD = re.compile(r"[a-z_-]{1,40}")
_COMMAND = (
    "python -c 'import base64, secrets; "
    'print("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())\''
)
_GENERATE = Remedy("generate", {"command": _COMMAND})
_LIST = Remedy("routes")


class RouteRule(msgspec.Struct, frozen=True, kw_only=True):
    """One route as the decision sees it: no address, no secret. An empty condition is met by everything.

    `type`: `teams` or `webhook`. `groups`: ids; met by these groups and by the users in them, directly or
    through other groups. `copy`: the default route hears of it all the same.
    """

    name: str = DEFAULT
    type: str = TEAMS
    kinds: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    copy: bool = False


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A route with its address and, of a webhook, its secret as it was set: one or two, with a space between.

    Both may be secrets, so `repr` shows the name only.
    """

    rule: RouteRule
    url: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"RouteSettings({self.rule.name})"


class UnusableSecret(ValueError):
    """A `secret` setting that no receiver could use; it is not quoted. `code`: of `settings.problems`."""

    def __init__(self, code: str, said: str) -> None:
        self.code = code
        super().__init__(said)


def signing_keys(secret: str) -> tuple[bytes, ...]:
    """The keys of a `secret` setting: one, or while it is being changed two.

    Raises `UnusableSecret` if that is not `whsec_` and base64 of 24 to 64 bytes.
    """
    parts = secret.split()
    if not 1 <= len(parts) <= 2:
        raise UnusableSecret("secret-count", "one secret, or two with a space between")
    return tuple(_key(part) for part in parts)


def _key(text: str) -> bytes:
    wrong = UnusableSecret("secret-form", f"a secret is {SECRET_PREFIX} and base64 of 24 to 64 bytes")
    if not text.startswith(SECRET_PREFIX):
        raise wrong
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    if len(key) not in SECRET_BYTES:
        raise wrong
    return key


def read_routes(read: Reader) -> tuple[RouteSettings, ...]:
    """The routes of `ROUTES`, in its order; none if it is not set. Faults go to `read`, all of them."""
    text = read.text("ROUTES")
    if not text:
        return ()
    try:
        rows = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        read.fault("ROUTES", Problem("not-json"), _LIST)
        return ()
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        read.fault("ROUTES", Problem("not-objects"), _LIST)
        return ()
    if len(rows) > MOST:
        read.fault("ROUTES", Problem("many-routes", {"most": MOST}), Remedy("share-route"))
    names = {DEFAULT}
    routes = []
    for number, row in enumerate(rows, start=1):
        one = _Row(read, number, row)
        routes.append(one.route(names))
        names.add(routes[-1].rule.name)
    return tuple(routes)


class _Row:
    """One object of the list. A field of the wrong type is a fault and reads as if it were not there."""

    def __init__(self, read: Reader, number: int, row: dict[str, Any]) -> None:
        self._read = read
        self._row = row
        name = row.get("name")
        self._named = isinstance(name, str) and _NAME.fullmatch(name) is not None
        self._route: str | int = str(name) if self._named else number

    def route(self, names: set[str]) -> RouteSettings:
        """The route; `names` are taken already."""
        self._unknown_fields()
        name, kind = self._name(names), self._type()
        # Only with ROUTES: the rules' rows are more than a notification has to load.
        from shared.model import Severity
        from shared.rules.kinds import KINDS

        rule = RouteRule(
            name=name,
            type=kind,
            kinds=self._words("kinds", KINDS),
            severities=self._words("severities", [str(one) for one in Severity]),
            groups=self._groups(),
            copy=self._copy(),
        )
        return RouteSettings(rule=rule, url=self._url(kind), secret=self._secret(kind))

    def _fault(self, field: str, problem: Problem, remedy: Remedy, through: str = "") -> None:
        place = Place(self._route, field)
        found = Fault(setting="ROUTES", problem=problem, remedy=remedy, place=place, through=through)
        self._read.faults.append(found)

    def _unknown_fields(self) -> None:
        known = ("name", "type", "url", "secret", "kinds", "severities", "groups", "copy")
        unknown = [name for name in self._row if name not in known]
        if unknown:
            quotable = [name for name in unknown if _WORD.fullmatch(name)]
            named = Problem("unknown", {"value": "', '".join(quotable)})
            problem = named if quotable else Problem("unknown-field")
            self._fault("", problem, Remedy("only", {"allowed": ", ".join(known)}))

    def _name(self, names: set[str]) -> str:
        name = self._row.get("name")
        if not self._named or not isinstance(name, str):
            self._fault("name", Problem("not-name"), Remedy("name"))
            return ""
        if name == DEFAULT:
            self._fault("name", Problem("default-name"), Remedy("other-name"))
        elif name in names:
            self._fault("name", Problem("name-twice"), Remedy("other-name-for-one"))
        return name

    def _type(self) -> str:
        kind = self._row.get("type")
        if kind in TYPES:
            return str(kind)
        self._fault("type", _unknown(kind), Remedy("one-of", {"allowed": ", ".join(TYPES)}))
        return ""

    def _words(self, field: str, allowed: Iterable[str]) -> tuple[str, ...]:
        words, known = self._texts(field), tuple(allowed)
        for word in words:
            if word not in known:
                self._fault(field, _unknown(word), Remedy("of-these", {"allowed": ", ".join(known)}))
        return words

    def _groups(self) -> tuple[str, ...]:
        groups = tuple(group.lower() for group in self._texts("groups"))
        if not all(GUID.fullmatch(group) for group in groups):
            self._fault("groups", Problem("group-not-guid"), Remedy("group-ids"))
        return groups

    def _texts(self, field: str) -> tuple[str, ...]:
        values = self._row.get(field, [])
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return tuple(dict.fromkeys(values))
        self._fault(field, Problem("not-texts"), Remedy("list", {"example": '["high"]'}))
        return ()

    def _copy(self) -> bool:
        copy = self._row.get("copy", False)
        if not isinstance(copy, bool):
            self._fault("copy", Problem("not-boolean"), Remedy("boolean"))
        return copy is True

    def _setting(self, field: str, example: str) -> tuple[str, str] | None:
        """The name of the setting that the field points at, and its value, which may be empty."""
        name = self._row.get(field)
        if isinstance(name, str) and _SETTING.fullmatch(name):
            return name, self._read.text(name)
        self._fault(field, Problem("not-setting"), Remedy("setting", {"example": example}))
        return None

    def _url(self, kind: str) -> str:
        found = self._setting("url", "HELPDESK_WORKFLOW_URL" if kind == TEAMS else "TICKETS_URL")
        if found is None:
            return ""
        name, value = found
        problem = url_problem(value, teams=kind == TEAMS)
        if problem and not self._read.has_fault(name):
            of = {"setting": name}
            remedy = Remedy("set-workflow", of) if kind == TEAMS else Remedy("set-receiver", of)
            self._fault("url", problem, remedy, through=name)
        return value

    def _secret(self, kind: str) -> str:
        if kind != WEBHOOK:
            if "secret" in self._row and kind:
                self._fault("secret", Problem("webhooks-only"), Remedy("remove-secret"))
            return ""
        found = self._setting("secret", "TICKETS_SECRET")
        if found is None:
            return ""
        name, value = found
        if not value:
            if not self._read.has_fault(name):
                self._fault("secret", MISSING, _GENERATE, through=name)
            return ""
        try:
            signing_keys(value)
        except UnusableSecret as fault:
            self._fault("secret", Problem(fault.code, {"prefix": SECRET_PREFIX}), _GENERATE, through=name)
        return value


def _unknown(value: object) -> Problem:
    """A word that is none of those there are; quoted if it surely is no secret."""
    quotable = isinstance(value, str) and _WORD.fullmatch(value)
    return Problem("unknown", {"value": str(value)}) if quotable else Problem("unknown-value")
