"""One change is followed from Graph's call to the card: by the ids in what Application Insights was sent.

The app runs in Microsoft's runtime, which starts Microsoft's own exporter as on Azure; only the address that
it sends to is ours.
"""

import asyncio
import re
from dataclasses import dataclass, field

import aiohttp
import pytest

from sandbox.azurite import Azurite
from sandbox.graph import skus
from shared.graph.permissions import table
from shared.telemetry import METRICS
from tests.stories.theatre import DELIVERED, Theatre, theatre
from tests.telemetry import azure_settings
from tests.telemetry.ingestion import Ingestion, Trace

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

BY_EVENTS = DELIVERED["DELIVERY"] == "eventgrid"

SEEN_AFTER = 20.0
"""Seconds within which what was written is sent: the exporter sends every now and then."""


@dataclass
class Played:
    """What was sent while a user lost the licence for writeback and people were told."""

    sink: Ingestion
    user: str = ""
    findings: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def with_id(self, name: str, value: str) -> list[Trace]:
        """The records that bear this id."""
        return [one for one in self.sink.traces() if one.properties.get(name) == value]

    def committed(self) -> Trace:
        """The commit of what the change did."""
        (found,) = (
            one
            for one in self.sink.traces()
            if "watch.seq" in one.properties
            and set(self.findings) <= set(one.properties.get("watch.findings", "").split())
        )
        return found


@pytest.fixture(scope="module")
def played(azurite_account: str) -> Played:
    """Played once for all that is asked about it."""
    return asyncio.run(_play(azurite_account))


@pytest.fixture(scope="module")
def azurite_account(azurite: Azurite) -> str:
    """A storage account for the whole of this file."""
    return azurite.new_account()


async def _play(account: str) -> Played:
    async with Ingestion() as sink:
        settings = {
            **azure_settings.SETTINGS,
            **azure_settings.QUICK,
            "APPLICATIONINSIGHTS_CONNECTION_STRING": sink.connection_string,
        }
        played = Played(sink)
        async with theatre(account, settings) as play:
            await play.baseline()
            if not BY_EVENTS:
                await _forge(play)
            played.user = play.stage.world.cast["synced_with_ems"]
            await play.stage.control.unassign(played.user, skus.EMS_E3)
            await play.until("the card", lambda: play.told("S7"))
            played.findings = [line.finding for line in await play.lines(played.user)]
            environment = play.stage.environment
            names = ("CLIENT_STATE", "TEAMS_WORKFLOW_URL", "LOCAL_KEY", "WATCH_STORAGE")
            played.secrets = {name: environment[name] for name in names}
            for key in play.stage.world.cast.values():
                played.secrets |= {f"{key} {n}": text for n, text in enumerate(await _names(play, key))}
            await play.until("the card is in a record", lambda: _card_sent(played), SEEN_AFTER)
            await play.until("metrics are sent", lambda: _measured(sink), SEEN_AFTER)
        return played


async def _names(play: Theatre, user_id: str) -> list[str]:
    try:
        user = await play.stage.control.user(user_id)
    except Exception:
        # The cast has groups too.
        return []
    return [user["displayName"], user["userPrincipalName"]]


async def _forge(play: Theatre) -> None:
    """A call that is none of Graph's, so that there is something to refuse."""
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.post(f"{play.stage.host.url}/api/graph/notifications", data=b"no JSON") as answer,
    ):
        assert answer.status == 400


async def _card_sent(played: Played) -> bool:
    return any(
        "watch.card" in one.properties and played.findings[0] in one.properties.get("watch.findings", "")
        for one in played.sink.traces()
    )


async def _measured(sink: Ingestion) -> bool:
    return {"watch.verdict_latency", "watch.teams_results"} <= {one.name for one in sink.metrics()}


