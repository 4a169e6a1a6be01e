"""The scenes of the demo in which the watch tells little: an exception, a mass change, a digest."""

import asyncio
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.demo.play import SILENCE, Play, Unexpected, expect, sku
from sandbox.graph import skus
from shared.notify.deciding import brake
from shared.notify.saying.commands import ADMIN

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OVER = 15
"""So many more users than the brake lets pass."""


async def an_exception_is_added(play: Play) -> None:
    """The command that the card printed is run as it stands; what comes then is told to nobody."""
    user = play.stage.world.cast["synced_with_ems"]
    play.scene(8, "An exception is added")
    play.say("The user leaves within the month. The last card printed the command that agrees to it.")
    words = shlex.split(_printed(play.stage.teams.cards[play.shown - 1].card))[3:]
    for option, text in (("--owner", "Grace Hopper"), ("--reason", "Leaves within the month, ticket 4711")):
        words[words.index(option) + 1] = text
    agreed = (await play.command(words)).removeprefix("Agreed as ").partition(":")[0]
    listed = await play.command(["exception", "list"])
    expect([word for word in listed.split() if word == agreed], [agreed])
    before = len(await play.lines(user))
    play.say(f"The user loses {sku(skus.O365_E3)} too: worse than what was told, and so it would be news.")
    await play.stage.control.unassign(user, skus.O365_E3)
    await play.no_card(SILENCE)
    lines = await play.show_lines(user, after=before)
    expect([(line.transition, line.state) for line in lines[before:]], [("changed", "uncovered")])
    [why] = [line.reason for line in await play.trail(lines[-1].finding) if line.event == "silent"]
    expect(why, f"excepted:{agreed}")
    play.check(f"the journal goes on, nothing is told; and it is written down why: {why}")


def _printed(card: Mapping[str, Any]) -> str:
    """The command for an exception on a card. Raises `Unexpected` if there is none."""
    for element in card["body"]:
        if str(element.get("text", "")).startswith(f"{ADMIN} exception add "):
            return str(element["text"])
    raise Unexpected("the last card prints no command for an exception")


async def a_mass_change(play: Play) -> None:
    """More users than the brake lets pass lose a licence: one card that it is held, one once it is sure."""
    control, world = play.stage.control, play.stage.world
    group = world.cast["group_m365_e3"]
    limit = brake.limit(len(world.users))
    play.scene(9, "A mass change")
    members = (await control.group(group))["members"][: limit + OVER]
    play.say(
        f"A script takes {len(members)} users out of the group that assigns {sku(skus.M365_E3)}: more than "
        f"{limit}, so it may as well be a fault."
    )
    await control.remove_members(group, *members)
    await play.card("got worse at once: held until it is sure", sku(skus.M365_E3), last=False)
    play.say("The notifier has ordered a second reading of every user.")
    await play.card("Confirmed:", "got worse at once", "A second reading of all users found the same")
    play.check(
        f"{len(members)} users, two cards: that it is held, and what is so; none if they had come back"
    )


async def the_digest(play: Play) -> None:
    """The digest comes on schedule; the app is started anew, with a time for it that has just passed."""
    stage = play.stage
    due = stage.teams.cards[0].at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    at = f"{WEEKDAYS[due.weekday()]} {due:%H:%M}"
    play.scene(10, "The digest")
    play.say(f"It comes once a week, Mondays at 8:00. Here the app is started anew with DIGEST_AT={at}.")
    await stage.restart_host({"DIGEST_AT": at})
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
    await play.card("Digest:", "The next digest is due on", "Grace Hopper")
    play.check("how things stand, what is not told and why; if it does not come, something is broken")
    play.check("the restart repeated nothing: what was told is remembered")
