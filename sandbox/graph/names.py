"""People who don't exist: names for generated tenants (`names.toml`)."""

import tomllib
from pathlib import Path

_TABLE: dict[str, str] = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))

FIRST = tuple(_TABLE["first"].split())
LAST = tuple(_TABLE["last"].split())
ROOMS = tuple(_TABLE["rooms"].split())
JOBS = tuple(" ".join(job.split()) for job in _TABLE["jobs"].split(";"))
