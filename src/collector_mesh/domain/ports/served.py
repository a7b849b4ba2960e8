"""Port: which services run here, as those who watch over a collector ask for them."""

from collections.abc import Callable
from typing import Protocol

from collector_mesh.domain.model.identity import Identity


class Served(Protocol):
    """Tells callers which services this collector runs, as far as they may use them.

    A service is named as clients of gRPC name it, `package.Service`, without a namespace.
    """

    def has(self, identity: Identity | None, service: str, *, sees_all: bool = False) -> bool:
        """Whether a service runs here, in a namespace that the caller may use.

        Args:
            identity: of the caller, as far as it is proved.
            service: its full name; any text.
            sees_all: whether the caller sees what it may not use, too.
        """
        ...

    def services(self, identity: Identity | None, *, sees_all: bool = False) -> tuple[str, ...]:
        """The services that `has` says yes to, in order."""
        ...

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have something called whenever that may be others than before; what is given back ends it. It must not raise."""
        ...
