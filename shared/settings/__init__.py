"""The settings: read once, checked whole, frozen.

Nothing else in the watch reads the environment. `load` reports every fault at once, each with its remedy, and
never quotes the value of a secret. Imports stay within the standard library and msgspec: this room lies on
the path of every notification (design §7). Commands that need less read it by `shared.settings.access`.
"""

from shared.settings.keeping import KeepingSettings
from shared.settings.parts import GraphSettings, StorageAccess, StorageSettings, TellingSettings
from shared.settings.whole import GRAPH, Settings, SettingsError, current, load

__all__ = [
    "GRAPH",
    "GraphSettings",
    "KeepingSettings",
    "Settings",
    "SettingsError",
    "StorageAccess",
    "StorageSettings",
    "TellingSettings",
    "current",
    "load",
]
