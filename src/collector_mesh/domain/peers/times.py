"""How long things may take between peers."""

import attrs
from attrs.validators import gt

LET_GO_SECONDS = 60.0
"""How long calls that are still under way may take to finish where another link, or another way, has taken over."""

_LEAST_PATIENCE = 1.0
"""Seconds that a peer has to say that it is there, at least."""


@attrs.frozen
class KeepingTimes:
    """How long things may take between peers, all in seconds.

    Attributes:
        refresh: between two questions to a peer without links whether it is there; well under `expiry`.
        dial: for one dial in the background, answer included.
        expiry: after which a peer that was not heard of is forgotten, or, if it is wanted, lost.
        redial: at least between two dials that calls ask for, of each peer.
        steady: age from which on a link was a success; a younger one that ends counts as a dial that has failed.
    """

    refresh: float = attrs.field(default=20.0, validator=gt(0))
    dial: float = attrs.field(default=10.0, validator=gt(0))
    expiry: float = attrs.field(default=60.0, validator=gt(0))
    redial: float = attrs.field(default=0.25, validator=gt(0))
    steady: float = attrs.field(default=5.0, validator=gt(0))

    @property
    def soon(self) -> float:
        """Seconds until somebody who has not answered is asked again."""
        return min(self.refresh, self.expiry / 12)

    @property
    def patience(self) -> float:
        """Seconds within which a peer has to say that it is there."""
        return max(_LEAST_PATIENCE, min(self.dial, self.refresh))
