"""Users and groups that a test of licensing groups begins with."""

from sandbox.graph import skus
from tests.watch.scene import Scene


async def unlicensed(scene: Scene, count: int) -> list[str]:
    """New synced users without a licence."""
    return [await scene.control.add_user(f"New {number}", synced=True) for number in range(count)]


async def assigning(scene: Scene, *members: str, seats: int = 100, settled: bool = True) -> str:
    """A new group that assigns Entra ID P2 to these; so many seats are free."""
    await scene.control.set_free_seats(skus.ENTRA_P2, seats)
    group = await scene.control.add_licensing_group("Premium", [skus.ENTRA_P2], members)
    assert not settled or await scene.control.settle()
    return group
