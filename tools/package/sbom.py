"""The bill of materials: every package of the lock as it was installed, in CycloneDX 1.6.

It holds no time and no random number: the same lock gives the same bytes.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

APP = "sspr-license-watch"
_AZURE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_version": "3.13",
    "sys_platform": "linux",
    "extra": "",
}
_CLASSIFIER = "License :: OSI Approved :: "
# Longer than any name of a licence: some put the whole text into that field.
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Part:
    """A package that was installed, and the wheel it came from."""

    name: str
    distribution: Distribution
    wheel_sha256: str


def write_sbom(site_packages: Path, wheels: Path, version: str, file: Path) -> None:
    """Write the bill of materials of a tree of packages that came from these wheels."""
    file.write_text(_document(_parts(site_packages, wheels), version), encoding="utf-8", newline="\n")


def _parts(site_packages: Path, wheels: Path) -> dict[str, Part]:
    digests = {
        parse_wheel_filename(wheel.name)[0]: hashlib.sha256(wheel.read_bytes()).hexdigest()
        for wheel in sorted(wheels.glob("*.whl"))
    }
    found: dict[str, Part] = {}
    for folder in sorted(site_packages.glob("*.dist-info")):
        distribution = PathDistribution(folder)
        name = canonicalize_name(distribution.metadata["Name"])
        found[name] = Part(name, distribution, digests[name])
    return found


def _document(parts: Mapping[str, Part], version: str) -> str:
    app = Component(name=APP, version=version, type=ComponentType.APPLICATION, bom_ref=APP)
    app.licenses = [LicenseFactory().make_from_string("MIT")]
    components = {name: _component(part) for name, part in parts.items()}
    digest = "\n".join(f"{part.name} {part.wheel_sha256}" for part in parts.values())
    bom = Bom(
        components=components.values(),
        metadata=BomMetaData(component=app),
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{APP} {version}\n{digest}"),
    )
    needed: set[str] = set()
    for name, part in parts.items():
        wanted = _requires(part.distribution, parts)
        needed |= wanted
        bom.register_dependency(components[name], [components[each] for each in sorted(wanted)])
    bom.register_dependency(app, [each for name, each in components.items() if name not in needed])
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)  # optional, and different at each build
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _component(part: Part) -> Component:
    version = part.distribution.version
    purl = PackageURL("pypi", name=part.name, version=version)
    return Component(
        name=part.name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.wheel_sha256)],
        licenses=_licences(part.distribution),
    )


def _licences(distribution: Distribution) -> Iterable[License]:
    factory = LicenseFactory()
    return [factory.make_from_string(name) for name in licences_stated(distribution)]


def licences_stated(distribution: Distribution) -> list[str]:
    """As the package states them: an expression, else a name in its field, else its classifiers."""
    metadata = distribution.metadata
    stated = metadata.get("License-Expression") or metadata.get("License") or ""
    if stated and stated != "UNKNOWN" and len(stated) <= _LONGEST_NAME and "\n" not in stated:
        return [stated]
    classifiers = metadata.get_all("Classifier") or []
    names = [line.removeprefix(_CLASSIFIER) for line in classifiers if line.startswith(_CLASSIFIER)]
    return [name.removesuffix(" License") for name in names]


def _requires(distribution: Distribution, parts: Mapping[str, Part]) -> set[str]:
    """Which of the parts it asks for on the machine in Azure."""
    found: set[str] = set()
    for line in distribution.requires or ():
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if name in parts and (requirement.marker is None or requirement.marker.evaluate(_AZURE)):
            found.add(name)
    return found
