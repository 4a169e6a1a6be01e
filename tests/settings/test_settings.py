"""Settings: every fault at once, each with its remedy, and no secret in any message."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from shared.settings import KeepingSettings, SettingsError, load
from shared.settings.access import language_of
from shared.settings.keeping import SHORTEST_KEY
from shared.snapshot import pseudonyms
from shared.snapshot.pseudonyms import Pseudonyms
from shared.texts.catalogue import languages
from tests.settings.good_settings import GOOD


def faults(**changes: str | None) -> tuple[str, ...]:
    environ = {**GOOD, **{name: value for name, value in changes.items() if value is not None}}
    for name, value in changes.items():
        if value is None:
            environ.pop(name, None)
    with pytest.raises(SettingsError) as caught:
        load(environ)
    return caught.value.faults


def test_the_least_settings_give_the_documented_defaults() -> None:
    settings = load(GOOD)
    assert settings.policy.edition == "2017-10-24"
    assert settings.policy.writeback == "unknown"
    assert settings.policy.scope == "auto"
    assert settings.policy.report_grace == timedelta(hours=48)
    assert settings.policy.report_max_age == timedelta(days=14)
    assert settings.policy.ends_soon == timedelta(days=30)
    assert settings.telling.confirm_after == timedelta(minutes=15)
    assert settings.telling.group_wait == timedelta(seconds=60)
    assert settings.telling.language == "en"
    assert settings.second_look == timedelta(minutes=5)
    assert settings.graph.base_url == "https://graph.microsoft.com/v1.0"
    assert not settings.platform_signs_in
    assert settings.keeping == KeepingSettings()
    assert settings.keeping.snapshots == "on"


@pytest.mark.parametrize(
    "name", ["CLIENT_STATE", "CLIENT_STATE_PREVIOUS", "TEAMS_WORKFLOW_URL", "PSEUDONYM_KEY", "TICKETS_SECRET"]
)
def test_a_reference_to_key_vault_that_was_not_resolved_is_no_secret(name: str) -> None:
    """App Service leaves it as it stands, and whoever knows the vault's name could guess it."""
    reference = "@Microsoft.KeyVault(SecretUri=https://kv-sspr.vault.azure.net/secrets/client-state)"
    route = {"name": "tickets", "type": "webhook", "url": "TICKETS_URL", "secret": "TICKETS_SECRET"}
    with_route = {"ROUTES": json.dumps([route]), "TICKETS_URL": "https://tickets.example.net"}
    secret = name.lower().replace("_", "-")
    [fault] = faults(
        **{"SNAPSHOTS": "pseudonymised", "PSEUDONYM_KEY": "k" * SHORTEST_KEY, name: reference},
        **(with_route if name == "TICKETS_SECRET" else {}),
    )
    assert fault.startswith(f"{name}: is a reference to Key Vault that could not be resolved. ")
    assert f"See that the secret {secret} is in the vault" in fault


def test_pseudonyms_need_a_key_that_nobody_is_shown() -> None:
    [fault] = faults(SNAPSHOTS="pseudonymised")
    assert fault.startswith("PSEUDONYM_KEY: is missing. Generate one: ")
    text = " ".join(faults(SNAPSHOTS="pseudonymised", PSEUDONYM_KEY="k" * (SHORTEST_KEY - 1)))
    assert "kkk" not in text
    settings = load({**GOOD, "SNAPSHOTS": "pseudonymised", "PSEUDONYM_KEY": "k" * SHORTEST_KEY})
    assert Pseudonyms(settings.keeping.pseudonym_key)
    assert "kkk" not in f"{settings!r} {settings.keeping!r}"


def test_a_key_is_as_long_as_pseudonyms_want_it() -> None:
    assert SHORTEST_KEY == pseudonyms.SHORTEST_KEY
    # Set ahead of its use it is checked too.
    assert load({**GOOD, "PSEUDONYM_KEY": "k" * SHORTEST_KEY}).keeping.snapshots == "on"


def test_an_empty_environment_names_every_required_setting_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({})
    text = str(caught.value)
    for name in GOOD:
        assert f"{name}: is missing." in text
    assert len(caught.value.faults) == len(GOOD)


