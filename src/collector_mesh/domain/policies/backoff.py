"""How long to wait before dialing again."""

import attrs
from attrs.validators import ge, gt

from collector_mesh.domain.ports.randomness import Randomness


@attrs.frozen
class Backoff:
    """Pauses between dials: capped exponential, full jitter, so that peers of a lost hub do not return together.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

    Attributes:
        first: longest first pause, in seconds.
        factor: how much longer each next one may be.
        cap: longest pause, in seconds.
        refused_cap: the same while nobody listens, as the machine there says: asking costs next to nothing, and who
            comes back is found soon.
    """

    first: float = attrs.field(default=0.1, validator=gt(0))
    factor: float = attrs.field(default=1.6, validator=ge(1))
    cap: float = attrs.field(default=2.0, validator=gt(0))
    refused_cap: float = attrs.field(default=0.4, validator=gt(0))

    def pause(self, attempt: int, *, dice: Randomness, is_refused: bool = False) -> float:
        """Seconds to wait before dial number `attempt`, counted from 1; `is_refused` says how the last one has failed."""
        cap = min(self.cap, self.refused_cap) if is_refused else self.cap
        # Dialing never ends: an unbounded power overflows a float after some 1,500 attempts.
        return dice.uniform(0.0, min(cap, self.first * self.factor ** min(attempt - 1, 64)))
