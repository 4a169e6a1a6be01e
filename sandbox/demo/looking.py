"""The scene of the demo in which an administrator looks and asks: the report, and why a user is flagged."""

from pathlib import Path

import aiohttp

from sandbox.demo.play import Play, Unexpected
from sandbox.stage import APP

NOT_COVERED = 3
"""What `explain` ends with for a user who is not covered."""


async def an_administrator_looks(play: Play, folder: Path) -> None:
    """The report is saved as a page to open, and one user's verdict is explained."""
    play.scene(11, "An administrator looks, and asks")
    page = await _report(play, "report")
    kept = folder / "report.html"
    kept.write_text(page, encoding="utf-8")
    table = await _report(play, "report.csv")
    (folder / "report.csv").write_text(table, encoding="utf-8", newline="")
    (folder / "report.json").write_text(await _report(play, "report.json"), encoding="utf-8")
    if "<title>" not in page or table.count("\r\n") < 2:
        raise Unexpected("the report is empty")
    play.check(f"the report: {kept.relative_to(APP)}, open it in a browser; as CSV and JSON beside it")
    play.say("Why is that user flagged, whose exception was agreed?")
    user = play.stage.world.cast["synced_with_ems"]
    await play.command(["explain", user, "--ledger"], ends=NOT_COVERED)


async def _report(play: Play, form: str) -> str:
    """What the app answers to whoever may see it. Raises `Unexpected` if it doesn't, or answers anyone."""
    address = f"{play.stage.host.url}/api/{form}"
    async with aiohttp.ClientSession(trust_env=False) as session:
        async with session.get(address) as answer:
            if answer.status != 401:
                raise Unexpected(f"{form} answers {answer.status} to somebody who did not sign in")
        headers = {"x-watch-key": play.stage.environment["LOCAL_KEY"]}
        async with session.get(address, headers=headers) as answer:
            text = await answer.text(encoding="utf-8")
            if answer.status != 200:
                raise Unexpected(f"{form}: {answer.status}: {text[:200]}")
            return text
