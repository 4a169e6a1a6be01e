"""Which way notifications come: what must be set for it, and what is said of what is wrong."""

import pytest

from shared.settings import SettingsError, load
from shared.settings.delivery import DeliverySettings
from shared.watch.hearing.subscriptions import secrets_of, wanted
from tests.settings.good_settings import GOOD
from tests.test_topic import URL


def faults(**changes: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load({**GOOD, **changes})
    return caught.value.faults


def test_graph_calls_the_app_unless_told_otherwise() -> None:
    assert load(GOOD).delivery == DeliverySettings()
    assert {one.notification_url for one in wanted(load(GOOD))} == {
        "https://watch.example.net/api/graph/notifications"
    }


def test_with_event_grid_both_addresses_are_the_topic() -> None:
    settings = load({**GOOD, "DELIVERY": "EventGrid", "EVENTGRID_URL": URL})
    assert settings.delivery.is_event_grid
    for one in wanted(settings):
        assert (one.notification_url, one.lifecycle_url) == (URL, URL)
        assert one.is_ours("https://watch.example.net/api/graph/notifications")
        assert not one.is_ours("https://other.example.net/api/graph/notifications")


def test_a_topic_may_be_set_before_it_is_used_and_changes_nothing_then() -> None:
    ahead, without = load({**GOOD, "EVENTGRID_URL": URL}), load(GOOD)
    assert not ahead.delivery.is_event_grid
    assert secrets_of(ahead) == secrets_of(without)
    assert wanted(ahead)[0].is_ours(URL)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"DELIVERY": "eventgrid"}, "EVENTGRID_URL: is missing."),
        ({"DELIVERY": "eventhub"}, "DELIVERY: 'eventhub' is not known. Use one of: webhook, eventgrid"),
        ({"EVENTGRID_URL": "https://watch.example"}, "EVENTGRID_URL: is not the address of an Event Grid"),
        (
            {
                "DELIVERY": "eventgrid",
                "EVENTGRID_URL": URL.replace("rg-watch", "").replace("=westeurope", "="),
            },
            "EVENTGRID_URL: has parts that are missing, unknown or wrong: resourcegroup, location.",
        ),
        (
            {"EVENTGRID_URL": URL.replace("westeurope", "West%20Europe")},
            "EVENTGRID_URL: has parts that are missing, unknown or wrong: location.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write(given: dict[str, str], fault: str) -> None:
    [said] = faults(**given)
    assert said.startswith(fault)
    if fault.startswith("EVENTGRID_URL"):
        assert "EventGrid:?azuresubscriptionid=<id>&resourcegroup=<name>&partnertopic=<name>" in said
