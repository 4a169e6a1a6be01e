"""Ids that are paths: whatever comes from outside names no blob, file or address but the one it should."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from shared.archive import snapshots
from shared.archive.snapshots import NoSnapshot
from shared.graph.called import call_of
from shared.graph.session import GraphSession
from shared.graph.users import read_users
from shared.guids import as_guid
from shared.ledger.manifest import members_path, watched_path
from shared.settings import SettingsError, load
from shared.settings.routes import _NAME, _SETTING
from shared.storage import Storage
from shared.watch.messages import BadMessage, read_changed, read_step
from tests.abuse.bodies import TENANT, user_id
from tests.settings.good_settings import GOOD

ID = user_id(1)
TRICKS = {
    "up": "../../ledger/manifest",
    "up behind an id": f"{ID}/../../manifest",
    "an id behind up": f"../{ID}",
    "encoded": f"%2e%2e%2f{ID}",
    "encoded twice": "%252e%252e%252f",
    "encoded slash": f"{ID}%2Fmanifest",
    "backslash": f"..\\{ID}",
    "absolute": f"/{ID}",
    "a drive": f"C:\\{ID}",
    "an address": f"https://evil.example/{ID}",
    "two slashes": f"//evil.example/{ID}",
    "an option": f"{ID}?$select=id&$expand=manager",
    "a fragment": f"{ID}#",
    "nothing": "",
    "a dot": ".",
    "NUL": f"{ID}\x00",
    "new line behind": f"{ID}\n",
    "new line": f"{ID}\n{ID}",
    "a space": f" {ID}",
    "an escape": f"{ID}\x1b[31m",
    "full-width digits": ID.replace("1", "\uff11"),
    "turned round": f"\u202e{ID}",
    "a zero that is none": ID.replace("0", "\u0660"),
    "braces": "{" + ID + "}",
    "brackets": f"('{ID}')",
    "a quote": f"{ID}' or '1'='1",
    "very long": "a" * 70_000,
    "very long up": "../" * 20_000 + ID,
    "a device": "CON",
    "a wildcard": "*",
}
AT = datetime(2026, 11, 23, tzinfo=UTC)

parametrized = pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)


@parametrized
def test_it_is_no_id(trick: str) -> None:
    assert as_guid(trick) is None


@parametrized
def test_no_blob_is_named_after_it(trick: str) -> None:
    assert members_path(TENANT, trick) == f"{TENANT}/groups/none"
    assert watched_path(TENANT, trick) == f"{TENANT}/watched/none"


def test_whatever_the_case_of_an_id_its_blob_is_one() -> None:
    for path in (members_path, watched_path):
        assert path(TENANT, ID.upper()) == path(TENANT, ID)


@parametrized
def test_no_queue_message_brings_it_in(trick: str) -> None:
    for what in ("users", "groups"):
        message = msgspec.json.encode({what: [ID, trick], "at": AT, "look": 1, "why": "standing"})
        with pytest.raises(BadMessage):
            read_changed(message)
    with pytest.raises(BadMessage):
        read_step(msgspec.json.encode({"reading": "sweep", "id": f"{trick}/", "step": 1}))


class Nobody:
    """A session that must not be asked for anything."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@parametrized
async def test_graph_is_not_asked_for_it_as_an_object_id(trick: str) -> None:
    session: Any = Nobody()
    with pytest.raises(ValueError, match="not a GUID"):
        await read_users(session, [ID, trick])


@parametrized
def test_as_the_name_of_a_user_it_stays_one_segment_of_the_address(trick: str) -> None:
    """`admin explain` takes sign-in names, which may be anything."""
    credential: Any = Nobody()
    session = GraphSession(load(GOOD).graph, credential=credential)
    request = session.client.users.by_user_id(trick).to_get_request_information()
    request.path_parameters["baseurl"] = session.settings.base_url
    split = urlsplit(request.url)
    assert (split.scheme, split.netloc) == ("https", "graph.microsoft.com")
    assert not split.query
    assert not split.fragment
    version, users, *rest = split.path.strip("/").split("/")
    assert (version, users) == ("v1.0", "users")
    assert len(rest) <= 1
    assert ".." not in rest
    assert "\n" not in request.url
    assert call_of(request).startswith("GET /users/{id}")


@parametrized
@pytest.mark.parametrize("name", ["TENANT_ID", "AZURE_CLIENT_ID", "EMERGENCY_GROUP"])
def test_no_setting_takes_it_for_an_id(name: str, trick: str) -> None:
    # Settings are stripped at both ends: what is an id then, is one.
    if not trick.strip() or as_guid(trick.strip()):
        pytest.skip("absent, or an id between spaces")
    with pytest.raises(SettingsError) as caught:
        load({**GOOD, name: trick})
    assert any(fault.startswith(name) for fault in caught.value.faults)
    assert "\x1b" not in str(caught.value)


@parametrized
def test_no_route_and_no_setting_of_a_route_is_named_so(trick: str) -> None:
    if trick in ("CON", ""):
        assert not _NAME.fullmatch(trick)
        return
    assert not _NAME.fullmatch(trick) or len(trick) <= 32
    assert not _SETTING.fullmatch(trick)


@pytest.mark.real
async def test_a_snapshot_is_looked_for_among_those_that_are_there_and_nowhere_else(storage: Storage) -> None:
    await storage.evidence.put(f"{TENANT}/elsewhere", b"{}")
    for trick in (*TRICKS.values(), "2026-11-23/../..", "latest/../../x"):
        with pytest.raises(NoSnapshot):
            await snapshots.find(storage.evidence, TENANT, trick)
