"""The rows of the notification path: no package comes along under another's name."""

from benchmarks.process import answer_of
from benchmarks.start import _IMPORT, SETTINGS, packages


def test_what_comes_with_python_the_app_and_azure_functions_is_no_package_of_its_own() -> None:
    modules = ["json.decoder", "shared.model", "functions", "function_app", "azure", "azure.functions.http"]
    assert packages(modules) == frozenset()
    assert packages(["msgspec._core", "typing_extensions"]) == {"msgspec"}


def test_another_package_of_azure_is_one_though_it_shares_a_name_with_azure_functions() -> None:
    modules = ["azure.core.exceptions", "azure.storage.blob.aio", "azure.identity"]
    assert packages(modules) == {"azure.core", "azure.storage", "azure.identity"}


async def test_the_app_loads_msgspec_and_nothing_else() -> None:
    milliseconds, *modules = (await answer_of(["-c", _IMPORT], SETTINGS)).split()
    assert float(milliseconds) > 0
    assert packages(modules) == {"msgspec"}
