"""All the templates of one folder `infra`, read once, and what a check says of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tools.bicep.evaluation import Evaluation
from tools.bicep.syntax import File, Resource, properties, read


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: which check says so, in which file and line (0: the file as a whole)."""

    check: str
    file: str
    line: int
    said: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.said} [{self.check}]"


class Templates:
    """The folder `infra` of one checkout."""

    def __init__(self, infra: Path) -> None:
        self.infra = infra

    @cached_property
    def files(self) -> list[File]:
        return [read(path) for path in sorted(self.infra.rglob("*.bicep"))]

    @cached_property
    def main(self) -> File:
        return self.file("main.bicep")

    def file(self, name: str) -> File:
        """The file of that path below `infra`. Raises `KeyError`."""
        wanted = (self.infra / name).resolve()
        for one in self.files:
            if one.path.resolve() == wanted:
                return one
        raise KeyError(name)

    def find(self, path: Path) -> File | None:
        """The file at that path, if it is one of ours."""
        wanted = path.resolve()
        return next((one for one in self.files if one.path.resolve() == wanted), None)

    def name(self, path: Path) -> str:
        """How a fault calls the file."""
        return str(path.relative_to(self.infra.parent))

    def json(self, name: str) -> Any:
        """A JSON file below `infra`. Raises `OSError` or `ValueError`."""
        return json.loads((self.infra / name).read_text())

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The values of main.parameters.json, azd's `${…}` as they are written."""
        return {name: one["value"] for name, one in self.json("main.parameters.json")["parameters"].items()}

    def made(self, kind: str = "") -> Iterator[tuple[File, Resource]]:
        """The resources that are made, of that type or of all."""
        for file in self.files:
            for resource in file.resources:
                if not resource.existing and kind in ("", resource.kind):
                    yield file, resource

    def values(self, kind: str, **given: Any) -> list[Any]:
        """What each resource of that type comes to, a loop's each by itself, for these parameters."""
        found = []
        for file, resource in self.made(kind):
            evaluation = Evaluation(file, given)
            if resource.loop is not None:
                found += evaluation.value(resource.loop)
            else:
                found.append(evaluation.value(resource.body))
        return found

    def app_settings(self, **given: Any) -> dict[str, Any]:
        """The app settings that are emitted, for these parameters of app/app-settings.bicep."""
        file = self.file("app/app-settings.bicep")
        (made,) = (one for one in file.resources if not one.existing)
        return dict(Evaluation(file, given).value(properties(made.body)["properties"]))
