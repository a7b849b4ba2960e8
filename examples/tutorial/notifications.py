"""Letters to customers. This one only keeps them."""

from collector_mesh import Service

notifications = Service("notifications", "Notifications")
letters: list[str] = []


@notifications.method("Send")
async def send(letter: dict[str, str]) -> None:
    """An async function runs in the event loop."""
    letters.append(f"to {letter['email']}: {letter['text']}")


@notifications.method("Sent", idempotent=True)
async def sent() -> list[str]:
    """All letters since the start."""
    return letters
