"""That something is new of the peers, told to whoever waits for that."""

from collections.abc import Callable

from collector_mesh.domain.topology.later import Later, at_once


class News:
    """Tells its listeners that peers have come, gone or changed: soon, and once for all that happens until then.

    What is new they find out themselves. While nobody listens it costs one question.

    Args:
        later: calls something soon, when others have had their turn.
    """

    __slots__ = ("_is_coming", "_later", "_listeners")

    def __init__(self, later: Later = at_once) -> None:
        self._later = later
        self._listeners: dict[Callable[[], None], None] = {}
        self._is_coming = False

    def listen(self, listener: Callable[[], None]) -> None:
        """Call somebody at each news from now on; the same one is called once."""
        self._listeners[listener] = None

    def leave(self, listener: Callable[[], None]) -> None:
        """Call it no longer."""
        self._listeners.pop(listener, None)

    def tell(self) -> None:
        """Something is new."""
        if self._listeners and not self._is_coming:
            self._is_coming = True
            self._later(self._tell)

    def _tell(self) -> None:
        self._is_coming = False
        for listener in list(self._listeners):
            listener()
