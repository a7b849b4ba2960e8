"""How much is done at once; what is beyond is shed, never queued, and nobody starves the others."""

from collections.abc import Callable
from math import inf
from typing import Protocol

from collector_mesh.domain.model.errors import OverloadedError
from collector_mesh.domain.policies.callers import Caller, Callers

RETRY_AFTER = 0.1
"""When a shed caller may come back, in seconds."""

CONTENDED_SECONDS = 1.0
"""How long shares bind after somebody was refused, in seconds."""

_REMEMBERED_SECONDS = 60.0
"""How long after it has last asked a namespace has a place kept for it."""

_MAX_IDLE = 1024

UNKNOWN = "(unknown)"
"""Stands for all namespaces that callers have made up; no namespace is called that."""


def _nobody(_namespace: str) -> None:
    """Tell nobody."""


class Slot(Protocol):
    """A slot that was taken."""

    def release(self) -> None:
        """Give it back."""
        ...


class Share:
    """What one namespace has taken."""

    __slots__ = ("_slots", "asked_at", "holders", "limit", "namespace", "peak", "taken")

    def __init__(self, slots: "ConcurrencyLimit", namespace: str, limit: int | None) -> None:
        self._slots = slots
        self.namespace = namespace
        self.limit = limit
        self.taken = 0
        self.peak = 0
        """Most that were taken at once of late, while shares bind."""
        self.asked_at = 0.0
        self.holders: dict[str, Holder] = {}

    def release(self) -> None:
        """Give a slot back."""
        self.taken -= 1
        self._slots.taken -= 1


class Holder:
    """What one caller has taken of what a namespace has; it is kept, and not made for each call."""

    __slots__ = ("_share", "_slots", "caller")

    def __init__(self, slots: "ConcurrencyLimit", share: Share, caller: Caller) -> None:
        self._slots = slots
        self._share = share
        self.caller = caller

    def release(self) -> None:
        """Give a slot back."""
        # On the way of every call from outside: what the share does is done here, for one call less.
        self.caller.taken -= 1
        self._share.taken -= 1
        self._slots.taken -= 1