WRONG = [
    ("TENANT_ID", "contoso.com", "is not a GUID"),
    ("TENANT_ID", None, "is missing"),
    ("AZURE_CLIENT_ID", "app", "is not a GUID"),
    ("EMERGENCY_GROUP", "break-glass", "is not a GUID"),
    ("GRAPH_BASE_URL", "http://graph.microsoft.com/v1.0", "is not an https URL"),
    ("GRAPH_BASE_URL", "https://user:pw@graph.microsoft.com/v1.0", "is not an https URL"),
    ("GRAPH_BASE_URL", "https://graph.microsoft.com/v1.0?x=1", "has more than scheme, host and path"),
    ("GRAPH_BASE_URL", "https://@graph.microsoft.com/v1.0", "is not an https URL"),
    ("GRAPH_BASE_URL", "https://graph.microsoft.com/v1.0?", "has more than scheme, host and path"),
    ("NOTIFICATION_BASE_URL", "https://watch.example.net#", "has more than scheme, host and path"),
    ("NOTIFICATION_BASE_URL", "https://watch.example.net/?code=1", "has more than scheme, host and path"),
    ("NOTIFICATION_BASE_URL", "watch.example.net", "is not an https URL"),
    ("NOTIFICATION_BASE_URL", "https://[::1", "is not a URL"),
    ("NOTIFICATION_BASE_URL", None, "is missing"),
    ("WATCH_STORAGE", None, "is missing"),
    ("WATCH_STORAGE", "storage", "is not a storage connection string"),
    ("CLIENT_STATE", None, "is missing"),
    ("CLIENT_STATE", "short", "must be 32 to 128 printable ASCII characters"),
    ("CLIENT_STATE", "é" * 40, "must be 32 to 128 printable ASCII characters"),
    ("CLIENT_STATE", "c" * 129, "must be 32 to 128 printable ASCII characters"),
    ("CLIENT_STATE_PREVIOUS", "short", "must be 32 to 128 printable ASCII characters"),
    ("TEAMS_WORKFLOW_URL", None, "is missing"),
    (
        "TEAMS_WORKFLOW_URL",
        "https://contoso.webhook.office.com/x",
        "not expected here (expected: *.logic.azure.com or *.environment.api.powerplatform.com)",
    ),
    ("TEAMS_WORKFLOW_URL", "http://prod-1.westeurope.logic.azure.com/x", "is not an https URL"),
    ("POLICY_EDITION", "2019", "'2019' is not known"),
    ("CONTESTED", "maybe", "'maybe' is not known"),
    ("DEVELOPER_SKUS", "yes", "'yes' is not known"),
    ("SSPR_SCOPE", "some", "'some' is not known"),
    ("SSPR_SCOPE", "groups:", "is not known"),
    ("SSPR_SCOPE", "groups:helpdesk", "is not known"),
    ("POPULATION", "unused", "'unused' is not known"),
    ("RESOURCE_ACCOUNTS", "keep", "'keep' is not known"),
    ("PASSWORD_WRITEBACK", "yes", "'yes' is not known"),
    ("SYNCED_WITHOUT_WRITEBACK", "x", "'x' is not known"),
    ("INTERNAL_GUESTS", "x", "'x' is not known"),
    ("ADMINISTRATORS", "x", "'x' is not known"),
    ("TEAMS_NAMES", "first", "'first' is not known"),
    ("WATCH_LANGUAGE", "Dutch", "'Dutch' is not known"),
    ("ENDS_SOON_DAYS", "soon", "is not a whole number"),
    ("ENDS_SOON_DAYS", "999", "is not a whole number"),
    ("SEATS_LOW", "-1", "is not a whole number"),
    ("SEATS_LOW", "9" * 5000, "is not a whole number"),
    ("CONFIRM_AFTER", "15", "is not a length of time"),
    ("GROUP_WAIT", "a minute", "is not a length of time"),
    ("SECOND_LOOK", "5 min", "is not a length of time"),
    ("REPORT_GRACE", "2 days", "is not a length of time"),
    ("TELLING_SCHEDULE", None, "is missing"),
    ("FACTS_EVERY", "30s", "is shorter than FACTS_AT_MOST_EVERY"),
    ("FACTS_AT_MOST_EVERY", "2h", "is shorter than FACTS_AT_MOST_EVERY"),
    ("FACTS_EVERY", "0s", "is no time at all"),
    ("REGISTRATION_EVERY", "0d", "is no time at all"),
    ("DELTA_EVERY", "0m", "is no time at all"),
    ("SWEEP_EVERY", "0h", "is no time at all"),
    ("REPORT_MAX_AGE", "12h", "is shorter than REGISTRATION_EVERY"),
    ("REPORT_MAX_AGE", "24h", "is not longer than REGISTRATION_EVERY"),
    ("TELLING_SCHEDULE", "* * * * *", "has not six fields"),
    ("SNAPSHOTS", "yes", "'yes' is not known"),
    ("SNAPSHOTS", "weekly", "'weekly' is not known"),
    ("SNAPSHOT_KEEP_DAYS", "0", "is not a whole number from 1 to 3653"),
    ("SNAPSHOT_KEEP_DAYS", "13 months", "is not a whole number"),
    ("TRAIL_KEEP_DAYS", "4000", "is not a whole number"),
    ("PSEUDONYM_KEY", "short", "has fewer than 32 characters"),
    ("LOCAL_KEY", "k" * 40, "is for the sandbox only"),
]


