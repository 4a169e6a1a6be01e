"""The Teams sink: what it takes, what it refuses and why, how a card looks as text."""

import copy
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from sandbox.teams import LARGEST_MESSAGE, Refused, TeamsError, TeamsSink, as_text, check_message

Card = dict[str, Any]

CARD: Card = {
    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
    "type": "AdaptiveCard",
    "version": "1.4",
    "msteams": {"width": "full", "entities": []},
    "body": [
        {
            "type": "TextBlock",
            "text": "**2 users** lost cover",
            "weight": "Bolder",
            "color": "Attention",
            "wrap": True,
        },
        {
            "type": "FactSet",
            "facts": [{"title": "Rule", "value": "S5, S7"}, {"title": "Seats", "value": "3 free"}],
        },
        {
            "type": "ColumnSet",
            "separator": True,
            "columns": [
                {"type": "Column", "width": "auto", "items": [{"type": "TextBlock", "text": "left"}]},
                {"type": "Column", "width": "stretch", "items": [{"type": "TextBlock", "text": "right"}]},
            ],
        },
        {"type": "TextBlock", "text": "hidden", "isVisible": False},
    ],
    "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": "https://entra.microsoft.com/"}],
}


def message(card: Any) -> dict[str, Any]:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


@pytest_asyncio.fixture
async def teams() -> AsyncIterator[TeamsSink]:
    async with TeamsSink() as running:
        yield running


async def post(url: str, body: Any) -> tuple[int, str, dict[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=data, headers={"Content-Type": "application/json"}) as answer,
    ):
        return answer.status, await answer.text(), dict(answer.headers)


async def test_a_good_card_is_answered_202_before_it_is_posted(teams: TeamsSink) -> None:
    status, _, _ = await post(teams.url, message(CARD))
    assert status == 202
    assert teams.cards == []
    (posted,) = await teams.wait_for(1)
    assert posted.card == CARD
    assert posted.channel == "watch"
    assert posted.size == len(json.dumps(message(CARD)))


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    made = message(copy.deepcopy(CARD))
    change(made)
    return made


def in_card(change: Callable[[Card], object]) -> dict[str, Any]:
    return changed(lambda made: change(made["attachments"][0]["content"]))


