"""Receivers that fail as they are told to, and note what they kept all the same."""

from collections import deque

import aiohttp

from sandbox.misfortune import Misfortune
from sandbox.teams import TeamsSink
from sandbox.webhook import WebhookSink
from tests.sandbox.host.test_teams_sink import CARD, message


async def post(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """The status, 0 where there is no answer, and Retry-After."""
    try:
        async with session.post(url, json=message(CARD)) as answer:
            return answer.status, answer.headers.get("Retry-After", "")
    except (aiohttp.ClientError, TimeoutError):
        return 0, ""


async def test_a_card_is_refused_or_kept_without_an_answer_as_luck_has_it() -> None:
    fates: deque[Misfortune | None] = deque(
        [
            Misfortune("429", 429, retry_after="2"),
            Misfortune("500, and taken", 500, taken=True),
            Misfortune("answer lost", taken=True),
            Misfortune("hung, and taken", taken=True, seconds=0.2),
            None,
        ]
    )
    async with TeamsSink(posting_delay=0.0) as teams, aiohttp.ClientSession() as session:
        teams.luck = fates.popleft
        answers = [await post(session, teams.url) for _ in range(5)]
        await teams.wait_for(4)
    assert answers == [(429, "2"), (500, ""), (0, ""), (0, ""), (202, "")]
    assert [one.taken for one in teams.attempts] == [False, True, True, True, True]
    assert [one.ambiguous for one in teams.attempts] == [False, True, True, True, False]


async def test_what_a_receiver_would_not_have_taken_is_not_taken_by_misfortune_either() -> None:
    async with WebhookSink() as tickets, aiohttp.ClientSession() as session:
        tickets.luck = lambda: Misfortune("500, and taken", 500, taken=True)
        assert (await post(session, tickets.url))[0] == 500
    assert [one.taken for one in tickets.attempts] == [False]
    assert tickets.received == []
