"""Port: what may be called."""

from typing import Protocol


class Validator(Protocol):
    """Says whether a method may be called; asked once before each call, where it is executed.

    A user's may be plain too, and runs in a thread then, as plain handlers do. It may take the `CallContext` of the call
    as a fourth argument.
    """

    async def validate_service_method(self, namespace: str, service_name: str, method_name: str, /) -> None:
        """Return to allow, raise to refuse; the text of what is raised goes to the caller.

        A `MeshError` whose code is 503 or 504, a `TimeoutError` and an `OSError` mean that it cannot decide: the call is
        answered with 503 and may be tried elsewhere. A `PermissionError` that the system has not raised refuses.
        """
        ...