BAD = {
    "not JSON": (b"{", "isn't JSON"),
    "a list": ([], "type"),
    "a bare card": (CARD, 'type "message"'),
    "a text": ({"text": "hello"}, 'type "message"'),
    "no attachment": ({"type": "message", "attachments": []}, "exactly one"),
    "two attachments": (changed(lambda m: m["attachments"].append(m["attachments"][0])), "exactly one"),
    "other content type": (
        changed(lambda m: m["attachments"][0].update(contentType="application/json")),
        "contentType",
    ),
    "contentUrl missing": (changed(lambda m: m["attachments"][0].pop("contentUrl")), "contentUrl"),
    "contentUrl set": (changed(lambda m: m["attachments"][0].update(contentUrl="https://x")), "contentUrl"),
    "content as text": (
        changed(lambda m: m["attachments"][0].update(content=json.dumps(CARD))),
        "AdaptiveCard",
    ),
    "MessageCard": (in_card(lambda c: c.update(type="MessageCard")), "AdaptiveCard"),
    "version 1.5": (in_card(lambda c: c.update(version="1.5")), "1.5"),
    "no version": (in_card(lambda c: c.pop("version")), "version"),
    "a Table": (
        in_card(lambda c: c["body"].append({"type": "Table", "rows": []})),
        "body/4: 'Table' is nothing",
    ),
    "a bad enum": (in_card(lambda c: c["body"][0].update(size="Huge")), "body/0/size: 'Huge' is not one of"),
    "1.5 text style": (
        in_card(lambda c: c["body"][0].update(style="heading")),
        "body/0: .*'style' was unexpected",
    ),
    "text missing": (in_card(lambda c: c["body"][0].pop("text")), "body/0: 'text' is a required"),
    "unknown property": (in_card(lambda c: c.update(bodi=[])), "'bodi' was unexpected"),
    "link without url": (in_card(lambda c: c["actions"][0].pop("url")), "actions/0: 'url' is a required"),
    "Action.Submit": (
        in_card(lambda c: c["actions"].append({"type": "Action.Submit", "title": "x"})),
        "does nothing",
    ),
    "Action.Execute": (
        in_card(lambda c: c["actions"].append({"type": "Action.Execute", "title": "x"})),
        "does nothing",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_message_is_400_with_the_reason_and_kept_as_rejected(teams: TeamsSink, name: str) -> None:
    body, reason = BAD[name]
    status, text, _ = await post(teams.url, body)
    assert status == 400
    (rejected,) = teams.rejected
    assert (rejected.status, rejected.reason) == (400, text)
    with pytest.raises(Refused, match=reason):
        check_message(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert teams.cards == []


async def test_more_than_28_kb_is_413_and_exactly_28_kb_is_taken(teams: TeamsSink) -> None:
    room = LARGEST_MESSAGE - len(json.dumps(message(CARD)).encode())
    fits = in_card(lambda c: c["body"][0].update(text=c["body"][0]["text"] + "x" * room))
    over = in_card(lambda c: c["body"][0].update(text=c["body"][0]["text"] + "x" * (room + 1)))
    assert (await post(teams.url, fits))[0] == 202
    assert (await post(teams.url, over))[0] == 413
    assert [rejected.status for rejected in teams.rejected] == [413]


async def test_errors_and_losses_come_on_demand_and_then_it_takes_cards_again(teams: TeamsSink) -> None:
    teams.answer_next(429, times=2, retry_after="2.5")
    teams.lose_next()
    answers = [await post(teams.url, message(CARD)) for _ in range(4)]
    assert [status for status, _, _ in answers] == [429, 429, 202, 202]
    assert answers[0][2]["Retry-After"] == "2.5"
    await teams.wait_for(1)
    assert len(teams.cards) == 1


async def test_orders_can_be_given_over_http(teams: TeamsSink) -> None:
    assert (await post(f"{teams.base}/control", {"answer": 500}))[0] == 204
    assert (await post(f"{teams.base}/control", {"nonsense": 1}))[0] == 400
    assert (await post(teams.url, message(CARD)))[0] == 500
    assert (await post(teams.url, message(CARD)))[0] == 202


async def test_the_signature_in_the_url_is_the_secret_and_each_flow_has_its_channel(teams: TeamsSink) -> None:
    assert (await post(teams.url.replace("sig=", "sig=wrong"), message(CARD)))[0] == 401
    assert (await post(teams.url_of("helpdesk"), message(CARD)))[0] == 202
    assert (await teams.wait_for(1))[0].channel == "helpdesk"


async def test_cards_and_rejections_are_listed_as_json_and_cards_as_text(teams: TeamsSink) -> None:
    await post(teams.url, message(CARD))
    await post(teams.url, b"{")
    await teams.wait_for(1)
    async with aiohttp.ClientSession(teams.base) as session:
        async with session.get("/cards") as answer:
            kept = await answer.json()
        async with session.get("/") as answer:
            shown = await answer.text()
    assert [each["card"] for each in kept["cards"]] == [CARD]
    assert [each["status"] for each in kept["rejected"]] == [400]
    assert as_text(CARD) in shown


async def test_a_taken_port_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(TeamsError, match=f"port {port} on 127.0.0.1 can't be used"):
            async with TeamsSink(port):
                pass


def test_a_card_is_drawn_as_a_box_with_its_texts_facts_columns_and_links() -> None:
    assert as_text(CARD, width=44).splitlines() == [
        "╭──────────────────────────────────────────╮",
        "│ 2 users lost cover                       │",
        "│ Rule   S5, S7                            │",
        "│ Seats  3 free                            │",
        "│ ──────────────────────────────────────── │",
        "│ left  right                              │",
        "│ [ Open ] https://entra.microsoft.com/    │",
        "╰──────────────────────────────────────────╯",
    ]


def test_colours_are_for_terminals_only() -> None:
    assert "\x1b[" in as_text(CARD, colour=True)
    assert "\x1b[" not in as_text(CARD)


def test_text_in_brackets_is_shown_as_it_is_and_links_with_their_address() -> None:
    card = {
        "body": [{"type": "TextBlock", "text": "[red] [here](https://x.example) :smile: _well_ **done**"}]
    }
    assert "[red] here <https://x.example> :smile: well done" in as_text(card)


def test_columns_of_a_width_in_pixels_stand_one_below_the_other() -> None:
    def row(words: str, number: str, bar: str) -> dict[str, object]:
        columns = zip(
            ("stretch", "72px", "96px"), ({"text": words}, {"text": number}, {"text": bar}), strict=True
        )
        return {
            "type": "ColumnSet",
            "columns": [
                {"type": "Column", "width": width, "items": [{"type": "TextBlock", **item}]}
                for width, item in columns
            ],
        }

    drawn = as_text({"body": [row("users", "1,200", "████████"), row("groups", "2", "█")]}, width=60)
    first, second = drawn.splitlines()[1:-1]
    assert first.index("1,200") == second.index("2")
    assert first.index("████████") == second.index("█")


def test_what_is_to_be_copied_stands_apart_and_headings_after_a_gap() -> None:
    body = [
        {"type": "TextBlock", "text": "Do this:"},
        {"type": "TextBlock", "text": r'run --now "a\_b \[c\]"', "fontType": "monospace"},
        {"type": "TextBlock", "text": "Why", "spacing": "medium"},
    ]
    lines = [line.strip("│ ") for line in as_text({"body": body}, width=40).splitlines()[1:-1]]
    assert lines == ["Do this:", 'run --now "a_b [c]"', "", "Why"]
    assert '│   run --now "a_b [c]"' in as_text({"body": body}, width=40)
