"""All checks, by name."""

from collections.abc import Callable, Iterator

from tools.bicep import app_checks, azure_checks, structure_checks
from tools.bicep.templates import Fault, Templates

Check = Callable[[Templates], Iterator[Fault]]

CHECKS: dict[str, Check] = {
    "syntax": structure_checks.syntax,
    "modules": structure_checks.modules,
    "parameters": structure_checks.parameters,
    "symbols": structure_checks.symbols,
    "unused": structure_checks.unused,
    "content": structure_checks.content,
    "versions": structure_checks.versions,
    "extensions": structure_checks.extensions,
    "roles": azure_checks.roles,
    "flex": azure_checks.flex,
    "secrets": azure_checks.secrets,
    "tags": azure_checks.tags,
    "parameter-file": azure_checks.parameter_file,
    "settings": app_checks.settings,
    "open-paths": app_checks.open_paths,
    "storage": app_checks.storage,
    "queries": app_checks.queries,
}


_FIRST = ("syntax", "modules", "symbols")


def faults(all_: Templates) -> list[Fault]:
    """Everything that is wrong. What the others stand on is told alone: the rest would follow."""
    for name in _FIRST:
        if found := list(CHECKS[name](all_)):
            return found
    return [fault for name, check in CHECKS.items() if name not in _FIRST for fault in check(all_)]
