"""What has come of a simulation."""

from collections.abc import Mapping

import attrs

from collector_mesh.adapters.simulated.trace import Line


@attrs.frozen
class SimulationResult:
    """What has come of a simulation.

    Attributes:
        seed: what it was run with.
        digest: of every frame, event, decision and outcome with its virtual time; the same for the same seed.
        trace: the last of these: virtual nanoseconds, a word, and what it is about.
        stats: counts: `calls`, `frames`, `advertisements` and `outcome_CODE`.
        virtual_seconds: how long it took.
        value: what the scenario has returned.
    """

    seed: int
    digest: str
    trace: tuple[Line, ...]
    stats: Mapping[str, int]
    virtual_seconds: float
    value: object = None
