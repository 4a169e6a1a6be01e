"""How delivery suffers: slow endpoints, paused subscriptions, lost and late notifications, over HTTP."""

import asyncio
import time

import msgspec
import pytest

from sandbox.graph import operations as ops
from sandbox.graph.control import Control
from sandbox.graph.endpoints import Endpoints
from sandbox.graph.rates import Rates
from sandbox.waiting import until
from tests.sandbox.graph.calls import Calls, Endpoint
from tests.sandbox.graph.test_sandbox_delta import people

RATES = Rates(answers_to_judge=10, slow_sample=10)
HOOK, LIFECYCLE, OTHER = "https://a.example/hook", "https://a.example/lifecycle", "https://b.example/hook"
WINDOW = 600.0


def _answers(endpoints: Endpoints, at: float, *seconds: float) -> None:
    for took in seconds:
        endpoints.answered(HOOK, at, took, RATES)


def _fates(endpoints: Endpoints, url: str, at: float, count: int) -> list[str]:
    return [endpoints.admit(url, at, RATES) for _ in range(count)]


async def _change(calls: Calls, control: Control, count: int) -> list[str]:
    changed = people(calls, count)
    for user_id in changed:
        await control.do(ops.UpdateUser(id=user_id, display_name="Anew"))
    return changed


# --- slow and dropped endpoints -----------------------------------------------------------------------------


def test_a_tenth_of_the_answers_may_be_slow_and_more_delay_everything_new_for_ten_minutes() -> None:
    endpoints = Endpoints()
    _answers(endpoints, 0.0, *[0.1] * 9, 3.0)
    assert _fates(endpoints, HOOK, 1.0, 5) == ["now"] * 5
    _answers(endpoints, 2.0, 3.0)
    fates = _fates(endpoints, HOOK, 3.0, 20)
    assert (fates.count("late"), fates.count("now")) == (18, 2)
    assert "late" in _fates(endpoints, LIFECYCLE, 4.0, 10)
    assert _fates(endpoints, OTHER, 4.0, 3) == ["now"] * 3
    _answers(endpoints, 5.0, 0.1, 0.1)
    assert "late" in _fates(endpoints, HOOK, 2.0 + WINDOW - 1, 10)
    assert _fates(endpoints, HOOK, 2.0 + WINDOW, 3) == ["now"] * 3


def test_an_endpoint_that_is_still_slow_after_ten_minutes_stays_delayed() -> None:
    endpoints = Endpoints()
    _answers(endpoints, 0.0, *[4.0] * 10)
    assert "late" in _fates(endpoints, HOOK, 1.0, 10)
    _answers(endpoints, 2.0, 4.0, 0.1)
    assert "late" in _fates(endpoints, HOOK, WINDOW, 10)
    assert endpoints.modes == {"a.example": "slow"}


def test_answers_of_more_than_ten_minutes_ago_and_too_few_of_them_say_nothing() -> None:
    endpoints = Endpoints()
    _answers(endpoints, 0.0, *[4.0] * 9)
    assert endpoints.modes == {"a.example": "well"}
    _answers(endpoints, WINDOW, *[0.1] * 9, 4.0)
    assert endpoints.modes == {"a.example": "well"}


def test_more_than_fifteen_percent_beyond_the_retry_time_out_drop_what_is_new_and_then_it_is_probed() -> None:
    endpoints = Endpoints()
    patient = msgspec.structs.replace(RATES, slow_share=1.0)
    for took in [*[0.1] * 17, *[10.0] * 3]:
        endpoints.answered(HOOK, 0.0, took, patient)
    assert endpoints.modes == {"a.example": "well"}
    endpoints.answered(HOOK, 1.0, 10.0, patient)
    assert endpoints.modes == {"a.example": "drop"}
    assert _fates(endpoints, HOOK, 2.0, 20) == ["never"] * 20
    assert _fates(endpoints, LIFECYCLE, 3.0, 1) == ["never"]
    assert _fates(endpoints, HOOK, 1.0 + WINDOW, 3) == ["now", "never", "never"]
    _answers(endpoints, 2.0 + WINDOW, 10.0)
    assert _fates(endpoints, HOOK, 3.0 + WINDOW, 3) == ["never"] * 3
    assert _fates(endpoints, HOOK, 2.0 + 2 * WINDOW, 1) == ["now"]
    _answers(endpoints, 3.0 + 2 * WINDOW, 2.0)
    assert _fates(endpoints, HOOK, 4.0 + 2 * WINDOW, 3) == ["now"] * 3