def test_the_call_of_graph_is_followed_to_the_commit_the_journal_and_the_card(played: Played) -> None:
    commit = played.committed()
    call = commit.properties["watch.call"]
    assert commit.properties["watch.job"] == "evaluate"
    # What waits at the same time goes on under a call of its own, which names those that it joins.
    calls, left = set[str](), [call]
    while left:
        calls.add(one := left.pop())
        joined = " ".join(
            each.properties.get("watch.joined", "") for each in played.with_id("watch.call", one)
        )
        left += {*joined.split()} - calls
    jobs = {one.properties["watch.job"] for each in calls for one in played.with_id("watch.call", each)}
    assert jobs == (
        {"graph_events", "collect", "evaluate"} if BY_EVENTS else {"graph_notifications", "evaluate"}
    )
    book, seq = commit.properties["watch.book"], commit.properties["watch.seq"]
    published = [
        one
        for one in played.with_id("watch.book", book)
        if one.properties.get("watch.seq") == seq and "in the journal" in one.message
    ]
    assert published
    cards = [
        one
        for one in played.sink.traces()
        if "watch.card" in one.properties
        and played.findings[0] in one.properties["watch.findings"].split()
        and one.message.startswith("telling: a single message")
    ]
    assert cards
    assert {one.properties["watch.job"] for one in cards} == {"tell"}
    assert all(one.properties["watch.route"] for one in cards)


def test_every_record_of_the_watch_bears_a_call_and_a_job_and_shows_them_in_its_text(played: Played) -> None:
    traces = played.sink.traces()
    assert len(traces) > 20
    for one in traces:
        call, job = one.properties["watch.call"], one.properties["watch.job"]
        assert f"[call={call} job={job}" in one.message


def test_nothing_is_sent_twice_and_nothing_but_records_and_metrics_by_the_worker(played: Played) -> None:
    assert played.sink.kinds() == {"MessageData", "MetricData"}
    texts = [one.message for one in played.sink.traces() if "watch.seq" in one.properties]
    assert len(texts) == len(set(texts))


def test_metrics_are_the_declared_ones_with_their_attributes(played: Played) -> None:
    declared = {metric.name: metric for metric in METRICS}
    ours = [one for one in played.sink.metrics() if one.name.startswith("watch.")]
    for one in ours:
        assert set(one.properties) == set(declared[one.name].attributes), one.name
    seen = {one.name for one in ours}
    # Nothing is throttled, nothing went unheard.
    quiet = {"watch.graph_throttles", "watch.gap", *(["watch.rejects"] if BY_EVENTS else [])}
    assert seen | quiet == set(declared)
    calls = {one.properties["call"] for one in ours if one.name == "watch.graph_calls"}
    assert {"POST /$batch", "GET /users/delta", "GET /users", "GET /subscribedSkus"} <= calls
    # Called as in the table of permissions, so that a throttled call is found there.
    assert calls <= {"POST /$batch", *table().calls}
    refused = {one.properties["reason"] for one in ours if one.name == "watch.rejects"}
    assert refused == (set() if BY_EVENTS else {"refused"})
    waits = [one for one in ours if one.name == "watch.verdict_latency"]
    assert sum(one.count for one in waits) >= 1
    assert all(0 <= one.value < 240 for one in waits)


def test_nothing_that_is_sent_holds_a_name_a_secret_or_an_address(played: Played) -> None:
    assert len(played.secrets) > 10
    for one in played.sink.traces():
        said = " ".join([one.message, *one.properties.values()])
        assert "://" not in said
        assert "@" not in said
        for what, secret in played.secrets.items():
            assert secret not in said, what
    for metric in played.sink.metrics():
        if metric.name.startswith("watch."):
            said = " ".join(metric.properties.values())
            assert not any(secret in said for secret in played.secrets.values())
            assert "://" not in said
            assert "@" not in said
            # No id, no date: the only digits are those of a status.
            assert not re.search(r"\d", re.sub(r"\b([2-5]xx|429)\b", "", said)), said
