"""Bad weather before storage never says what Azure would not say."""

from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from sandbox.storage_proxy import Asked, Reply
from tests.soak.storage_front import Meddling, Weather

CREATE = Asked("Blob", "PUT", "alerts/t/e/0000/0000000001.ndjson", {"If-None-Match": "*"})
REPLACE = Asked("Blob", "PUT", "ledger/t/e/users/0000", {"If-Match": '"0x1"'})
LEASE = Asked("Blob", "PUT", "ledger/t/locks/telling?comp=lease", {"x-ms-lease-action": "acquire"})
RENEWAL = Asked("Blob", "PUT", "ledger/t/locks/telling?comp=lease", {"x-ms-lease-action": "renew"})
SEND = Asked("Queue", "POST", "changed-users/messages", {})


def befallen(asked: Asked, seed: int) -> set[str]:
    meddling = Meddling()
    meddling.change(Weather(refuse=0.15, stale=0.15, taken=0.15, lose=0.15, hang=0.15, seed=seed))
    drawn = [meddling(asked) for _ in range(300)]
    names = {one.name for one in drawn if one is not None}
    assert sum(meddling.counts.values()) == sum(one is not None for one in drawn)
    return names


@given(st.integers(0, 1000))
def test_exists_already_and_changed_meanwhile_are_said_only_where_others_could_have_been(seed: int) -> None:
    always = {"refuse", "lose"}
    assert befallen(CREATE, seed) == always | {"hang"}
    assert befallen(REPLACE, seed) == always | {"hang", "stale"}
    assert befallen(LEASE, seed) == always | {"hang", "taken"}
    assert befallen(RENEWAL, seed) == always | {"hang"}
    assert befallen(SEND, seed) == always


async def test_the_time_goes_forward_by_every_answer_and_counts_as_no_fault() -> None:
    async def forward() -> Reply:
        return Reply(200, CIMultiDict({"Date": "Mon, 23 Nov 2026 12:00:00 GMT"}), b"")

    meddling = Meddling()
    meddling.change(Weather(ahead=3600.0))
    for asked in (CREATE, SEND):
        rule = meddling(asked)
        assert rule is not None
        reply = await rule.act(forward)
        assert reply is not None
        assert reply.headers["Date"] == "Mon, 23 Nov 2026 13:00:00 GMT"
    assert not meddling.counts


def test_in_good_weather_every_request_passes() -> None:
    assert not any(Meddling()(one) for one in (CREATE, REPLACE, LEASE, RENEWAL, SEND))