@pytest.mark.parametrize(("name", "value", "problem"), WRONG)
def test_each_wrong_setting_is_named_with_its_problem(name: str, value: str | None, problem: str) -> None:
    found = faults(**{name: value})
    named = "FACTS_EVERY" if name == "FACTS_AT_MOST_EVERY" else name
    assert any(fault.startswith(f"{named}:") and problem in fault for fault in found), found


def test_every_fault_ends_with_a_remedy() -> None:
    for fault in faults(TENANT_ID="x", CLIENT_STATE="short", CONFIRM_AFTER="x", TEAMS_WORKFLOW_URL=None):
        _, _, remedy = fault.partition(". ")
        assert remedy.split()[0] in {"Set", "Generate", "Write", "Create", "Use"}, fault


def test_no_message_and_no_repr_shows_a_secret() -> None:
    secret = "https://evil.example/workflows?sig=secret-signature"
    text = " ".join(faults(TEAMS_WORKFLOW_URL=secret, CLIENT_STATE="top-secret", WATCH_STORAGE="key=abc"))
    for shown in ("secret-signature", "top-secret", "key=abc"):
        assert shown not in text
    assert "secret-signature" not in repr(load(GOOD))
    assert "c" * 48 not in repr(load(GOOD))


def test_scope_groups_are_listed_with_commas() -> None:
    one, two = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
    policy = load({**GOOD, "SSPR_SCOPE": f"groups:{one}, {two.upper()}"}).policy
    assert (policy.scope, policy.scope_groups) == ("groups", (one, two))


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    (fault,) = faults(WATCH_LANGUAGE="fy")
    assert fault == f"WATCH_LANGUAGE: 'fy' is not known. Use one of: {', '.join(languages())}"
    assert load({**GOOD, "WATCH_LANGUAGE": "nl"}).telling.language == "nl"


def test_capitals_mean_the_same_wherever_one_of_a_few_words_is_chosen() -> None:
    words = {"WATCH_LANGUAGE": "nl", "SSPR_SCOPE": "report", "PASSWORD_WRITEBACK": "off", "SNAPSHOTS": "off"}
    capitals = {name: word.upper() for name, word in words.items()}
    assert load({**GOOD, **capitals}) == load({**GOOD, **words})
    assert language_of_environment("Nl") == "nl"
    group = "11111111-1111-1111-1111-111111111111"
    policy = load({**GOOD, "SSPR_SCOPE": f"Groups:{group}"}).policy
    assert (policy.scope, policy.scope_groups) == ("groups", (group,))


