"""Faults of settings come from the catalogue, in the language that is set; without one it is not read."""

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.settings import SettingsError, load
from shared.settings.access import storage_of
from shared.settings.faults import Fault, in_words
from shared.settings.routes import MOST
from shared.texts.catalogue import DEFAULT, FOLDER, Catalogue, catalogue
from tests.settings import test_settings, test_settings_routes
from tests.settings.good_settings import GOOD
from tests.settings.test_settings_routes import ELSEWHERE, GROUP, HELPDESK, TICKETS
from tests.texts.comparing import from_elsewhere, marked
from tests.texts.test_languages import REMNANT

ROOT = Path(__file__).resolve().parents[2]
ROOMS = sorted((ROOT / "shared" / "settings").glob("*.py"))
MARKS = marked(Path(FOLDER) / f"{DEFAULT}.toml")


def named(kind: str) -> set[str]:
    """The codes that the product gives a `Problem` or a `Remedy`, and `UnusableSecret` a problem."""
    calls = {kind, "UnusableSecret"} if kind == "Problem" else {kind}
    found = set()
    for room in ROOMS:
        for node in ast.walk(ast.parse(room.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in calls:
                [code, *_] = node.args
                if isinstance(code, ast.Constant):
                    found.add(str(code.value))
                else:
                    assert ast.unparse(node) == "Problem(fault.code, {'prefix': SECRET_PREFIX})"
    return found


def found(environ: Mapping[str, str]) -> SettingsError:
    """What these settings are refused with."""
    with pytest.raises(SettingsError) as caught:
        load(environ)
    return caught.value


def routes(*rows: Any) -> str:
    """The setting ROUTES."""
    return json.dumps(rows)


def wrong() -> list[dict[str, str]]:
    """Settings that have every fault that can be, a few at a time."""
    single = [
        {name: value or "" for name, value in {**GOOD, setting: given}.items()}
        for setting, given, _ in test_settings.WRONG
    ]
    fields = [{**GOOD, **ELSEWHERE, "ROUTES": routes(row)} for row, _ in test_settings_routes.WRONG_FIELDS]
    several = [
        {"WATCH_STORAGE__blobServiceUri": "https://a.example"},
        {"WATCH_STORAGE": "", "WATCH_STORAGE__blobServiceUri": "x", "WATCH_STORAGE__queueServiceUri": "y"},
        {
            "WATCH_STORAGE": "",
            "WATCH_STORAGE__blobServiceUri": "https://a.example",
            "WATCH_STORAGE__queueServiceUri": "https://b.example",
            "WATCH_STORAGE__credential": "password",
        },
        {"CLIENT_STATE": "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/client-state)"},
        {"GROUP_WAIT": "5m", "GROUP_WAIT_MAX": "1m"},
        {"CONFIRM_AFTER": "999d"},
        {"DIGEST_AT": "noon"},
        {"DELIVERY": "eventgrid"},
        {"EVENTGRID_URL": "https://watch.example"},
        {"EVENTGRID_URL": "EventGrid:?partnertopic=x"},
        {"ROUTES": "["},
        {"ROUTES": "{}"},
        {"ROUTES": routes(*(TICKETS | {"name": f"tickets-{n}"} for n in range(MOST + 1)))},
        {"ROUTES": routes(HELPDESK, HELPDESK)},
        {"ROUTES": routes(TICKETS), "TICKETS_URL": "nowhere", "TICKETS_SECRET": "top-secret"},
        {"ROUTES": routes(TICKETS), "TICKETS_SECRET": "a b c"},
        {"ROUTES": routes(TICKETS | {"https://hidden": 1, "groups": [GROUP, "x"]})},
    ]
    return [*single, *fields, *({**GOOD, **ELSEWHERE, **one} for one in several)]


def of_files(folder: Path) -> list[Fault]:
    """The faults of settings files that can't be read."""
    form, binary = folder / "form.json", folder / "binary.json"
    form.write_text("[]")
    binary.write_bytes(b'{"Values": {"TENANT_ID": "\xff"}}')
    faults: list[Fault] = []
    for file in (folder / "none.json", folder, form, binary, folder / ("x" * 300)):
        with pytest.raises(SettingsError) as caught:
            storage_of(file)
        faults += caught.value.found
    return faults


@pytest.mark.parametrize(("kind", "section"), [("Problem", "problems"), ("Remedy", "remedies")])
def test_every_code_of_a_fault_has_a_text_in_every_language_and_no_text_is_left_over(
    kind: str, section: str, texts: Catalogue
) -> None:
    assert texts.codes("settings", section) == named(kind)


def test_every_fault_is_whole_in_every_language_and_no_word_of_it_is_written_in_the_code(
    texts: Catalogue, tmp_path: Path
) -> None:
    faults = [one for environ in wrong() for one in found(environ).found] + of_files(tmp_path)
    seen = {one.problem.code for one in faults}
    assert seen == named("Problem") - {"file-denied"}, "what is refused depends on who runs the tests"
    assert {one.remedy.code for one in faults} == named("Remedy")
    for one in faults:
        said = in_words(one, texts)
        assert said.startswith(f"{one.setting}: ")
        assert texts.language == DEFAULT or not REMNANT.search(said.replace(one.setting, "")), said
        values = [str(value) for of in (one.problem, one.remedy) for value in of.values.values()]
        place = [str(one.place.route), one.place.field] if one.place else []
        marked_words = in_words(one, MARKS)
        assert from_elsewhere(marked_words, [one.setting, one.through, *values, *place]) == set()


def test_the_language_that_is_set_words_the_faults_and_english_where_it_is_wrong_itself() -> None:
    dutch = found({**GOOD, "TENANT_ID": "contoso", "WATCH_LANGUAGE": "nl"})
    assert str(dutch) == (
        "De bewaking kan niet starten. Te corrigeren instellingen: 1.\n"
        "  - TENANT_ID: is geen GUID. Vul de id van uw tenant in (Entra-beheercentrum, Overzicht)"
    )
    english = found({**GOOD, "TENANT_ID": "contoso", "WATCH_LANGUAGE": "Dutch"})
    assert [one.partition(". ")[0] for one in english.faults] == [
        "TENANT_ID: is not a GUID",
        "WATCH_LANGUAGE: 'Dutch' is not known",
    ]


def test_no_fault_quotes_a_secret_in_any_language(texts: Catalogue) -> None:
    secrets = {
        "WATCH_STORAGE": "key=hidden1",
        "CLIENT_STATE": "hidden2",
        "CLIENT_STATE_PREVIOUS": "hidden3",
        "TEAMS_WORKFLOW_URL": "https://evil.example/?sig=hidden4",
        "LOCAL_KEY": "hidden5",
        "TICKETS_URL": "http://hidden6",
        "TICKETS_SECRET": "hidden7",
        "ROUTES": routes(TICKETS, {"name": "hidden8 ", "url": "https://hidden9", "whsec_hidden10": 1}),
    }
    refused = found({**GOOD, **secrets, "WATCH_LANGUAGE": texts.language})
    assert len(refused.faults) >= len(secrets)
    assert "hidden" not in str(refused) + repr(refused)


OPENED = """
import json, sys
opened = []
sys.addaudithook(lambda event, of: opened.append(str(of[0])) if event == "open" else None)
import shared.settings
try:
    shared.settings.load(json.loads(sys.argv[1]))
except shared.settings.SettingsError:
    pass
print(json.dumps([one for one in opened if one.endswith(".toml")]))
"""


@pytest.mark.parametrize("tenant", [GOOD["TENANT_ID"], "contoso"])
def test_the_catalogue_is_read_only_where_there_is_a_fault(tenant: str) -> None:
    environ = json.dumps({**GOOD, "TENANT_ID": tenant, "WATCH_LANGUAGE": "nl"})
    done = subprocess.run(
        [sys.executable, "-c", OPENED, environ], cwd=ROOT, capture_output=True, text=True, check=True
    )
    expected = [] if tenant == GOOD["TENANT_ID"] else ["nl.toml"]
    assert [Path(one).name for one in json.loads(done.stdout)] == expected


def test_what_is_the_same_fault_is_said_otherwise_in_each_language() -> None:
    [fault] = found({**GOOD, "GROUP_WAIT": "soon"}).found
    assert in_words(fault, catalogue("en")) == (
        "GROUP_WAIT: is not a length of time. Write a number and a unit: 30s, 15m, 48h or 14d"
    )
    assert in_words(fault, catalogue("nl")) == (
        "GROUP_WAIT: is geen tijdsduur. Schrijf een getal en een eenheid: 30s, 15m, 48h of 14d"
    )
