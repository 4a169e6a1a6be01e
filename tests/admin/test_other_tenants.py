"""With the id of another tenant no command acts as if all were well."""

import pytest

from shared.ledger.manifest import exceptions_path, release_path
from shared.storage import Storage
from shared.texts.catalogue import Catalogue
from tests.admin.shell import Shell
from tests.ledger.readings import TENANT_ID, user_id

pytestmark = pytest.mark.real

OTHER = "00000000-0000-4000-8000-0000000000ff"
GIVEN = ("--until", "9d", "--owner", "Grace", "--reason", "Agreed")
ADD = ("exception", "add", "--user", user_id(1), *GIVEN)
COMMANDS = [
    ("exception", "list"),
    ("exception", "list", "--json"),
    ("exception", "end", "e-1a2b3c4d"),
    ("release", "--by", "Grace"),
    ("release", "--discard", "--by", "Grace"),
]


def nothing_of(shell: Shell, tenant_id: str) -> bool:
    async def look(storage: Storage) -> bool:
        paths = (exceptions_path(tenant_id), release_path(tenant_id))
        return not any([await storage.ledger.read(path) for path in paths])

    return shell.with_storage(look)


def empty(storage_account: str) -> Shell:
    made = Shell(storage_account)
    made.with_storage(lambda storage: storage.ensure())
    return made


@pytest.mark.parametrize("command", [*COMMANDS, ADD], ids=" ".join)
def test_where_only_another_tenant_has_a_ledger_every_command_refuses_and_writes_nothing(
    shell: Shell, texts: Catalogue, command: tuple[str, ...]
) -> None:
    answer = shell.run(*command, TENANT_ID=OTHER, WATCH_LANGUAGE=texts.language)
    said = texts.text("cli", "faults", "other-ledger", tenant=OTHER, others=TENANT_ID)
    assert (answer.code, answer.out, answer.err) == (2, "", f"{said}\n")
    assert nothing_of(shell, OTHER)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_where_no_ledger_is_at_all_nothing_is_listed_ended_or_released(
    storage_account: str, texts: Catalogue, command: tuple[str, ...]
) -> None:
    shell = empty(storage_account)
    answer = shell.run(*command, WATCH_LANGUAGE=texts.language)
    said = texts.text("cli", "faults", "no-ledger", tenant=TENANT_ID)
    assert (answer.code, answer.out, answer.err) == (2, "", f"{said}\n")
    assert nothing_of(shell, TENANT_ID)


def test_of_an_account_that_the_app_never_used_that_is_said(storage_account: str) -> None:
    for command in (COMMANDS[0], ADD):
        answer = Shell(storage_account).run(*command)
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.startswith("This storage account has no ledger.")


def test_before_the_first_reading_exceptions_can_be_agreed_and_that_is_said(storage_account: str) -> None:
    shell = empty(storage_account)
    answer = shell.run(*ADD)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-1] == (
        f"The watch has read nothing of tenant {TENANT_ID} yet. "
        "If it should have, check TENANT_ID and WATCH_STORAGE."
    )
    [one] = shell.listed()
    assert shell.run("exception", "end", one["id"]).code == 0
    assert shell.run("exception", "list").out == "No exceptions are in force.\n"
