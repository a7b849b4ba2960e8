"""Where a call is tried."""

from enum import Enum
from typing import Final, Literal

from collector_mesh.domain.topology.candidates import Candidate


class Here(Enum):
    """Stands for this collector where a peer could stand."""

    HERE = "here"


HERE: Final = Here.HERE
Place = Candidate | Literal[Here.HERE]
"""Where a call is tried: here, or at a peer."""


def is_simple(place: Place) -> bool:
    """Whether a try there needs nothing but a handler or the way to a peer."""
    return place is HERE or not place.hops
