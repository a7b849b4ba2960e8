"""What waits to be written, and which of it goes next: batches, chunks, the window."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from collector_mesh.domain.link.batching import Batching
from collector_mesh.domain.link.entries import SentCall, TakenCall
from collector_mesh.domain.link.page import Names, Page, Written, replies_again
from collector_mesh.domain.link.sizes import CANCELS_OF_A_FRAME
from collector_mesh.domain.link.unfit import unfit, unfit_reply
from collector_mesh.domain.link.window import Window
from collector_mesh.domain.model.errors import (
    DeadlineExceededError,
    Executed,
)
from collector_mesh.domain.model.frames import Chunk, Control, Frame
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.status import Reply

Entry = SentCall | TakenCall

LATE_REPLY_SECONDS = 1.0
"""Seconds after its deadline at which a reply that still waits is not sent anymore: its caller has gone."""

HELD_STEP = 64 << 10
"""Bytes by which what is held has to change before that is told."""

_MAX_UNSAID = 1024


class _Large:
    """A payload on its way in chunks."""

    __slots__ = ("at", "entry", "value")

    def __init__(self, entry: Entry, value: bytes) -> None:
        self.entry = entry
        self.value = value
        self.at = 0


class Outbox:
    """Everything that one end has still to say about calls.

    Args:
        own_id: id of this end.
        batching: how it is put into frames.
        taken: the calls of the other side whose replies are not out.
        settle: given a call of this side that cannot be sent, with what came of it.
    """

    def __init__(
        self,
        own_id: str,
        batching: Batching,
        taken: dict[int, TakenCall],
        settle: Callable[[SentCall, Reply], None],
    ) -> None:
        self._own_id = own_id
        self._batching = batching
        self._large_bytes = batching.large_bytes
        self._taken = taken
        self._settle = settle
        self._names = Names(batching.max_names)
        self._small: deque[Entry] = deque()
        self._large: deque[_Large] = deque()
        self._count = 0
        self._cancels: deque[int] = deque()
        self._unsaid: set[int] = set()
        self._is_unsure = False
        self.window = Window(batching)
        self.waiting: dict[int, SentCall] = {}
        """Calls that have been sent, in part at least, and have no reply."""
        self.earliest = float("inf")
        """The time of none of the calls of this side is up before; one that has ended may still count."""
        self.last_number = 0
        self.queued_bytes = 0
        self.on_growth: Callable[[], None] = _nobody
        """Called when `HELD_STEP` more bytes wait than were told last."""
        self.tell_at = HELD_STEP
        self.reply_bytes = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be written."""
        return not (self._count or self._large or self._cancels)

    @property
    def all_is_said(self) -> bool:
        """Whether nobody waits for a reply that was dropped because it was late."""
        return not (self._unsaid or self._is_unsure)

    @property
    def held_bytes(self) -> int:
        """What waits to be written, and the names that were told."""
        return self.queued_bytes + self._names.held_bytes

    @property
    def in_flight(self) -> int:
        """Calls of this side that have no reply, sent or not."""
        return len(self.waiting) + sum(1 for _ in self.unsent())

    def unsent(self) -> Iterator[SentCall]:
        """Calls that have not been put into any frame."""
        for entry in self._small:
            if isinstance(entry, SentCall) and entry.size:
                yield entry
        for large in self._large:
            if isinstance(large.entry, SentCall) and not large.entry.number:
                yield large.entry

    def is_partly_sent(self, sent: SentCall) -> bool:
        """Whether a call has been announced, but its payload is not all out: it cannot have run."""
        return any(large.entry is sent for large in self._large)

    # ---- what is put in, and taken back --------------------------------------------------------------

    def put(self, entry: Entry, value: bytes, size: int) -> None:
        """Add a call or a reply with its payload; `size` is what both cost in a frame."""
        entry.size = size
        self.queued_bytes = queued = self.queued_bytes + size
        if entry.is_reply:
            self.reply_bytes += size
        elif entry.deadline < self.earliest:
            self.earliest = entry.deadline
        if queued >= self.tell_at:
            self.on_growth()
        if len(value) > self._large_bytes:
            self._large.append(_Large(entry, value))
        else:
            self._small.append(entry)
            self._count += 1

    def drop(self, entry: Entry) -> None:
        """Take back a call or a reply, all or what is left of it; the other side is told where it knows of it."""
        is_sent = isinstance(entry, SentCall) and self.waiting.pop(entry.number, None) is not None
        if is_sent:
            self._cancels.append(entry.number)
        for large in self._large:
            if large.entry is entry:
                self._large.remove(large)
                self._has_left(entry)
                return
        if is_sent or not entry.size:
            return
        self._has_left(entry)
        self._count -= 1
        # It stays where it is until its turn comes; but not for ever, if nothing is taken.
        if len(self._small) > 2 * self._count + 64:
            self._small = deque(left for left in self._small if left.size)

    def drop_late_replies(self, now: float) -> None:
        """Forget replies, small and large ones, whose callers have gone."""
        entries = [entry for entry in self._small if entry.size]
        entries += [large.entry for large in self._large]
        for entry in entries:
            if isinstance(entry, TakenCall) and _is_late(entry, now):
                self.drop(entry)
                self._leave_unsaid(entry)

    def cancelled(self, number: int) -> None:
        """The other side does not wait for the reply to a call that was answered."""
        self._unsaid.discard(number)

    def _leave_unsaid(self, taken: TakenCall) -> None:
        """The reply to a call is not sent; as long as its caller may wait all the same, it has to be known."""
        self._taken.pop(taken.number, None)
        if taken.reply is not None and taken.reply.executed is Executed.NO:
            return
        if len(self._unsaid) < _MAX_UNSAID:
            self._unsaid.add(taken.number)
        else:
            self._is_unsure = True

    def late(self, now: float) -> list[SentCall]:
        """Calls of this side, sent or not, whose time is up; they are looked at only if there can be any."""
        late: list[SentCall] = []
        if now < self.earliest:
            return late
        earliest = float("inf")
        for calls in (self.waiting.values(), self.unsent()):
            for sent in calls:
                if sent.deadline <= now:
                    late.append(sent)
                elif sent.deadline < earliest:
                    earliest = sent.deadline
        self.earliest = earliest
        return late

    def resume(self, calls: Iterable[SentCall]) -> None:
        """Wait for calls which the other side is asked about, and that are numbered on from those before."""
        for sent in calls:
            self.last_number = sent.number
            self.waiting[sent.number] = sent
            self.earliest = min(self.earliest, sent.deadline)

    def unacknowledged(self) -> dict[int, Reply]:
        """The replies that have been written, and that the other side has not said to have taken."""
        found: dict[int, Reply] = {}
        for written in self.window.unacknowledged:
            found.update(replies_again(written, self._own_id))
        return found

    def take_all(self) -> tuple[list[SentCall], list[SentCall]]:
        """Let go of everything: the link has ended. Gives the calls that cannot have run, and those that may have."""
        partly = {large.entry.number for large in self._large if isinstance(large.entry, SentCall)}
        not_sent = list(self.unsent())
        not_sent += [sent for sent in self.waiting.values() if sent.number in partly]
        sent_whole = [sent for sent in self.waiting.values() if sent.number not in partly]
        for entries in (self._small, (large.entry for large in self._large)):
            for entry in entries:
                self._has_left(entry)
        self._small.clear()
        self._large.clear()
        self._cancels.clear()
        self._count = 0
        self.waiting.clear()
        return not_sent, sent_whole

    def _has_left(self, entry: Entry) -> None:
        self.queued_bytes -= entry.size
        if entry.is_reply:
            self.reply_bytes -= entry.size
        entry.size = 0

    # ---- what goes out -------------------------------------------------------------------------------

    def _may_write(self) -> bool:
        """Whether calls, replies or chunks can go now, and are enough to be worth it."""
        open_frames = self.window.open_frames
        if not open_frames:
            return bool(self._count or self._large)
        return open_frames < self.window.size and (
            self._count >= self._batching.enough
            or bool(self._large)
            or self.queued_bytes >= self.window.frame_bytes
        )

    def write(self, now: float, credit: int, control: Control | None) -> Frame | None:
        """A frame of what waits, with a credit and what is said of the link, or None if nothing of it may go now."""
        with_data = self._may_write()
        if not with_data and not self._cancels:
            return None
        cancels: tuple[int, ...] = ()
        if self._cancels:
            count = min(len(self._cancels), CANCELS_OF_A_FRAME)
            cancels = tuple(self._cancels.popleft() for _ in range(count))
        queued = self.queued_bytes
        page = self._fill(now) if with_data else None
        chunks = self._cut(page, now) if page is not None and self._large else ()
        calls = replies = None
        methods: tuple[MethodKey, ...] = ()
        texts: tuple[str, ...] = ()
        forgets = False
        if page is not None:
            calls, replies = page.calls(), page.replies()
            names = self._names
            if names.new_methods or names.new_texts:
                methods, texts = tuple(names.new_methods), tuple(names.new_texts)
                names.new_methods, names.new_texts = [], []
            forgets, names.are_forgotten = names.are_forgotten, False
        if calls is None and replies is None and not chunks and not cancels and not (methods or texts):
            if forgets:
                self._names.are_forgotten = True
            return None
        if calls is not None or replies is not None or chunks:
            chunk_size = len(chunks[0].value) if chunks else 0
            # Until the other side has taken the replies: if the link is lost, it may ask for them.
            kept: Written | None = None
            if page is not None and (replies is not None or page.done is not None):
                kept = replies, self._names.texts, page.done
            self.window.wrote(now, queued - self.queued_bytes + chunk_size, chunk_size, kept)
        return Frame(credit, control, forgets, methods, texts, calls, replies, cancels, chunks)

    def _new_page(self, now: float) -> Page:
        if self._names.is_full:
            self._names.forget()
        return Page(self._names, self._own_id, self.last_number + 1, now)

    def _fill(self, now: float) -> Page:
        page, names = self._new_page(now), self._names
        small, waiting, taken = self._small, self.waiting, self._taken
        room, left_bytes = self._batching.max_envelopes, self.window.frame_bytes
        if self._count <= 2 * self._batching.enough:
            # In two frames, so that the other side works on the first while this one makes the second: with
            # 64 calls in flight that is 1.4 times as fast as all of them in one.
            room = min(room, self._batching.enough)
        while small and room > 0 and left_bytes > 0:
            entry = small[0]
            size = entry.size
            if not size:  # it was taken back
                small.popleft()
                continue
            if size > left_bytes and not page.is_empty:
                break
            small.popleft()
            self._count -= 1
            # As `_has_left`, in two parts and without its call.
            self.queued_bytes -= size
            entry.size = 0
            try:
                if not entry.is_reply:
                    left = entry.deadline - now
                    if left <= 0:
                        self._settle(entry, expired())
                        continue
                    page.add_call(entry, left, entry.call.payload.value, 0)
                    self.last_number = number = self.last_number + 1
                    entry.number = number
                    waiting[number] = entry
                else:
                    self.reply_bytes -= size
                    if entry.call.deadline + LATE_REPLY_SECONDS < now:
                        self._leave_unsaid(entry)
                        continue
                    reply: Reply = entry.reply  # type: ignore[assignment]  # only answered ones are queued
                    page.add_reply(entry.number, reply, reply.payload.value, 0)
                    del taken[entry.number]
            except Exception as error:  # noqa: BLE001  # of one call or reply, which no other one suffers from
                self._add_unfit(page, entry, error)
            room -= 1
            left_bytes -= size
            if names.new_bytes:
                left_bytes -= names.new_bytes
                names.new_bytes = 0
        return page

    def _cut(self, page: Page, now: float) -> tuple[Chunk, ...]:
        """The next piece of the large payload whose turn it is."""
        while self._large:
            large = self._large.popleft()
            entry, value = large.entry, large.value
            if not large.at and not self._announce(page, entry, len(value), now):
                self._has_left(entry)
                continue
            end = large.at + self.window.chunk_bytes
            chunk = Chunk(entry.number, entry.is_reply, value[large.at : end])
            large.at = end
            if end < len(value):
                self._large.append(large)
            else:
                self._has_left(entry)
                if entry.is_reply:
                    page.done = self._taken.pop(entry.number)
            return (chunk,)
        return ()

    def _announce(self, page: Page, entry: Entry, size: int, now: float) -> bool:
        try:
            if isinstance(entry, SentCall):
                left = entry.deadline - now
                if left <= 0:
                    self._settle(entry, expired())
                    return False
                page.add_call(entry, left, b"", size)
                self.last_number += 1
                entry.number = self.last_number
                self.waiting[entry.number] = entry
                return True
            if _is_late(entry, now):
                self._leave_unsaid(entry)
                return False
            reply: Reply = entry.reply  # type: ignore[assignment]  # only answered ones are queued
            page.add_reply(entry.number, reply, b"", size)
        except Exception as error:  # noqa: BLE001  # as above
            self._add_unfit(page, entry, error)
            return False
        return True

    def _add_unfit(self, page: Page, entry: Entry, error: Exception) -> None:
        """Refuse a call that cannot be told, or say so in place of such a reply."""
        if isinstance(entry, SentCall):
            self._settle(entry, Reply.refused(unfit(error)))
            return
        reply: Reply = entry.reply  # type: ignore[assignment]  # only answered ones are queued
        page.add_reply(entry.number, unfit_reply(reply, error), b"", 0)
        del self._taken[entry.number]


def _nobody() -> None:
    """Tell nobody."""


def _is_late(taken: TakenCall, now: float) -> bool:
    return taken.call.deadline + LATE_REPLY_SECONDS < now


def expired() -> Reply:
    """The reply to a call whose time was up before it had left."""
    return Reply.refused(DeadlineExceededError("deadline exceeded", executed=Executed.NO))
