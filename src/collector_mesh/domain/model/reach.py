"""What can be reached through a peer."""

import attrs

from collector_mesh.domain.model.snapshot import MethodInfo


@attrs.frozen
class Onward:
    """A method that a peer passes calls on to.

    Attributes:
        info: the method.
        hops: how often a call is passed on at least, 1 or more.
        targets: ids of the collectors behind the peer that have it, sorted.
    """

    info: MethodInfo
    hops: int
    targets: tuple[str, ...]
