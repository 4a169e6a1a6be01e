"""`EventGrid:` URLs: which topic one names, and what is wrong with one that names none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.topic import PARTS, NotTopic, is_topic, read_topic

SUBSCRIPTION = "2F5F1C7E-8f0e-4b0c-9d57-0a6f4c1d2b3e"
URL = (
    f"EventGrid:?azuresubscriptionid={SUBSCRIPTION}&resourcegroup=rg-watch&partnertopic=sspr-watch"
    "&location=westeurope"
)


def test_the_documented_form_is_read() -> None:
    topic = read_topic(URL)
    assert (topic.subscription, topic.group) == (SUBSCRIPTION.lower(), "rg-watch")
    assert (topic.name, topic.region) == ("sspr-watch", "westeurope")


@pytest.mark.parametrize(
    "other",
    [
        URL.upper().replace("EVENTGRID:", "eventgrid:"),
        URL.replace("location=westeurope", "location=West%20Europe"),
        "EventGrid:?location=westeurope&partnertopic=sspr-watch&resourcegroup=RG-watch"
        f"&azuresubscriptionid={SUBSCRIPTION.lower()}",
        f" {URL} ",
    ],
)
def test_one_topic_may_be_written_in_many_ways(other: str) -> None:
    assert read_topic(other).same(read_topic(URL))


@pytest.mark.parametrize(
    ("old", "new"),
    [("rg-watch", "rg-other"), ("sspr-watch", "sspr-other"), ("2F5F", "3F5F")],
)
def test_another_subscription_group_or_name_is_another_topic(old: str, new: str) -> None:
    assert not read_topic(URL.replace(old, new)).same(read_topic(URL))


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://watch.example.net/api", ()),
        ("EventHub:https://x.servicebus.windows.net/eventhubname/y?tenantId=z", ()),
        ("EventGrid:", PARTS),
        ("EventGrid:?", PARTS),
        ("EventGrid://host?partnertopic=x", ()),
        ("EventGrid:?partnertopic", ()),
        (URL.replace("&location=westeurope", ""), ("location",)),
        (URL.replace("rg-watch", ""), ("resourcegroup",)),
        (URL.replace("sspr-watch", "a_topic"), ("partnertopic",)),
        (URL.replace("sspr-watch", "ab"), ("partnertopic",)),
        (URL.replace(SUBSCRIPTION, "mine"), ("azuresubscriptionid",)),
        (f"{URL}&partnertopic=another", ("partnertopic",)),
        (f"{URL}&code=x", ("code",)),
    ],
)
def test_what_names_no_topic_is_refused_with_the_parts_at_fault(url: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(NotTopic) as caught:
        read_topic(url)
    assert caught.value.parts == parts


@given(st.text(max_size=80).map(lambda text: f"EventGrid:{text}") | st.text(max_size=80))
def test_whatever_is_written_is_a_topic_or_refused(url: str) -> None:
    try:
        topic = read_topic(url)
    except NotTopic:
        return
    assert is_topic(url.strip())
    assert topic.same(topic)
