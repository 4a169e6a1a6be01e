"""The scenes of the demo in which the watch sees and tells. Each says what it does, and checks what came."""

import asyncio
import json
from typing import Any

import aiohttp

from sandbox.demo.play import SILENCE, Play, expect, sku
from sandbox.graph import skus


async def the_tenant_is_read_once(play: Play) -> None:
    """The first reading of all users ends in one card, whatever it found."""
    world = play.stage.world
    play.scene(1, "The tenant is read once")
    tenant = world.organization.display_name
    play.say(f"{tenant}: {len(world.users):,} accounts, cloud and synced, password writeback on.")
    play.say("The app reads SKUs, the registration report and every user. Whatever it finds: one card.")
    play.say("Waiting times are seconds here; by default a finding must last 15 minutes before you are told.")
    await play.card("first reading")
    ended = await play.until("the baseline is in the ledger", lambda: _baseline(play))
    play.check(f"{ended.sweep.users:,} users read; one card, not one for each user")


async def _baseline(play: Play) -> Any:
    record = (await play.ledger.read_tenant()).record
    return record if record.baseline_ended_at else None


async def a_licence_is_taken_away_and_given_back(play: Play) -> None:
    """A synced user loses EMS E3: covered no more where the password is written back."""
    user = play.stage.world.cast["synced_with_ems"]
    ems, e3 = sku(skus.EMS_E3), sku(skus.O365_E3)
    play.scene(2, "A licence is taken away, and given back")
    play.say(f"A synced user holds {e3} and {ems}. An administrator removes {ems}.")
    await play.stage.control.unassign(user, skus.EMS_E3)
    await play.card("S5", "S7", "writeback", "seats free")
    lines = await play.show_lines(user)
    expect([line.transition for line in lines], ["opened"])
    play.check("Office 365 alone does not carry password writeback: told once, with rule and remedy")
    play.say(f"The administrator gives {ems} back.")
    await play.stage.control.assign(user, skus.EMS_E3)
    await play.card("Fixed")
    lines = await play.show_lines(user, after=1)
    expect([line.transition for line in lines], ["opened", "resolved"])
    play.check("fixed, and told to whoever was told that it was broken")


async def a_group_runs_out_of_seats(play: Play) -> None:
    """Group licensing fails for some members: one card for the group, none for its members."""
    control = play.stage.control
    ems = sku(skus.EMS_E3)
    play.scene(3, "A group runs out of seats")
    play.say(f"Six new colleagues join a group that assigns {ems}; only two seats are left.")
    await control.set_free_seats(skus.EMS_E3, 2)
    newcomers = [
        await control.add_user(name, synced=True)
        for name in ("Ada Brandt", "Bram de Wit", "Carla Neri", "Dilan Aksoy", "Elin Berg", "Femi Okoro")
    ]
    group = await control.add_licensing_group("Field engineers", [skus.EMS_E3], newcomers)
    await play.card("Field engineers", "Enterprise Mobility + Security E3", "eats")
    await play.no_card(SILENCE)
    await play.show_lines(group)
    for user in newcomers:
        await play.show_lines(user)
    states = [await play.state_of(user) for user in newcomers]
    play.check(
        f"{states.count('covered')} members covered, {states.count('uncovered')} not: the ledger knows each, "
        "people hear of the group"
    )
    expect(sorted(states), ["covered"] * 2 + ["uncovered"] * 4)


async def a_change_that_matters_to_nobody(play: Play) -> None:
    """A cloud-only user goes from EMS E3 to Office 365 E3, which the page of 2017 accepts."""
    user = play.stage.world.cast["cloud_with_ems"]
    play.scene(4, "A change that matters to nobody")
    play.say(f"A cloud-only user goes from {sku(skus.EMS_E3)} to {sku(skus.O365_E3)}.")
    await play.stage.control.assign(user, skus.O365_E3, remove=[skus.EMS_E3])
    await play.no_card(SILENCE)
    expect(await play.lines(user), [])
    expect(await play.state_of(user), "covered")
    play.check("still covered (S4: any paid Office 365 plan): nothing in the journal, nothing told")


async def a_new_user_is_licensed_in_time(play: Play) -> None:
    """A new user is uncovered for a moment, then licensed by group: known to the journal, told to nobody."""
    control, world = play.stage.control, play.stage.world
    play.scene(5, "A new user is licensed in time")
    play.say("A user is created, and gets Microsoft 365 E3 by group a moment later.")
    await control.set_rates(replication_delay=0.0)
    user = await control.add_user("Gitte Holm", synced=True)
    await play.until("the new user is in the ledger", lambda: play.state_of(user))
    await control.add_members(world.cast["group_m365_e3"], user)
    await play.no_card(SILENCE)
    lines = await play.show_lines(user)
    expect([line.transition for line in lines], ["opened", "resolved"])
    expect(await play.state_of(user), "covered")
    play.check("opened and resolved within the confirm time: people are not told what mends itself")


async def a_forged_notification(play: Play) -> None:
    """A call with a wrong secret is answered 202 like every other, and changes nothing."""
    user = play.stage.world.cast["synced_with_ems"]
    play.scene(6, "A forged notification")
    play.say("Somebody posts a notification with a guessed clientState.")
    before = await play.ledger.user_records([user])
    status = await _post_forged(play, user)
    await asyncio.sleep(3)
    expect(status, 202)
    expect(await play.ledger.user_records([user]), before)
    await play.no_card(0)
    await play.until("the app has counted it", lambda: _counted_as_forged(play))
    # Every reading moves the record's time, whatever it finds.
    play.check("answered 202, counted as forged; no read, no write, no card")


async def _counted_as_forged(play: Play) -> bool:
    return "forged=1" in play.stage.host.log_text()


async def _post_forged(play: Play, user: str) -> int:
    item = {
        "changeType": "updated",
        "clientState": "guessed-" * 5,
        "resource": f"Users/{user}",
        "resourceData": {"@odata.type": "#Microsoft.Graph.User", "id": user},
        "subscriptionId": user,
        "tenantId": play.stage.world.organization.id,
    }
    url, body = f"{play.stage.host.url}/api/graph/notifications", json.dumps({"value": [item]})
    if play.stage.by_event_grid:
        # Whoever may publish to the topic can make one up as well.
        url = await play.stage.events_url()
        body = json.dumps(play.stage.graph.simulator.event_grid.event(item))
    async with aiohttp.ClientSession(trust_env=False) as session, session.post(url, data=body) as answer:
        return answer.status


async def a_notification_is_lost(play: Play) -> None:
    """Nobody tells of a change: the delta query finds it, and says how large the gap was."""
    user = play.stage.world.cast["synced_with_ems"]
    play.scene(7, "A notification is lost")
    play.say(f"The user loses {sku(skus.EMS_E3)} again, and this time Graph tells nobody.")
    await play.stage.control.set_rates(loss_rate=1.0)
    await play.stage.control.unassign(user, skus.EMS_E3)
    await play.card("S5", "S7", "writeback")
    await play.stage.control.set_rates(loss_rate=0.0)
    await play.show_lines(user, after=2)
    gap = await play.until("the gap is measured", lambda: _gap(play, user))
    expect(gap["users"], 1)
    play.check(
        f"found by the delta query: {gap['users']} user changed without a notification, "
        f"{gap['longest_seconds']:.0f} seconds at most from change to verdict"
    )
    play.say("In a tenant delta is asked every 15 minutes; here every 5 seconds. Health shows every gap.")


async def _gap(play: Play, user: str) -> Any:
    delta = (await play.health())["delta"]
    return next((gap for gap in delta.get("gaps", ()) if user in gap["sample"]), None)
