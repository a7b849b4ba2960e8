"""What happens to frames between hosts: rules of latency, loss, bandwidth and partitions."""

import asyncio
import math
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

import attrs

from collector_mesh.adapters.simulated.host import Host
from collector_mesh.adapters.simulated.streams import GIVE_UP_SECONDS, RETRANSMIT_SECONDS
from collector_mesh.adapters.simulated.trace import Trace
from collector_mesh.domain.model.frames import Frame

_P99 = 2.3263
"""Standard deviations beyond which 1 % of a normal distribution lies."""

_FRAME_BYTES = 64


@attrs.define
class Wire:
    """How frames travel in one direction between two hosts.

    Attributes:
        median: of the latency, in seconds; it is log-normal.
        p99: what 99 of 100 frames take at most, in seconds.
        loss: the share of packets that are lost; each is sent again after a time-out of TCP.
        bandwidth: bytes a second, `math.inf` for any number.
    """

    median: float = 0.0005
    p99: float = 0.001
    loss: float = 0.0
    bandwidth: float = math.inf
    sigma: float = attrs.field(init=False)
    """Standard deviation of the logarithm of the latency."""

    def __attrs_post_init__(self) -> None:
        self.sigma = math.log(self.p99 / self.median) / _P99


class NetworkRules(ABC):
    """How hosts are connected; a scenario changes it.

    Args:
        loop: virtual time.
        seed: decides everything that is left to chance here.
        trace: told of every change.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, seed: str, trace: Trace) -> None:
        self.loop = loop
        self.trace = trace
        self._dice = random.Random(seed)  # noqa: S311  # to be foreseen is what it is for
        self._hosts: dict[str, Host] = {}
        self._said: dict[tuple[str, str], dict[str, float]] = {}
        """What the rules say of a pair of hosts, of which each may be `*`."""
        self._wires: dict[tuple[str, str], Wire] = {}
        """What comes of all the rules together for two hosts, as far as somebody has asked."""
        self._cut: Counter[tuple[str, str]] = Counter()
        """How many faults keep everything from passing from one host to another."""
        self._busy: dict[tuple[str, str], float] = {}
        """When what was sent over a wire of limited bandwidth is through."""

    def latency(self, one: str, other: str, *, median: float, p99: float) -> None:
        """How long frames take between two hosts, both ways; `*` stands for any host. Seconds.

        Raises:
            ValueError: the median is not positive, or above the percentile, which must be finite; or there is
                no such host.
        """
        if not 0 < median <= p99 < math.inf:
            raise ValueError(
                f"median must be over 0 and at most p99, both finite, got {median:g} and {p99:g}"
            )
        self._set(one, other, median=median, p99=p99)

    def loss(self, one: str, other: str, share: float) -> None:
        """The share of packets that are lost between two hosts, both ways; TCP sends them again.

        Raises:
            ValueError: it is not between 0 and 0.99; or there is no such host.
        """
        if not 0 <= share <= 0.99:
            raise ValueError(f"share must be from 0 to 0.99, got {share:g}")
        self._set(one, other, loss=share)

    def bandwidth(self, one: str, other: str, bytes_per_second: float) -> None:
        """How many bytes a second pass between two hosts, each way.

        Raises:
            ValueError: it is not positive; or there is no such host.
        """
        if not bytes_per_second > 0:
            raise ValueError(f"bytes_per_second must be over 0, got {bytes_per_second:g}")
        self._set(one, other, bandwidth=bytes_per_second)

    def partition(self, *groups: Iterable[str]) -> None:
        """Let nothing pass between hosts of different groups, silently, until `heal`.

        Raises:
            ValueError: there are fewer than two groups, there is no such host, or it is in two groups.
        """
        sets = self._groups(groups)
        if len(sets) < 2:
            raise ValueError(f"a partition takes at least two groups, got {len(sets)}")
        self._close(*_between(sets))
        self.trace.fault("partition", *(",".join(group) for group in sets))

    def cut(self, source: str, sink: str) -> None:
        """Let nothing pass from one host to another, silently, until `heal`; the other way is open.

        Raises:
            ValueError: there is no such host.
        """
        self._check(source, sink)
        self._close((source, sink))
        self.trace.fault("cut", source, sink)

    def mend(self, source: str, sink: str) -> None:
        """End a `cut`.

        Raises:
            ValueError: there is no such host.
        """
        self._check(source, sink)
        self._open((source, sink))
        self.trace.fault("mend", source, sink)
        self._go_on()

    def clog(self, one: str, other: str) -> None:
        """Let nothing pass between two hosts, silently, until `unclog` or `heal`.

        Raises:
            ValueError: there is no such host.
        """
        self._check(one, other)
        self._close((one, other), (other, one))
        self.trace.fault("clog", one, other)

    def unclog(self, one: str, other: str) -> None:
        """Let everything pass between two hosts again.

        Raises:
            ValueError: there is no such host.
        """
        self._check(one, other)
        self._open((one, other), (other, one))
        self.trace.fault("unclog", one, other)
        self._go_on()

    def heal(self, *groups: Iterable[str]) -> None:
        """Let everything pass again; with the groups of a partition, end that one alone.

        Raises:
            ValueError: there is no such host, or it is in two groups.
        """
        if groups:
            sets = self._groups(groups)
            self._open(*_between(sets))
            self.trace.fault("heal", *(",".join(group) for group in sets))
        else:
            self._cut.clear()
            self.trace.fault("heal")
        self._go_on()

    def calm(self) -> None:
        """As `heal`, and nothing is lost anymore, and bandwidth is not limited."""
        self._busy.clear()
        for said in self._said.values():
            said.pop("loss", None)
            said.pop("bandwidth", None)
        self._wires.clear()
        self.heal()

    def restore(self, one: str, other: str, *what: str) -> None:
        """Take back what was said of two hosts alone: `latency`, `loss` or `bandwidth`.

        Raises:
            ValueError: there is no such host, or something else is to be taken back.
        """
        self._check(*(host_id for host_id in (one, other) if host_id != "*"))
        for word in what:
            if word not in _WORDS:
                raise ValueError(f"what is taken back must be one of {', '.join(_WORDS)}, got {word!r}")
        names = {name for word in what for name in (("median", "p99") if word == "latency" else (word,))}
        for pair in ((one, other), (other, one)):
            self._said[pair] = {
                name: value for name, value in self._said.get(pair, {}).items() if name not in names
            }
        self._wires.clear()
        self.trace.fault("restore", one, other, *what)

    @abstractmethod
    def _go_on(self) -> None:
        """Have what was held go on where it can."""

    def is_cut(self, source: Host, sink: Host) -> bool:
        """Whether nothing passes."""
        return bool(self._cut) and (source.host_id, sink.host_id) in self._cut

    def draw_delay(self, source: Host, sink: Host, frame: Frame | None) -> float:
        """How long a frame takes, in seconds, with all its retransmissions; `math.inf` if the sender gives up."""
        wire = self._wire(source.host_id, sink.host_id)
        delay = wire.median * math.exp(wire.sigma * self._dice.gauss(0.0, 1.0))
        pause, held = RETRANSMIT_SECONDS, 0.0
        while wire.loss and self._dice.random() < wire.loss:
            held += pause
            if held > GIVE_UP_SECONDS:
                return math.inf
            pause *= 2
        if wire.bandwidth != math.inf and frame is not None:
            now, pair = self.loop.time(), (source.host_id, sink.host_id)
            # What was sent before has to be through first.
            through = max(now, self._busy.get(pair, 0.0)) + _size(frame) / wire.bandwidth
            self._busy[pair] = through
            delay += through - now
        return delay + held

    def _groups(self, groups: Iterable[Iterable[str]]) -> list[list[str]]:
        sets = [[group] if isinstance(group, str) else sorted(group) for group in groups]
        members = [host_id for group in sets for host_id in group]
        self._check(*members)
        if twice := [host_id for host_id, count in Counter(members).items() if count > 1]:
            raise ValueError(f"collector {twice[0]!r} is in two groups")
        return sets

    def _close(self, *pairs: tuple[str, str]) -> None:
        self._cut.update(pairs)

    def _open(self, *pairs: tuple[str, str]) -> None:
        """One fault less for each."""
        for pair in pairs:
            self._cut[pair] -= 1
        self._cut = +self._cut

    def _check(self, *host_ids: str) -> None:
        for host_id in host_ids:
            if host_id not in self._hosts:
                known = ", ".join(self._hosts) or "none"
                raise ValueError(f"there is no collector {host_id!r}: there are {known}")

    def _set(self, one: str, other: str, **values: float) -> None:
        self._check(*(host_id for host_id in (one, other) if host_id != "*"))
        for pair in ((one, other), (other, one)):
            self._said.setdefault(pair, {}).update(values)
        self._wires.clear()
        self.trace.fault("wire", one, other, *(f"{name}={value:g}" for name, value in values.items()))

    def _wire(self, source: str, sink: str) -> Wire:
        if not self._said:
            return _DEFAULT
        wire = self._wires.get((source, sink))
        if wire is None:
            values: dict[str, float] = {}
            # What is said of more hosts gives way to what is said of fewer, each value by itself.
            for pair in (("*", "*"), ("*", sink), (source, "*"), (source, sink)):
                values |= self._said.get(pair, {})
            wire = self._wires[source, sink] = Wire(**values)
        return wire


_DEFAULT = Wire()
_WORDS = ("latency", "loss", "bandwidth")


def _between(groups: Sequence[Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Pairs of hosts of different groups, in both directions."""
    for group in groups:
        for others in groups:
            if others is not group:
                yield from product(group, others)


def _size(frame: Frame) -> int:
    size = _FRAME_BYTES
    for part in (frame.calls, frame.replies):
        if part is not None:
            size += sum(map(len, part.values)) + 16 * len(part.values)
    return size + sum(len(chunk.value) for chunk in frame.chunks)
