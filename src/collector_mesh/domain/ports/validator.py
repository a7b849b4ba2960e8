"""Port: what may be called."""

from typing import Protocol


class Validator(Protocol):
    """Says whether a method may be called; asked once before each call, where it is executed."""

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str, /) -> None:
        """Return to allow, raise any exception to refuse; its text goes to the caller."""
        ...
