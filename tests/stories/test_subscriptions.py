"""An administrator has the app delete its Graph subscriptions, and make them again: shell, queue, Graph."""

import asyncio
import shlex

import pytest

from admin.words import say
from tests.admin.shell import Answer, Shell
from tests.stories.theatre import Theatre, theatre

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


async def typed(play: Theatre, *words: str) -> Answer:
    """What `python -m admin subscriptions` answers with these words, in a process of its own."""
    shell = Shell(play.stage.storage)
    shell.environ["TENANT_ID"] = play.stage.environment["TENANT_ID"]
    return await asyncio.to_thread(shell.run, "subscriptions", *words)


def example(command: str) -> list[str]:
    """The help's example of a command, without what stands before its own words."""
    return shlex.split(say("examples", f"subscriptions-{command}"))[4:]


async def resources(play: Theatre) -> list[str]:
    """What Graph's own subscriptions are on."""
    return sorted(one["resource"] for one in (await play.stage.control.state())["subscriptions"])


async def test_after_delete_there_is_none_until_create_is_asked_for(storage_account: str) -> None:
    async with theatre(storage_account) as play:
        await play.baseline()
        shown = await typed(play, *example("show"))
        assert (shown.code, shown.err) == (0, "")
        assert [line.partition(":")[0] for line in shown.out.splitlines()] == ["users", "groups"]
        assert await resources(play) == ["groups", "users"]

        gone = await typed(play, *example("delete"))
        assert (gone.code, gone.err) == (0, "")
        assert gone.out.splitlines()[-1] == say("subscriptions", "done", "delete")
        assert await resources(play) == []
        # The timer comes round every five seconds here.
        await asyncio.sleep(11)
        assert await resources(play) == []
        shown = await typed(play, *example("show"))
        assert shown.code == 0
        assert "python -m admin subscriptions create" in shown.out

        again = await typed(play, *example("create"))
        assert (again.code, again.err) == (0, "")
        assert again.out.splitlines()[-1] == say("subscriptions", "done", "create")
        assert await resources(play) == ["groups", "users"]

        await play.stage.host.stop()
        late = await typed(play, "delete", "--wait", "2")
        assert late.code == 1
        assert late.err.strip() == say("subscriptions", "late", n=2)
        assert await resources(play) == ["groups", "users"]