def test_a_probe_that_finds_nobody_is_followed_by_another() -> None:
    endpoints = Endpoints()
    _answers(endpoints, 0.0, *[10.0] * 10)
    assert _fates(endpoints, HOOK, WINDOW, 2) == ["now", "never"]
    endpoints.unreachable(HOOK)
    assert _fates(endpoints, HOOK, WINDOW, 1) == ["now"]


async def test_a_slow_endpoint_gets_its_notifications_late_and_they_do_arrive(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    await control.set_rates(
        first_timeout=0.05, retry_timeout=5.0, answers_to_judge=5, slow_delay=0.5, items_per_post=1
    )
    endpoint.seconds = 0.1
    await _change(calls, control, 6)
    assert await control.settle()
    assert list((await control.state())["endpoints"].values()) == ["slow"]
    # On a busy machine an answer may be late all the same, and the notification come twice.
    await control.set_rates(first_timeout=5.0)
    endpoint.seconds, before, begun = 0.0, len(endpoint.calls), time.monotonic()
    await _change(calls, control, 10)
    assert await control.settle()
    waited = [at - begun for at in endpoint.arrived[before:]]
    assert len(waited) == 10
    # On a busy machine even the sample may take so long.
    assert sum(seconds >= 0.5 for seconds in waited) >= 9
    assert (await control.state())["deliveries"]["delayed"] == 9


async def test_what_an_endpoint_would_not_take_in_time_is_dropped_for_good(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    await control.set_rates(
        first_timeout=0.02,
        retry_timeout=0.03,
        retry_horizon=0.2,
        answers_to_judge=3,
        items_per_post=1,
        delivery_window=4.0,
    )
    endpoint.seconds = 0.2
    await _change(calls, control, 3)
    assert await control.settle()
    endpoint.seconds, before = 0.0, len(endpoint.calls)
    await _change(calls, control, 4)
    assert await control.settle()
    assert len(endpoint.calls) == before
    assert (await control.state())["deliveries"]["dropped"] == 4

    async def delivered() -> int:
        await _change(calls, control, 1)
        assert await control.settle()
        return len(endpoint.calls) - before

    assert await until("a probe is let through", delivered, 20)
    assert list((await control.state())["endpoints"].values()) == ["well"]


# --- loss and lateness --------------------------------------------------------------------------------------


async def test_notifications_about_users_and_groups_are_lost_at_rates_of_their_own(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    await calls.subscribe(endpoint.url, resource="groups")
    await control.set_rates(user_loss_rate=1.0)
    await _change(calls, control, 3)
    group, member = calls.graph.world.cast["group_emergency"], people(calls, 1)[0]
    await control.add_members(group, member)
    assert await control.settle()
    assert endpoint.told == [group]
    await control.set_rates(user_loss_rate=0.0, group_loss_rate=1.0)
    await control.remove_members(group, member)
    await _change(calls, control, 1)
    assert await control.settle()
    assert endpoint.told == [group, member]


async def test_some_notifications_come_late(calls: Calls, control: Control, endpoint: Endpoint) -> None:
    await calls.subscribe(endpoint.url)
    await control.set_rates(late_rate=1.0, late_by=(0.3, 0.4))
    begun = time.monotonic()
    changed = await _change(calls, control, 2)
    assert await control.settle()
    assert sorted(endpoint.told) == changed
    assert min(endpoint.arrived) - begun >= 0.3
    assert (await control.state())["deliveries"]["late"] == 2


# --- paused subscriptions -----------------------------------------------------------------------------------


async def _again(calls: Calls, how: str, held: str) -> int:
    if how == "reauthorize":
        return (await calls.send("POST", f"/subscriptions/{held}/reauthorize")).status
    expiry = (await calls.get(f"/subscriptions/{held}")).body["expirationDateTime"]
    body = {"expirationDateTime": expiry}
    return (await calls.send("PATCH", f"/subscriptions/{held}", body)).status


@pytest.mark.parametrize("how", ["patch", "reauthorize"])
@pytest.mark.parametrize("lost", [True, False])
async def test_with_an_expired_token_delivery_pauses_and_what_happened_is_sent_later_or_lost(
    calls: Calls, control: Control, endpoint: Endpoint, how: str, lost: bool
) -> None:
    await control.set_rates(paused_are_lost=lost)
    held = (await calls.subscribe(endpoint.url)).body["id"]
    await control.pause_subscription(held)
    (changed,) = await _change(calls, control, 1)
    assert await control.settle()
    (reminder,) = endpoint.items
    assert reminder["lifecycleEvent"] == "reauthorizationRequired"
    assert (await control.state())["subscriptions"][0]["authorized"] is False
    assert await _again(calls, how, held) in (200, 204)
    assert await control.settle()
    assert [item["resourceData"]["id"] for item in endpoint.items[1:]] == ([] if lost else [changed])
    await _change(calls, control, 1)
    assert await control.settle()
    assert len(endpoint.items) == (2 if lost else 3)


async def test_what_waits_longer_than_the_horizon_for_an_authorization_is_discarded(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await control.set_rates(retry_horizon=0.1)
    held = (await calls.subscribe(endpoint.url)).body["id"]
    await control.pause_subscription(held)
    await _change(calls, control, 1)
    await asyncio.sleep(0.3)
    await _again(calls, "patch", held)
    assert await control.settle()
    assert len(endpoint.items) == 1
    assert (await control.state())["deliveries"]["discarded"] == 1


@pytest.mark.parametrize("resumes", [True, False])
async def test_a_revoked_permission_pauses_its_subscriptions_and_asks_for_authorization(
    calls: Calls, control: Control, endpoint: Endpoint, resumes: bool
) -> None:
    await control.set_rates(grant_resumes=resumes)
    users = (await calls.subscribe(endpoint.url)).body["id"]
    groups = (await calls.subscribe(endpoint.url, resource="groups")).body["id"]
    roles = calls.graph.world.roles
    await control.set_roles(*(roles - {"Group.Read.All"}))
    await control.add_members(calls.graph.world.cast["group_emergency"], people(calls, 1)[0])
    await _change(calls, control, 1)
    assert await control.settle()
    told = [(item["subscriptionId"], item.get("lifecycleEvent")) for item in endpoint.items]
    assert sorted(told, key=str) == sorted([(groups, "reauthorizationRequired"), (users, None)], key=str)
    body = {"expirationDateTime": "2099-01-01T00:00:00Z"}
    assert (await calls.send("PATCH", f"/subscriptions/{groups}", body)).status == 403
    await control.set_roles(*roles)
    assert await control.settle()
    assert len(endpoint.items) == (3 if resumes else 2)
    assert await _again(calls, "patch", groups) == 200
    assert await control.settle()
    assert endpoint.items[2]["resource"].startswith("Groups/")


async def test_before_it_expires_a_subscription_asks_for_authorization_again_and_again(
    calls: Calls, control: Control, endpoint: Endpoint
) -> None:
    await calls.subscribe(endpoint.url)
    await asyncio.sleep(0.1)
    assert endpoint.items == []
    await control.set_rates(reauthorize_ahead=2 * 3600.0, reauthorize_every=0.2)

    async def reminders() -> bool:
        return len(endpoint.items) > 2

    assert await until("it is asked for", reminders, 5)
    assert {item["lifecycleEvent"] for item in endpoint.items} == {"reauthorizationRequired"}
