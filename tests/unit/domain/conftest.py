from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.unit.domain.link.hosts import HandNetwork
from tests.unit.domain.world import World

from collector_mesh.app.testing.fakes import run


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    run(world.tasks.close())


@pytest.fixture
def network() -> Iterator[HandNetwork]:
    with closing(HandNetwork()) as network:
        yield network