class ConcurrencyLimit:
    """A limit on handlers that run, or on calls under way out of here, shared fairly by namespaces and by callers.

    A lone namespace may use all of it. While somebody is being refused, a namespace that has more than its
    fair share leaves room for what the others have needed of late, up to their fair shares (max-min fairness).
    Namespaces that nobody knows have one share together: callers name them as they like. A caller from outside has at most
    three quarters of all slots while another one waits.

    Args:
        limit: slots of all namespaces.
        limits: gives the limit of a namespace, or None where it has none of its own.
        is_known: whether there is such a namespace.
        now: the time, in seconds.
        on_shed: told of the namespace of each call that is shed.
        on_full: told of the namespace whose call is the first to be shed after a while without.
    """

    def __init__(
        self,
        limit: int,
        limits: Callable[[str], int | None],
        *,
        now: Callable[[], float],
        is_known: Callable[[str], object],
        on_shed: Callable[[str], None],
        on_full: Callable[[str], None] = _nobody,
    ) -> None:
        self.limit = limit
        self.taken = 0
        self._limits = limits
        self._now = now
        self._is_known = is_known
        self._on_shed = on_shed
        self._on_full = on_full
        self._shed_at = -inf
        self._shares: dict[str, Share] = {}
        self._sweep_at = _MAX_IDLE
        self._is_contended = False
        self._contended_until = 0.0
        self._aged_at = 0.0
        self._callers = Callers(limit, CONTENDED_SECONDS)

    def take(self, namespace: str, caller: str = "") -> Slot:
        """Take a slot; it is given back by the `release` of what this gives.

        Args:
            namespace: of the call.
            caller: who has made it, empty for this process itself.

        Raises:
            OverloadedError: there is none for this namespace, or for this caller.
        """
        share = self._shares.get(namespace)
        if share is None:
            share = self._new_share(namespace)
        is_over = share.limit is not None and share.taken >= share.limit
        if self.taken >= self.limit or self._is_contended or is_over:
            self._consider(share, caller, is_over=is_over)
        share.taken += 1
        self.taken += 1
        if not caller:
            return share
        holder = share.holders.get(caller)
        if holder is None:
            holder = self._new_holder(share, caller)
        holder.caller.taken += 1
        return holder

    def resize(self, limit: int, limits: Callable[[str], int | None]) -> None:
        """Have another number of slots from now on; whoever has one keeps it.

        Args:
            limit: slots of all namespaces.
            limits: gives the limit of a namespace, or None where it has none of its own.
        """
        self.limit, self._limits = limit, limits
        self._callers.resize(limit)
        for share in self._shares.values():
            share.limit = limits(share.namespace)

    @property
    def remembered(self) -> int:
        """How many namespaces something is known of."""
        return len(self._shares)

    @property
    def remembered_callers(self) -> int:
        """How many callers something is known of."""
        return len(self._callers)

    @property
    def shares(self) -> tuple[tuple[str, int], ...]:
        """What each namespace has taken, in order of their names."""
        return tuple((name, share.taken) for name, share in sorted(self._shares.items()) if share.taken)

    def _consider(self, share: Share, caller: str, *, is_over: bool) -> None:
        now = self._now()
        if now >= self._contended_until:
            self._is_contended = False
        share.asked_at = now
        if not is_over and self.taken < self.limit and not self._is_contended:
            return
        if not is_over and not self._callers.has_enough(caller, now):
            share.peak = max(share.peak, share.taken + 1)
            self._age(now)
            is_kept_free = self.taken >= self._callers.most
            if is_kept_free:
                self._callers.waits(caller, now)
            if self.taken < self.limit and self._has_room_for(share, now):
                if is_kept_free:
                    self._contended_until = now + CONTENDED_SECONDS
                return
            # Its own limit says nothing about the others.
            self._is_contended = True
            self._contended_until = now + CONTENDED_SECONDS
        if now - self._shed_at >= CONTENDED_SECONDS:
            self._on_full(share.namespace)
        self._shed_at = now
        self._on_shed(share.namespace)
        raise OverloadedError.after(RETRY_AFTER)

    def _has_room_for(self, share: Share, now: float) -> bool:
        others = [
            other
            for other in self._shares.values()
            if other is not share and (other.taken or now - other.asked_at < _REMEMBERED_SECONDS)
        ]
        fair = max(1, self.limit // (len(others) + 1))
        if share.taken < fair:
            return True
        kept = sum(max(0, min(fair, 2 * other.peak + 1) - other.taken) for other in others)
        return self.taken + kept < self.limit

    def _age(self, now: float) -> None:
        if now - self._aged_at >= CONTENDED_SECONDS:
            self._aged_at = now
            for share in self._shares.values():
                share.peak = max(share.taken, share.peak // 2)

    def _new_holder(self, share: Share, caller: str) -> Holder:
        if self._callers.is_crowded:
            # Callers come and go, and strangers as they like.
            for known in self._shares.values():
                known.holders = {name: held for name, held in known.holders.items() if held.caller.taken}
            self._callers.sweep()
        holder = share.holders[caller] = Holder(self, share, self._callers.get(caller))
        return holder

    def _new_share(self, namespace: str) -> Share:
        if not self._is_known(namespace):
            namespace = UNKNOWN
            if (known := self._shares.get(namespace)) is not None:
                return known
        if len(self._shares) >= self._sweep_at:
            # Namespaces come and go with tenants.
            self._shares = {name: share for name, share in self._shares.items() if share.taken}
            # Where most of them are busy, the next sweep would find as few.
            self._sweep_at = max(_MAX_IDLE, 2 * len(self._shares))
        share = self._shares[namespace] = Share(self, namespace, self._limits(namespace))
        share.asked_at = self._now()
        return share
