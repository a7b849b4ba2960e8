"""What a frame means before a link is open."""

from collector_mesh.domain.link.offense import ProtocolError
from collector_mesh.domain.model.frames import Control, Frame, Goodbye, Greeting, Hello


def read_handshake(frame: Frame, *, is_dialer: bool, has_greeted: bool) -> Hello | Greeting | Goodbye | None:
    """A hello, the answer to one, a goodbye instead of them, or nothing yet.

    Args:
        frame: what has come; beside a greeting there may be more in it, to be read afterwards.
        is_dialer: whether this side has opened the link.
        has_greeted: whether the other side has said hello.

    Raises:
        ProtocolError: it comes too early or twice.
    """
    control = frame.control or Control()
    if is_dialer and control.greeting is not None:
        return control.greeting
    if control.hello is not None and not is_dialer and not has_greeted:
        if control.hello.version < 1:
            raise ProtocolError(f"version {control.hello.version}: it must be at least 1")
        if frame.takes_room or frame.cancels:
            raise ProtocolError("something before the answer to hello")
        return control.hello
    if is_dialer or has_greeted:
        if control.goodbye is not None:
            return control.goodbye
        if control.hello is not None:
            raise ProtocolError("a second hello")
    if control != Control() or frame.takes_room or frame.cancels:
        raise ProtocolError(f"something before {'the answer to ' if is_dialer or has_greeted else ''}hello")
    return None
