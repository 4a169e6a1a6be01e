"""A command of an older release on storage of a newer one: a sentence, exit code 1, nothing is changed."""

import pytest

from shared.ledger.manifest import exceptions_path, manifest_path
from shared.storage import Storage
from shared.storage.versions import KNOWN, LABEL
from shared.texts.catalogue import Catalogue
from tests.admin.shell import Shell
from tests.ledger.readings import TENANT_ID

pytestmark = pytest.mark.real

AGREE = (
    "exception",
    "add",
    "--tenant",
    "--kind",
    "seats-low",
    "--until",
    "20d",
    "--owner",
    "Ada",
    "--reason",
    "x",
)


def said(texts: Catalogue, path: str, found: int, known: int) -> str:
    return texts.text("cli", "trouble", "newer", path=path, found=found, known=known)


def test_exceptions_of_a_newer_release_are_neither_listed_nor_added_to(
    shell: Shell, texts: Catalogue
) -> None:
    written = b'{"schema":2,"agreements":[]}'
    path = exceptions_path(TENANT_ID)
    shell.with_storage(lambda storage: storage.ledger.put(path, written))
    for arguments in (("exception", "list"), AGREE):
        answer = shell.run(*arguments, WATCH_LANGUAGE=texts.language)
        assert (answer.code, answer.out) == (1, "")
        assert answer.err.strip() == said(texts, f"ledger/{path}", 2, 1)

    async def stored(storage: Storage) -> bytes:
        found = await storage.ledger.read(path)
        assert found
        return found.data

    assert shell.with_storage(stored) == written


@pytest.mark.parametrize("arguments", [("release", "--by", "Ada"), ("exception", "list")])
def test_a_ledger_of_a_newer_release_is_left_alone(
    shell: Shell, texts: Catalogue, arguments: tuple[str, ...]
) -> None:
    path, later = manifest_path(TENANT_ID), KNOWN["ledger/manifest"] + 1

    async def raise_number(storage: Storage) -> None:
        await storage.ledger._client.get_blob_client(path).set_blob_metadata({LABEL: str(later)})

    shell.with_storage(raise_number)
    answer = shell.run(*arguments, WATCH_LANGUAGE=texts.language)
    assert answer.code == 1
    assert answer.err.strip() == said(texts, f"ledger/{path}", later, later - 1)
