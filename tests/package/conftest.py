"""The package of this working tree, for the tests that look at it."""

from pathlib import Path

import pytest

from tests.package.wheelwright import project
from tools.package.build import Places, last_built


@pytest.fixture(scope="session")
def package() -> Places:
    """What `make package` built of this working tree."""
    places = Places()
    if last_built(places) is None:
        pytest.fail("dist/app is not what the working tree makes: run `make package`", pytrace=False)
    return places


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A small project, and pip told to look nowhere but in the folder of its wheels."""
    places = project(tmp_path)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return places
