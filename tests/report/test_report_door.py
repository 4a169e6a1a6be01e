"""Every route of the report fails closed: what is not let in gets one sentence, and nothing is read."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func
import pytest

from functions import reporting
from shared.settings import Settings, load
from shared.texts.catalogue import catalogue
from shared.watch import access, parts
from tests.settings.good_settings import GOOD
from tests.watch.test_access import principal

KEY = "k" * 40
SOMEBODY = "a0000000-0000-4000-8000-000000000001"
ROUTES = (
    reporting.report,
    reporting.report_csv,
    reporting.report_json,
    reporting.report_rows,
    reporting.report_user,
)
CLOUD = load({**GOOD, "WEBSITE_AUTH_ENABLED": "True"})
UNGUARDED = load(GOOD)
LOCAL = load({**GOOD, "NOTIFICATION_BASE_URL": "http://127.0.0.1:7171", "LOCAL_KEY": KEY})
ROLE = principal(("roles", "Watch.Read"))


def basic(password: str, name: str = "me") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


class PastTheDoor(Exception):
    """Somebody was let in."""


class Closed:
    """A watch that may be asked for its settings and for nothing else."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __getattr__(self, name: str) -> Any:
        raise PastTheDoor(name)


Knock = Callable[..., Awaitable[func.HttpResponse]]


@pytest.fixture
def knock(monkeypatch: pytest.MonkeyPatch) -> Knock:
    """Calls a route as the host does."""

    async def knocking(
        settings: Settings, headers: dict[str, str], route: Any = reporting.report
    ) -> func.HttpResponse:
        monkeypatch.setattr(parts, "current", lambda: Closed(settings))
        params = {"id": SOMEBODY} if route is reporting.report_user else {}
        request = func.HttpRequest("GET", "/api", headers=headers, params=params, body=b"")
        answer = await route.build().get_user_function()(request)
        assert isinstance(answer, func.HttpResponse)
        return answer

    return knocking


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.build().get_function_name()))
@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        pytest.param(CLOUD, {}, 401, id="nobody signed in"),
        pytest.param(CLOUD, principal(("roles", "Watch.Write")), 403, id="signed in without the role"),
        pytest.param(CLOUD, principal(("name", "Watch.Read")), 403, id="a name like the role"),
        pytest.param(CLOUD, {"X-MS-CLIENT-PRINCIPAL": "not base64!"}, 403, id="no principal at all"),
        pytest.param(UNGUARDED, ROLE, 401, id="a header where the platform signs nobody in"),
        pytest.param(UNGUARDED, {"X-Watch-Key": KEY}, 403, id="a key where there is none"),
        pytest.param(UNGUARDED, basic(KEY), 401, id="a password where there is no key"),
        pytest.param(UNGUARDED, basic(""), 401, id="an empty password where there is no key"),
        pytest.param(LOCAL, {}, 401, id="no key"),
        pytest.param(LOCAL, {"X-Watch-Key": "guess"}, 403, id="a wrong key"),
        pytest.param(LOCAL, ROLE, 401, id="a header on the sandbox"),
        pytest.param(LOCAL, basic("guess"), 401, id="a wrong password: the browser may ask again"),
        pytest.param(LOCAL, {"Authorization": "Basic !"}, 401, id="a password that can't be read"),
    ],
)
async def test_without_the_role_or_the_key_a_route_says_one_sentence(
    knock: Knock, route: Any, settings: Settings, headers: dict[str, str], status: int
) -> None:
    answer = await knock(settings, headers, route)
    assert answer.status_code == status
    said = answer.get_body().decode()
    assert said.count("\n") == 1
    assert "Watch.Read" in said
    assert KEY not in said
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.build().get_function_name()))
@pytest.mark.parametrize(
    ("settings", "headers"),
    [(CLOUD, ROLE), (LOCAL, {"X-Watch-Key": KEY}), (LOCAL, basic(KEY)), (LOCAL, basic(KEY, ""))],
    ids=("role", "key", "password", "password alone"),
)
async def test_with_it_the_route_goes_on_to_look(
    knock: Knock, route: Any, settings: Settings, headers: dict[str, str]
) -> None:
    with pytest.raises(PastTheDoor):
        await knock(settings, headers, route)


async def test_only_where_there_is_a_local_key_a_browser_is_asked_for_it(knock: Knock) -> None:
    assert (await knock(LOCAL, {})).headers["WWW-Authenticate"].startswith("Basic ")
    assert "WWW-Authenticate" in (await knock(LOCAL, basic("guess"))).headers
    assert "WWW-Authenticate" not in (await knock(LOCAL, {"X-Watch-Key": "guess"})).headers
    for settings in (CLOUD, UNGUARDED):
        assert "WWW-Authenticate" not in (await knock(settings, {})).headers


async def test_the_sentence_is_in_the_language_that_is_set(knock: Knock) -> None:
    dutch = load({**GOOD, "WATCH_LANGUAGE": "nl"})
    said = (await knock(dutch, {})).get_body().decode().strip()
    wanted = catalogue("nl").text("report", "no_sign_in", role=access.ROLE, command="python -m sandbox up")
    assert said == wanted