def language_of_environment(language: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WATCH_LANGUAGE", language)
        return language_of()


def test_storage_by_identity_wants_both_addresses() -> None:
    environ = {name: value for name, value in GOOD.items() if name != "WATCH_STORAGE"}
    environ["WATCH_STORAGE__blobServiceUri"] = "https://a.blob.core.windows.net"
    with pytest.raises(SettingsError, match="WATCH_STORAGE: is missing"):
        load(environ)
    environ["WATCH_STORAGE__queueServiceUri"] = "https://a.queue.core.windows.net"
    environ["AZURE_CLIENT_ID"] = "3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a22"
    storage = load(environ).storage
    assert storage.blob_uri == "https://a.blob.core.windows.net"
    assert storage.client_id == "3f0a7b5e-6f0e-4f1c-9a50-0d0f6f3c1a22"


def test_storage_given_in_both_ways_is_refused() -> None:
    found = faults(WATCH_STORAGE__blobServiceUri="https://a.blob.core.windows.net")
    assert any("as a connection string and as service addresses" in fault for fault in found)


def test_both_secrets_are_accepted_while_one_rotates() -> None:
    assert load({**GOOD, "CLIENT_STATE_PREVIOUS": "p" * 40}).client_states == ("c" * 48, "p" * 40)
    assert load(GOOD).client_states == ("c" * 48,)


def test_http_is_accepted_on_loopback_only_and_so_is_the_local_key() -> None:
    environ = {
        **GOOD,
        "GRAPH_BASE_URL": "http://127.0.0.1:7172/v1.0/",
        "NOTIFICATION_BASE_URL": "http://localhost:7171",
        "TEAMS_WORKFLOW_URL": "http://127.0.0.1:7173/workflows/demo",
        "LOCAL_KEY": "k" * 40,
    }
    settings = load(environ)
    assert settings.graph.base_url == "http://127.0.0.1:7172/v1.0"
    assert settings.local_key == "k" * 40


PLACEHOLDERS = {"TENANT_ID", "NOTIFICATION_BASE_URL", "CLIENT_STATE", "TEAMS_WORKFLOW_URL"}


def test_the_example_file_does_not_start_until_each_placeholder_is_filled() -> None:
    example = json.loads((Path(__file__).parents[2] / "settings.example.json").read_text())["Values"]
    assert {name for name, value in example.items() if value.startswith("<")} == PLACEHOLDERS
    with pytest.raises(SettingsError) as caught:
        load(example)
    assert {fault.partition(":")[0] for fault in caught.value.faults} == PLACEHOLDERS
    filled = {**example, **{name: GOOD[name] for name in PLACEHOLDERS}}
    assert load(filled).policy.writeback == "unknown"


def test_a_length_of_time_beyond_reason_is_refused() -> None:
    assert any("CONFIRM_AFTER: is longer than a year" in one for one in faults(CONFIRM_AFTER="9" * 20 + "d"))


def test_the_longest_group_wait_is_at_least_the_group_wait() -> None:
    found = faults(GROUP_WAIT="5m", GROUP_WAIT_MAX="1m")
    assert any(one.startswith("GROUP_WAIT_MAX: is shorter than GROUP_WAIT") for one in found)


def test_of_two_lengths_one_of_which_is_none_only_that_is_told() -> None:
    [fault] = faults(GROUP_WAIT_MAX="soon")
    assert fault.startswith("GROUP_WAIT_MAX: is not a length of time")
    [fault] = faults(FACTS_AT_MOST_EVERY="soon", FACTS_EVERY="1s")
    assert fault.startswith("FACTS_AT_MOST_EVERY: ")


def test_facts_are_read_again_before_they_are_too_old() -> None:
    [fault] = faults(REPORT_MAX_AGE="12h", REGISTRATION_EVERY="6h", FACTS_EVERY="13h")
    assert fault.startswith("REPORT_MAX_AGE: is shorter than FACTS_EVERY. Raise it")


def test_lengths_that_go_together_may_be_alike() -> None:
    settings = load({**GOOD, "FACTS_EVERY": "1m", "GROUP_WAIT": "10m", "REPORT_MAX_AGE": "25h"})
    assert settings.facts_every == settings.facts_at_most_every


@pytest.mark.parametrize("given", [None, "* * * * *"])
def test_the_remedy_of_a_schedule_is_that_of_the_example_file(given: str | None) -> None:
    example = json.loads((Path(__file__).parents[2] / "settings.example.json").read_text())["Values"]
    for name in ("TELLING_SCHEDULE", "RECONCILE_SCHEDULE", "SUBSCRIPTIONS_SCHEDULE"):
        [fault] = faults(**{name: given})
        assert fault.endswith(f"such as {example[name]}")
