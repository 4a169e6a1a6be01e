"""The table of settings in docs/settings.md names every setting that is read, and no other."""

import re
from pathlib import Path

from shared.settings import load
from tests.settings.good_settings import GOOD

TABLE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
NOT_FOR_PEOPLE = {"LOCAL_KEY", "WEBSITE_AUTH_ENABLED"}
"""Set by the sandbox or the platform."""


class Noting(dict[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # only ever called so
        self.asked.add(name)
        return super().get(name, default)


def test_every_setting_that_is_read_is_documented_and_no_other() -> None:
    environ = Noting(GOOD)
    load(environ)
    del environ["WATCH_STORAGE"]
    environ |= {
        "WATCH_STORAGE__blobServiceUri": "https://a.example",
        "WATCH_STORAGE__queueServiceUri": "https://b.example",
    }
    load(environ)
    rows = TABLE.read_text()
    names = re.findall(
        r"`((?:[A-Z]+_[A-Z_]+|POPULATION|DELIVERY|ROUTES|SNAPSHOTS|CONTESTED|ADMINISTRATORS)(?:__\w+)?|__\w+)`",
        rows,
    )
    documented = {f"WATCH_STORAGE{name}" if name.startswith("__") else name for name in names}
    assert documented == environ.asked - NOT_FOR_PEOPLE
