"""A slot for as long as it is needed, with pauses."""

from collector_mesh.domain.policies.concurrency import ConcurrencyLimit, Slot


class Lease:
    """A slot that is given back while its call waits for a thread, and taken again when there is one."""

    __slots__ = ("_namespace", "_slot", "_slots", "_source")

    def __init__(self, slots: ConcurrencyLimit, namespace: str, source: str) -> None:
        self._slots = slots
        self._namespace = namespace
        self._source = source
        self._slot: Slot | None = slots.take(namespace, source)

    def pause(self) -> None:
        """Give the slot back for now."""
        self.release()

    def resume(self) -> None:
        """Take a slot again.

        Raises:
            OverloadedError: there is none by now.
        """
        self._slot = self._slots.take(self._namespace, self._source)

    def release(self) -> None:
        """Give the slot back, if there is one."""
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.release()
