"""Messages as events of a webhook: the documented shape for every form, ids, sizes, and names as agreed."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec
import pytest

from shared.model import Moment, Step
from shared.notify import messages
from shared.notify.deciding.routing import RouteRule
from shared.notify.delivering.routes import named_in, payload_of
from shared.notify.messages import Item, Message
from shared.notify.saying.events import FINDINGS, LIMIT, TEST, TYPES, event_id, users_named
from shared.notify.saying.names import Person
from tests.hostile import HOSTILE
from tests.notify.card_samples import BACKDROP, BY_STATE, USER_ID, ended, entry, names, wording
from tests.notify.event_samples import (
    AT,
    CHANGE,
    DIGEST,
    EXCEPTION,
    FORMS,
    MASS,
    OPENED,
    SCHEMA,
    STANDING,
    alike,
    faults,
    later,
    made,
    sent,
)
from tests.notify.story import RULES, TENANT, second


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_as_the_schema_says(name: str) -> None:
    assert faults(made(FORMS[name])) == []


def test_the_samples_have_every_form_and_the_schema_every_type() -> None:
    forms = {value for key, value in vars(messages).items() if key.isupper() and isinstance(value, str)}
    assert {message.form for message in FORMS.values()} == forms
    types = {made(message)["type"] for message in FORMS.values()}
    assert types | {TEST} == set(SCHEMA["properties"]["type"]["enum"])
    assert set(TYPES) == forms - {messages.SINGLE}
    assert forms | {"test"} == set(SCHEMA["properties"]["data"]["properties"]["form"]["enum"])


@pytest.mark.parametrize(("kind", "state"), BY_STATE)
def test_a_finding_of_every_kind_and_state_is_as_the_schema_says(kind: str, state: str) -> None:
    one = entry(kind, state)
    for item in (
        Item(moment=Moment.OPENED, entry=one),
        Item(moment=Moment.RESOLVED, entry=ended(one, "fixed")),
    ):
        shown = made(Message(form=messages.SINGLE, items=(item,)))
        assert faults(shown) == []
        [finding] = shown["data"]["findings"]
        assert finding["link"].startswith("https://")
        assert finding["title"]
        assert finding["line"]
        assert bool(finding["steps"]) == (item.moment is Moment.OPENED and bool(one.remedy))


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    for inner in node if isinstance(node, list) else ():
        yield from objects(inner)


@pytest.mark.parametrize("name", FORMS)
def test_every_field_that_is_sent_is_in_the_schema(name: str) -> None:
    strict = copy.deepcopy(SCHEMA)
    for node in objects(strict["$defs"]):
        if node.get("type") == "object" and "properties" in node:
            node["additionalProperties"] = False
    for node in (strict, strict["properties"]["data"]):
        node["additionalProperties"] = False
    found = jsonschema.Draft202012Validator(strict).iter_errors(made(FORMS[name]))
    assert [one.message for one in found] == []


def test_a_schema_fault_is_found() -> None:
    shown = made(FORMS["opened"])
    for broken in (
        shown | {"type": "finding.gone"},
        shown | {"timestamp": "2026-03-02 09:00"},
        shown | {"data": shown["data"] | {"about": {"type": "mass"}}},
        shown | {"data": {**shown["data"], "findings": []}},
        made(FORMS["held"]) | {"type": "watch.digest"},
    ):
        assert faults(broken) != []


def test_one_finding_is_told_whole() -> None:
    shown = made(FORMS["changed"])
    assert (shown["type"], shown["timestamp"]) == ("finding.changed", "2026-03-02T09:00:50Z")
    data = shown["data"]
    assert (data["form"], data["route"], data["tenant"], data["language"]) == (
        "single",
        "tickets",
        TENANT,
        "en",
    )
    [finding] = data["findings"]
    one = FORMS["changed"].items[0].entry
    assert finding["id"] == one.id
    assert finding["previous_state"] == "undetermined"
    assert finding["subject"] == {"type": "user", "id": USER_ID, "name": "Ada Example (ada@contoso.example)"}
    assert finding["rule"] == {"id": "S5", "source": RULES.editions["2017-10-24"].rules["S5"].source}
    assert finding["facts"] == json.loads(json.dumps(dict(one.facts)))
    assert [step["step"] for step in finding["remedy"]] == [step.step for step in one.remedy]
    assert finding["title"].startswith("Changed:")
    assert USER_ID in finding["link"]


def test_the_end_says_when_and_why() -> None:
    [finding] = made(FORMS["resolved"])["data"]["findings"]
    assert finding["transition"] == "resolved"
    assert finding["ended"] == {"at": "2026-03-02T09:01:39Z", "cause": "licensed"}
    assert finding["steps"] == []


def test_what_stands_beside_the_findings_is_data() -> None:
    held = made(FORMS["held"])["data"]["about"]
    assert (held["users"], held["worse"], held["kinds"]) == (5_000, True, {"coverage: uncovered": 5_000})
    declared = made(FORMS["declared"])["data"]["about"]
    assert declared["settings"] == {"edition": {"before": "2017-10-24", "after": "2025-03-04"}}
    ending = made(FORMS["ending"])["data"]["about"]
    assert (ending["owner"], ending["until"]) == ("helpdesk@contoso.example", "2026-03-02T09:15:00Z")
    assert ending["subject"]["id"] == USER_ID
    digest = made(FORMS["digest"])["data"]["about"]
    assert (digest["flapping_total"], digest["exceptions_total"], digest["users"]) == (3, 2, 1_000)
    assert "subject" not in digest["exceptions"][1]


# --- ids -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMS)
def test_the_id_is_the_same_at_each_attempt_and_another_on_another_route(name: str) -> None:
    message = sent(FORMS[name])
    retry = msgspec.structs.replace(message, items=tuple(reversed(message.items)), late_since=second(990))
    assert event_id(message) == event_id(retry)
    assert event_id(message) != event_id(sent(message, "other"))
    assert event_id(message).isalnum()


def test_no_two_forms_have_the_same_id() -> None:
    ids = [event_id(sent(message)) for message in FORMS.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", ["opened", "changed", "resolved", "summary", "baseline", "declared"])
def test_what_happens_again_later_has_another_id(name: str) -> None:
    message = sent(FORMS[name])
    items = tuple(Item(moment=one.moment, entry=later(one.entry, 86_400)) for one in message.items)
    again = msgspec.structs.replace(message, items=items)
    assert again.key == message.key
    assert event_id(again) != event_id(message)


def test_the_next_reminder_digest_mass_change_and_end_have_another_id() -> None:
    heard = msgspec.structs.replace(STANDING.entry.told["tickets"], at=second(86_400))
    reminded = msgspec.structs.replace(STANDING.entry, told={"tickets": heard})
    after = second(2_000_000)
    for first, second_time in (
        (FORMS["reminder"], {"items": (Item(moment=Moment.OPENED, entry=reminded),)}),
        (FORMS["digest"], {"about": msgspec.structs.replace(DIGEST, next_due=after)}),
        (FORMS["held"], {"about": msgspec.structs.replace(MASS, since=after)}),
        (FORMS["declared"], {"about": msgspec.structs.replace(CHANGE, at=after)}),
        (FORMS["ending"], {"about": msgspec.structs.replace(EXCEPTION, until=after)}),
    ):
        again = msgspec.structs.replace(sent(first), **second_time)
        assert again.key == sent(first).key
        assert event_id(again) != event_id(sent(first))


# --- sizes -----------------------------------------------------------------------------------------------


def size(made_event: Any) -> int:
    return len(msgspec.json.encode(made_event))


@pytest.mark.parametrize("count", [1, 150, 20_000])
def test_an_event_of_many_findings_fits_and_counts_them_all(count: int) -> None:
    shown = made(Message(form=messages.SUMMARY, items=alike(count)))
    assert faults(shown) == []
    assert size(shown) <= LIMIT
    data = shown["data"]
    assert data["findings_total"] == count
    assert len(data["findings"]) == min(count, len(data["findings"]), FINDINGS)
    assert [one["id"] for one in data["findings"]] == [f"f{n}" for n in range(len(data["findings"]))]
    assert len(data["findings"]) >= min(count, 50)


def test_findings_end_where_the_room_ends() -> None:
    facts = {"held": ["x" * 5_000]}
    shown = made(Message(form=messages.SUMMARY, items=alike(200, facts=facts)))
    assert LIMIT * 0.9 < size(shown) <= LIMIT
    assert 10 < len(shown["data"]["findings"]) < 200


def test_a_finding_that_is_too_large_goes_without_its_facts_and_says_so() -> None:
    huge = entry(
        facts={"sample": ["x" * 300_000]}, remedy=(Step(step="x", values={"skus": ["y" * 300_000]}),)
    )
    shown = made(Message(form=messages.SINGLE, items=(Item(moment=Moment.OPENED, entry=huge),)))
    assert faults(shown) == []
    [finding] = shown["data"]["findings"]
    assert finding["cut"] is True
    assert "facts" not in finding
    assert size(shown) < 10_000


def test_the_lists_of_a_digest_are_cut_and_counted() -> None:
    wordy = msgspec.structs.replace(EXCEPTION, reason="ü" * 5_000, owner="o" * 5_000)
    large = msgspec.structs.replace(
        DIGEST,
        flapping=tuple(one.entry for one in alike(500)),
        seats=tuple(one.entry for one in alike(500)),
        exceptions=(wordy,) * 500,
    )
    shown = made(Message(form=messages.DIGEST, about=large))
    assert faults(shown) == []
    assert size(shown) <= LIMIT
    about = shown["data"]["about"]
    assert (about["flapping_total"], about["seats_total"], about["exceptions_total"]) == (502, 500, 500)
    assert all(0 < len(about[name]) < 500 for name in ("flapping", "seats", "exceptions"))


# --- names -----------------------------------------------------------------------------------------------


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from texts(inner)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_name_is_one_harmless_line(what: str) -> None:
    hostile, _ = HOSTILE[what]
    shown = names({USER_ID: Person(hostile, hostile)}, {})
    for form in ("opened", "summary", "ending", "digest"):
        made_event = made(FORMS[form], shown)
        assert faults(made_event) == []
        for text in texts(made_event):
            assert not set(text) & set("<>\n\r\t\x00\u202e")
            assert len(text) < 1_000
            assert "https://evil" not in text


def test_a_name_reads_as_it_is_without_the_escapes_of_a_card() -> None:
    shown = names({USER_ID: Person("O'Neil_Jr. *Ada* & Co", "")})
    [finding] = made(FORMS["opened"], shown)["data"]["findings"]
    assert finding["subject"]["name"] == "O'Neil_Jr. *Ada* & Co"
    assert "O'Neil_Jr. *Ada* & Co" in finding["line"]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    ("style", "absent"), [("upn", ["Ada Example"]), ("hidden", ["Ada Example", "@contoso"])]
)
def test_names_are_those_that_the_administrator_allows(name: str, style: str, absent: list[str]) -> None:
    text = json.dumps(made(FORMS[name], names(style=style)))
    assert not any(one in text for one in absent)


def test_the_users_whose_names_are_looked_up_are_those_that_can_be_shown() -> None:
    assert users_named(FORMS["opened"]) == {USER_ID}
    assert users_named(FORMS["ending"]) == {USER_ID}
    assert users_named(FORMS["digest"]) == {USER_ID}
    assert users_named(FORMS["held"]) == frozenset()
    assert len(users_named(Message(form=messages.SUMMARY, items=alike(1_000)))) <= FINDINGS + 1


# --- by type of route ------------------------------------------------------------------------------------


def test_a_route_gets_what_its_type_takes() -> None:
    message = Message(form=messages.SUMMARY, items=alike(300), route="tickets")
    teams, webhook = RouteRule(), RouteRule(name="tickets", type="webhook")
    card = payload_of(teams, message, wording(), BACKDROP, tenant_id=TENANT, at=AT)
    assert card["attachments"][0]["content"]["type"] == "AdaptiveCard"
    shown = payload_of(webhook, message, wording(), BACKDROP, tenant_id=TENANT, at=AT)
    assert shown["type"] == "findings.summary"
    assert named_in(teams, message) < named_in(webhook, message)


def test_times_are_utc_whatever_the_zone_they_come_in() -> None:
    assert made(FORMS["held"])["timestamp"] == f"{AT:%Y-%m-%dT%H:%M:%S}Z"
    assert OPENED.entry.since == second(0)
