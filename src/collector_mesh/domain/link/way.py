"""The way to a peer as calls use it."""

from collections.abc import Iterable
from typing import Protocol

from collector_mesh.domain.link.entries import SentCall
from collector_mesh.domain.model.reach import Reach
from collector_mesh.domain.model.snapshot import Carrier


class Way(Protocol):
    """What calls to a peer go over: its link, or one request for each call where it has none."""

    @property
    def peer_id(self) -> str:
        """Whom it leads to, empty until that is known."""
        ...

    @property
    def carrier(self) -> Carrier:
        """Which of the two it is; for people."""
        ...

    @property
    def time(self) -> float:
        """The time at which calls are settled, on the monotonic clock, in seconds."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls that were sent and have no answer yet."""
        ...

    @property
    def round_trip(self) -> float | None:
        """How long a word and its answer take, in seconds; None until it is known."""
        ...

    @property
    def has_answered(self) -> bool:
        """Whether somebody has ever answered over it; else it is only said that there is somebody."""
        ...

    @property
    def is_retiring(self) -> bool:
        """Whether it takes no new calls, because another way to the peer stays."""
        ...

    def send(self, sent: SentCall, /) -> None:
        """Send a call; what comes of it goes to its `settle`, which may happen before this returns."""
        ...

    def cancel(self, sent: SentCall) -> None:
        """Wait for a call no longer; the other side is told, if it can be."""
        ...

    def tell_reach(self, news: Iterable[Reach]) -> None:
        """Tell who can be reached through this side, where the peer wants to know."""
        ...
