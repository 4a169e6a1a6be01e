"""The endpoint under a consumer that cannot keep up: how calls are timed, and a short measurement."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from benchmarks import slow_chart
from benchmarks.slow_consumer import kept, table
from benchmarks.slow_curve import curve, within
from benchmarks.slow_driver import Answered, Plan, drive
from benchmarks.slow_run import Run, judged, run


def _answers(*seconds: float, status: int = 202) -> list[Answered]:
    return [Answered(1, 0.0, one, status) for one in seconds]


def test_a_share_is_the_time_of_a_call_that_was_made_and_nothing_in_between() -> None:
    ordered = [float(number) for number in range(1, 1001)]
    assert [within(ordered, share) for share in (500, 900, 990, 999, 1000)] == [500, 900, 990, 999, 1000]
    assert within([7.0], 500) == 7.0
    with pytest.raises(ValueError, match="no calls"):
        curve([])


def test_in_time_is_who_was_told_so_in_less_than_three_seconds() -> None:
    found = curve(
        [*_answers(0.1, 2.999), *_answers(3.0), *_answers(0.1, status=500), *_answers(30, status=0)]
    )
    assert found.in_time == 0.4
    assert (found.refused, found.worst) == (2, 30)


@contextlib.asynccontextmanager
async def _endpoint(held_up: float) -> AsyncIterator[str]:
    """Answers one call after the other; the first one after so many seconds."""
    lock, first = asyncio.Lock(), [held_up]

    async def answer(request: web.Request) -> web.Response:
        async with lock:
            await asyncio.sleep(first.pop() if first else 0)
        return web.Response(status=202 if (await request.json())["value"] else 400)

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_who_waits_behind_a_slow_call_counts_as_slow_too() -> None:
    async with _endpoint(held_up=1.0) as url:
        plan = Plan(url=url, items=['{"id": 1}', '{"id": 2}'], calls=40, rate=40, mix=[(1, 0.5), (3, 0.5)])
        answers = await drive(plan)
    assert {one.status for one in answers} == {202}
    assert {one.size for one in answers} == {1, 3}
    # In the second that the first was held up forty were due: each waited for what was left of it.
    waited = sorted(one.seconds for one in answers)
    assert waited[-1] >= 1.0
    assert sum(waited) >= 0.8 * sum(1.0 - number / 40 for number in range(40))


async def test_a_call_that_nobody_answers_is_no_answer_in_time() -> None:
    plan = Plan(url="http://127.0.0.1:9/", items=["{}"], calls=2, rate=1000, mix=[(1, 1.0)])
    answers = await drive(plan)
    assert [one.status for one in answers] == [0, 0]
    assert curve(answers).in_time == 0


@pytest.mark.parametrize(
    ("seconds", "mode"),
    [([0.1] * 300, "well"), ([0.1] * 260 + [3.5] * 40, "slow"), ([0.1] * 200 + [10.0] * 200, "drop")],
)
def test_the_endpoint_is_treated_as_the_simulator_treats_it(seconds: list[float], mode: str) -> None:
    assert judged(_answers(*seconds), rate=30) == mode


def test_the_table_and_the_chart_say_what_was_measured() -> None:
    answers = _answers(*[0.02] * 9990, *[2.5] * 9, 3.5)
    cpu = {"http": 0.2, "evaluate": 0.9, "whole machine": 1.75}
    shown = table({"split": Run(answers, 333.0, 412.4, 0.996, cpu, list(range(1000)), ("well", "slow"))})
    for row in (
        "| 99.9 % | 20 ms |",
        "| the slowest | 3,500 ms |",
        "| calls in the time that Graph grants (3 s) | 99.99 % |",
        "| the function and its writes to the queue alone, 99.9 % | 998 ms |",
        "| looks at the queue that found messages waiting | 99.6 % |",
        "| Graph treats the endpoint as | slow and well |",
        "| cores at work | evaluate 0.90, http 0.20, everything else on the machine 0.65 |",
    ):
        assert row in shown
    drawn = slow_chart.drawn({"split": answers})
    assert drawn == slow_chart.drawn({"split": answers})
    assert "<script" not in drawn
    assert "99.9 %" in drawn
    assert drawn.count("http") == 1  # the name of SVG itself


@pytest.mark.parametrize(
    ("slow", "full", "holds"), [(1, 1.0, True), (2, 1.0, False), (0, 0.99, True), (0, 0.98, False)]
)
def test_answers_in_time_count_only_where_evaluation_did_not_keep_up(
    slow: int, full: float, holds: bool
) -> None:
    answers = _answers(*[0.02] * (1000 - slow), *[3.5] * slow)
    assert kept(Run(answers, 33.0, 97.0, full, {}, [], ("well", "well"))) is holds


@pytest.mark.real
async def test_graph_gets_its_answer_in_time_while_evaluation_has_more_to_do_than_it_can() -> None:
    # With fewer users than messages name at a time a fast machine has read them all before the next look.
    found = await run(100, 20.0, split=True, users=3000, warm=2.0)
    assert {one.status for one in found.answers} == {202}
    # More than a tenth over 3 s is what Graph calls slow; `make slow-consumer` asks for 99.9 %.
    assert curve(found.answers).p90 < 3
    assert set(found.modes) <= {"well", "unheard"}
    assert found.full > 0.5
    assert found.looked_at > 0
    assert len(found.inside) >= 100
    assert {"http", "evaluate", "storage", "driver"} <= found.cpu.keys()
