"""A shell whose storage holds a ledger of a few people."""

import pytest

from tests.admin.shell import PEOPLE, Shell, begin


@pytest.fixture
def shell(storage_account: str) -> Shell:
    made = Shell(storage_account)
    made.with_storage(lambda storage: begin(storage, PEOPLE))
    return made
