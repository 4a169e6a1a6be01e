"""A watch after its baseline, on a simulated tenant and a storage account of each test's own."""

import pytest

from tests.watch.conftest import Opener
from tests.watch.conftest import open_scene as open_scene
from tests.watch.scene import Scene

# No digest comes in a scene, where no timer runs.
GREEN = {"DIGEST_EVERY": "0d"}


@pytest.fixture
async def begun(open_scene: Opener) -> Scene:
    """A tenant of sixty users whose first reading has ended."""
    scene = await open_scene(**GREEN)
    await scene.begin(report=True)
    return scene
