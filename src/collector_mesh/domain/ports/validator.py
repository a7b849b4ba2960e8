"""Port: what may be called."""

from typing import Protocol


class Validator(Protocol):
    """Says whether a method may be called; asked once before each call, by the collector that runs it.

    The method may be a plain function too; then it runs in a thread, as plain handlers do. It may take the `CallContext` of
    the call as a fourth argument.
    """

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str, /) -> None:
        """Return to allow, raise to refuse; the text of the exception goes to the caller.

        A `MeshError` with the code 503 or 504, a `TimeoutError` and an `OSError` mean that it cannot decide: the call ends
        with 503 and may be tried elsewhere. A `PermissionError` that the system has not raised refuses.
        """
        ...
