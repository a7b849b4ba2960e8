"""Who is at the other end of a link, as far as that matters once the link is lost."""

from typing import TYPE_CHECKING

import attrs

from collector_mesh.domain.model.identity import Identity

if TYPE_CHECKING:
    from collector_mesh.domain.link.engine import LinkEngine


@attrs.frozen
class Start:
    """One start of one collector or client.

    Attributes:
        collector_id: its id.
        incarnation: of this start.
        role: what it is.
        identity: what was proved of it.
        was_dialed: whether this side has dialed: not every carrier shows whom it has reached.
    """

    collector_id: str
    incarnation: str
    role: int
    identity: Identity | None
    was_dialed: bool

    @classmethod
    def of(cls, engine: "LinkEngine") -> "Start | None":
        """Who is at the other end of a link; None if nobody has said who."""
        peer = engine.peer
        if peer is None or not peer.incarnation:
            return None
        role, identity = engine.peer_role, engine.identity
        return cls(peer.collector_id, peer.incarnation, role, identity, engine.is_dialer)

    def is_same(self, other: "Start") -> bool:
        """Whether it is the same start, which has proved no other identity.

        Nothing is proved of whoever this side has dialed over some carriers: it is who was dialed.
        """
        return (
            self.collector_id == other.collector_id
            and self.incarnation == other.incarnation
            and self.role == other.role
            and (
                self.identity == other.identity
                or (self.identity is None and self.was_dialed)
                or (other.identity is None and other.was_dialed)
            )
        )

    def is_other_start(self, other: "Start") -> bool:
        """Whether it is another start under the same id."""
        return (
            self.collector_id == other.collector_id
            and self.role == other.role
            and self.incarnation != other.incarnation
        )
