"""What one end says when the other one has said what it must not say."""


class ProtocolError(Exception):
    """The other side has said what it must not say; the link ends with this reason."""
