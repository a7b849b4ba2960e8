"""How many links a collector has, and how they are kept."""

from collections.abc import Mapping

import attrs
from attrs.validators import ge

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.health import Heartbeats
from collector_mesh.domain.model.snapshot import NO_LABELS


@attrs.frozen
class LinkRules:
    """How many links there may be, and how they are kept.

    Attributes:
        max_links: links of a collector, clients included.
        max_held_bytes: what is held for others together, by links and by requests without one.
        max_silent: links whose other side has not said hello; when one more comes, one of them ends.
        max_payload_bytes: largest payload that is taken.
        probe: seconds within which a collector whose id somebody else claims has to answer.
        drain: seconds within which peers should take notice of a drain.
        goodbye: seconds that links get to say goodbye when all of them end.
        recover: seconds for which calls of a lost link are held until the other side has told what became of them, and
            for which handlers of its calls go on; 0 does neither.
        batching: how calls are put into frames.
        heartbeats: when to send signs of life.
        labels: what this side says of itself.
        weight: its share of calls beside others.
    """

    max_links: int = attrs.field(default=1024, validator=ge(1))
    max_held_bytes: int = attrs.field(default=256 << 20, validator=ge(1))
    max_silent: int = attrs.field(default=64, validator=ge(1))
    max_payload_bytes: int = 4 << 20
    probe: float = 1.0
    drain: float = 1.0
    goodbye: float = 2.0
    recover: float = attrs.field(default=2.0, validator=ge(0))
    batching: Batching = attrs.field(factory=Batching)
    heartbeats: Heartbeats = attrs.field(factory=Heartbeats)
    labels: Mapping[str, str] = NO_LABELS
    weight: int = 1
