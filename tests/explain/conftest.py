"""The watch's scenes, to compare with."""

from tests.watch.conftest import open_scene, scene

__all__ = ["open_scene", "scene"]
