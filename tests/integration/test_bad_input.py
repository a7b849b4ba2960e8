"""A short run of what `python -m benchmarks.strangers` does for long."""

import asyncio

import pytest
from benchmarks.faults.report import Finding
from benchmarks.strangers import decoders, sockets

SEEDS = [1, 2]


def missed(findings: list[Finding]) -> list[Finding]:
    """What does not hold; how long things take is told by the long run, on a machine that does nothing else."""
    return [finding for finding in findings if finding.is_met is False and not finding.is_time]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_bad_inputs_are_read_or_refused_by_every_decoder(seed: int) -> None:
    assert missed(decoders.run(seed, 6000)) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_after_every_bad_input_over_a_socket_a_new_client_is_served(seed: int) -> None:
    assert missed(asyncio.run(sockets.run(seed, 120))) == []
