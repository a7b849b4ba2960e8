"""Several addresses in one text."""

from collector_mesh.domain.model.errors import InvalidCallError, quoted

MAX_ADDRESSES = 32
"""Addresses that a client may be given."""


class FixedAddresses:
    """Addresses that stay as they are; see the port `Addresses`.

    Args:
        text: `ADDRESS,ADDRESS,...`; the same one twice is one.

    Raises:
        InvalidCallError: there are too many, or one of several is empty.
    """

    may_change = False
    is_due = False

    def __init__(self, text: str) -> None:
        self.text = text
        parts = [part.strip() for part in text.split(",")]
        if len(parts) > MAX_ADDRESSES:
            raise InvalidCallError(f"at most {MAX_ADDRESSES} addresses are allowed, got {len(parts)}")
        if len(parts) > 1 and "" in parts:
            raise InvalidCallError(
                f"address {parts.index('') + 1} of {len(parts)} is empty in {quoted(text)}"
            )
        self._known = tuple(dict.fromkeys(parts))

    def known(self) -> tuple[str, ...]:
        """See the port."""
        return self._known

    async def refresh(self) -> str:
        """See the port."""
        return ""
