"""The live host's queue triggers on a real Azurite: retries, poison, invisibility."""

import asyncio
import json

import pytest

from sandbox.host.live import LiveHost
from tests.sandbox.host.support import PARCELS, Queues, eventually

pytestmark = pytest.mark.real


def host(settings: dict[str, str], lease: int = 600) -> LiveHost:
    return LiveHost(PARCELS, 0, {"handle"}, environ=settings, lease=lease)


async def test_a_message_is_handed_over_decoded_with_its_metadata_and_deleted_on_success(
    settings: dict[str, str], queues: Queues
) -> None:
    await queues.send("parcels", "Päckchen")
    async with host(settings):
        handled = json.loads((await queues.wait_for("handled", bool))[0])
        assert (handled["text"], handled["tries"]) == ("Päckchen", 1)
        assert handled["id"] != "0"
        assert handled["inserted"].startswith("20")
        await eventually(lambda: queues.is_empty("parcels"))


async def test_a_queue_that_nobody_has_written_to_yet_is_waited_for(
    settings: dict[str, str], queues: Queues
) -> None:
    async with host(settings):
        await asyncio.sleep(0.2)
        await queues.send("parcels", "late")
        assert "late" in (await queues.wait_for("handled", bool))[0]


async def test_a_failed_message_is_tried_again_with_a_higher_dequeue_count(
    settings: dict[str, str], queues: Queues
) -> None:
    await queues.send("parcels", "twice")
    async with host(settings):
        handled = json.loads((await queues.wait_for("handled", bool))[0])
    assert handled["tries"] == 2
    assert await queues.texts("parcels-poison") == []


async def test_a_message_that_always_fails_goes_to_poison_after_max_dequeue_count_tries(
    settings: dict[str, str], queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="sandbox.host")
    await queues.send("parcels", "fail always")
    async with host(settings):
        assert await queues.wait_for("parcels-poison", bool) == ["fail always"]
        await eventually(lambda: queues.is_empty("parcels"))
    tries = [r for r in caplog.messages if r.startswith("Executed 'Functions.handle' (Failed")]
    assert len(tries) == 3  # maxDequeueCount of the app's host.json
    assert await queues.texts("handled") == []
    assert not any("fail always" in message for message in caplog.messages)


async def test_a_message_that_is_not_base64_goes_to_poison_as_it_is(
    settings: dict[str, str], queues: Queues
) -> None:
    await queues.send_raw("parcels", "{not base64}")
    async with host(settings):
        assert await queues.wait_for("parcels-poison", bool) == ["{not base64}"]
        await eventually(lambda: queues.is_empty("parcels"))


async def test_a_long_run_keeps_its_message_invisible_beyond_the_lease(
    settings: dict[str, str], queues: Queues
) -> None:
    await queues.send("parcels", "slow:2.5")
    async with host(settings, lease=1):
        handled = await queues.wait_for("handled", bool)
        assert json.loads(handled[0])["tries"] == 1
        await eventually(lambda: queues.is_empty("parcels"))
    assert len(handled) == 1


async def test_many_messages_are_worked_on_at_once_up_to_batch_size_plus_threshold(
    settings: dict[str, str], queues: Queues, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="sandbox.host")
    await asyncio.gather(*(queues.send("parcels", f"slow:0.{3 + n % 3}") for n in range(12)))
    async with host(settings):
        await queues.wait_for("handled", lambda texts: len(texts) == 12)
    running = most = 0
    for message in caplog.messages:
        running += message.startswith("Executing '") - message.startswith("Executed '")
        most = max(most, running)
    assert 4 <= most <= 6  # batchSize 4 + newBatchThreshold 2


async def test_stopping_lets_a_running_function_finish_and_takes_nothing_new(
    settings: dict[str, str], queues: Queues
) -> None:
    await queues.send("parcels", "slow:0.6")
    async with host(settings):
        await eventually(lambda: hidden(queues))
    assert "slow" in (await queues.texts("handled"))[0]
    assert await queues.is_empty("parcels")


async def hidden(queues: Queues) -> bool:
    return not await queues.texts("parcels") and not await queues.is_empty("parcels")
