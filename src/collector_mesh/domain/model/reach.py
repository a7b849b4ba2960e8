"""What can be reached through a peer."""

import attrs

from collector_mesh.domain.model.snapshot import MethodInfo


@attrs.frozen
class Reach:
    """A collector that can be reached through whoever tells of it.

    Attributes:
        collector_id: the collector.
        path: who passes a call on, the teller first, last whoever is connected to the collector.
        methods: what can be called there.
        is_gone: whether it cannot be reached anymore.
        adds: whether these methods come to those that were told before; else they replace them.
    """

    collector_id: str
    path: tuple[str, ...] = ()
    methods: tuple[MethodInfo, ...] = ()
    is_gone: bool = False
    adds: bool = False


@attrs.frozen
class Onward:
    """A method that a peer passes calls on to.

    Attributes:
        info: the method; it may run twice if all who have it say so.
        hops: how often a call is passed on at least, 1 or more.
        targets: ids of the collectors behind the peer that have it, sorted.
    """

    info: MethodInfo
    hops: int
    targets: tuple[str, ...]
