"""What `explain` makes of an answer before it asks the peers that are in it."""

from argparse import Namespace

import pytest

from collector_mesh.adapters.grpc.inspect_client import InspectClient
from collector_mesh.app.cli.asking import with_peers
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import Explanation


@pytest.mark.asyncio
async def test_an_answer_that_names_no_collector_at_all_is_shown_as_it_is() -> None:
    empty = Explanation(MethodKey("n", "S", "M"), (), "", "")
    nobody = InspectClient("127.0.0.1:1", tls=None, insecure=False)

    assert await with_peers(nobody, empty, Namespace(timeout=1.0)) is empty
