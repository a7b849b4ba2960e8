from collections.abc import Iterator

import pytest
from tests.unit.domain.world import World

from collector_mesh.app.testing.fakes import run


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    run(world.tasks.close())
