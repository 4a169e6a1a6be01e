"""Every answer of storage says what time it is, tries that fail and queues included."""

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.storage_proxy import Match, StorageProxy
from shared.clocks import StorageClock
from shared.storage import Storage, StorageSettings

pytestmark = pytest.mark.real


class Ahead(StorageClock):
    """The clock of a machine that is four minutes ahead."""

    def own(self) -> datetime:
        return super().own() + timedelta(minutes=4)


async def test_the_first_answer_of_a_blob_or_a_queue_tells_the_time(
    storage: Storage, storage_account: str
) -> None:
    for asks in ("blob", "queue"):
        clock = Ahead()
        there = Storage.connect(StorageSettings(connection_string=storage_account), clock=clock)
        assert _off(clock) > timedelta(minutes=3)
        try:
            await (there.ledger.read("nothing") if asks == "blob" else there.sweeps.length())
        finally:
            await there.close()
        assert _off(clock) < timedelta(seconds=3), asks


async def test_a_request_that_is_tried_again_tells_the_time_of_its_last_try(
    storage: Storage, proxy: StorageProxy
) -> None:
    proxy.answer(Match("GET", "^ledger/nothing", nth=1), 503)
    clock = Ahead()
    there = Storage.connect(StorageSettings(connection_string=proxy.connection_string), clock=clock)
    try:
        await there.ledger.read("nothing")
    finally:
        await there.close()
    assert len(proxy.seen("GET", "^ledger/nothing")) == 2
    assert _off(clock) < timedelta(seconds=3)


def _off(clock: StorageClock) -> timedelta:
    return abs(clock.now() - datetime.now(UTC))
