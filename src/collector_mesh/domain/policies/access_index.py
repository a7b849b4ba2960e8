"""Finds the rule that decides without looking at the others."""

from collections.abc import Callable, Iterable, Sequence
from heapq import merge

import attrs

from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.access_patterns import Patterns, Positions, WhoIndex, is_in
from collector_mesh.domain.policies.access_rules import (
    AccessRule,
    AccessRules,
    Reach,
    method_text,
    service_text,
)
from collector_mesh.domain.policies.access_who import ANYONE, ID, proved_names
from collector_mesh.domain.policies.trust import TrustDomain

MAX_CALLERS = 1_024
"""Callers whose decisions are remembered."""

MAX_DECISIONS = 16_384
"""Decisions that are remembered, of all callers."""

MAX_OF_CALLER = 2_048
"""Decisions that are remembered of one caller, so that nobody makes the others be forgotten."""

MAX_HELD = 1 << 19
"""Numbers of rules that are remembered, of all callers."""


@attrs.frozen
class Decision:
    """What the rules say.

    Attributes:
        allows: whether something may be done.
        rule: the rule that says so, None where none fits.
    """

    allows: bool
    rule: AccessRule | None = None

    @property
    def reason(self) -> str:
        """Which rule it was, for people."""
        if self.rule is None:
            return "no rule is about it"
        return f"rule {self.rule.name!r} {'allows' if self.allows else 'denies'} it"


_REJECTED = Decision(allows=False)


@attrs.frozen(eq=False)
class _Caller:
    """What is remembered of somebody.

    Attributes:
        fits: the rules that are about it, but for those that are about anyone.
        is_rejected: whether it has shown wrong credentials, which is the end of everything.
        decisions: by what was asked.
    """

    fits: tuple[int, ...]
    is_rejected: bool = False
    decisions: dict[tuple[str, ...], Decision] = attrs.field(factory=dict)


class AccessIndex:
    """The rules, so that a decision costs as much with 10,000 of them as with ten.

    Decisions about calls are remembered, a bounded number of them.

    Args:
        rules: the rules.
        trust: in which names of certificates stand for collectors; None where none do.
    """

    def __init__(self, rules: AccessRules, trust: TrustDomain | None) -> None:
        self.rules = rules
        self._rules = rules.rules
        self._trust = trust
        self._otherwise = Decision(rules.default == "allow")
        self._who = WhoIndex(self._rules)
        self._peer, self._serve, self._methods, self._namespaces = (Patterns() for _ in range(4))
        self._inspect = [position for position, rule in enumerate(self._rules) if rule.inspect]
        for position, rule in enumerate(self._rules):
            for pattern in rule.peer:
                self._peer.add(pattern, position)
            for pattern in rule.serve:
                self._serve.add(pattern, position)
            for pattern in rule.use:
                self._add_use(pattern, position)
        self._callers: dict[Identity | None, _Caller] = {}
        self._remembered = self._held = 0

    def _add_use(self, pattern: str, position: int) -> None:
        reach = Reach.of(pattern)
        if reach.whole:
            self._methods.add_whole(reach.whole, position)
        if reach.start is not None:
            self._methods.add_start(reach.start, position)
        namespace, slash, _ = pattern.partition("/")
        self._namespaces.add(namespace if slash else pattern, position)

    # ---- calls -------------------------------------------------------------------------------------

    def use(self, identity: Identity | None, key: MethodKey) -> Decision:
        """Whether somebody may call a method."""
        # On the way of every call where there are rules.
        caller = self._callers.get(identity)
        if caller is not None and (known := caller.decisions.get(key)) is not None:
            return known
        service = self._methods.whole(service_text(key.namespace, key.service))
        found = (*self._methods.of(method_text(key)), *service)
        return self._remember(identity, key, lambda caller: self._decide(caller, found, _using(key)))

    def use_some(self, identity: Identity | None, namespace: str, service: str = "") -> Decision:
        """Whether somebody may call some method of a namespace, or of a service in it."""
        asked = (namespace, service)
        caller = self._callers.get(identity)
        if caller is not None and (known := caller.decisions.get(asked)) is not None:
            return known
        return self._remember(identity, asked, lambda caller: self._use_some(caller, namespace, service))

    def _use_some(self, caller: _Caller, namespace: str, service: str) -> Decision:
        if caller.is_rejected:
            return _REJECTED
        found = tuple(self._namespaces.of(namespace))
        for position in self._fitting(caller, found, lambda _rule: True):
            rule = self._rules[position]
            reaches = [Reach.of(pattern) for pattern in rule.use]
            # Whoever may not call a part of it may still be allowed another one, by a rule further down.
            if any(reach.has_all(namespace, service) for reach in reaches) or (
                rule.allows and any(reach.has_some(namespace, service) for reach in reaches)
            ):
                return Decision(rule.allows, rule)
        return self._otherwise

    # ---- peers, and those who look -----------------------------------------------------------------

    def peer(self, identity: Identity | None, peer_id: str, *, claimed: bool = False) -> Decision:
        """Whether somebody may be a peer under an id; it may count as proved because this side has dialed it."""
        caller = self._made(identity, peer_id if claimed else "")
        return self._decide(caller, tuple(self._peer.of(peer_id)), lambda rule: _has(rule.peer, peer_id))

    def proves_id(self, identity: Identity | None, decision: Decision) -> bool:
        """Whether a rule that lets somebody be a peer names it by something else than its id, which then stands for it."""
        if identity is None or decision.rule is None or not decision.allows:
            return False
        proved = proved_names(identity, self._trust)
        return any(who.fits(proved) for who in decision.rule.who if who.kind not in {ID, ANYONE})

    def serve(
        self, identity: Identity | None, peer_id: str, namespace: str, *, claimed: bool = False
    ) -> Decision:
        """Whether a peer may serve a namespace."""
        caller = self._made(identity, peer_id if claimed else "")
        found = tuple(self._serve.of(namespace))
        return self._decide(caller, found, lambda rule: _has(rule.serve, namespace))

    def inspect(self, identity: Identity | None) -> Decision:
        """Whether somebody may look inside."""
        return self._decide(self._made(identity), (self._inspect,), lambda rule: rule.inspect)

    # ---- finding -----------------------------------------------------------------------------------

    def _decide(
        self, caller: _Caller, found: Sequence[Positions], is_about: Callable[[AccessRule], bool]
    ) -> Decision:
        if caller.is_rejected:
            return _REJECTED
        for position in self._fitting(caller, found, is_about):
            rule = self._rules[position]
            return Decision(rule.allows, rule)
        return self._otherwise

    def _fitting(
        self, caller: _Caller, found: Sequence[Positions], is_about: Callable[[AccessRule], bool]
    ) -> Iterable[int]:
        """The rules about a caller among those that were found, in their order; the shorter list is gone through."""
        own, anyone = caller.fits, self._who.anyone
        if len(own) + len(anyone) < sum(map(len, found)):
            return (position for position in _in_order((own, anyone)) if is_about(self._rules[position]))
        return (position for position in _in_order(found) if is_in(own, position) or is_in(anyone, position))

    def _made(self, identity: Identity | None, claimed: str = "") -> _Caller:
        if identity is not None and identity.is_rejected:
            return _Caller((), is_rejected=True)
        if identity is not None and not self.knows(identity):
            identity = attrs.evolve(identity, token="", proof=b"")
        proved = proved_names(identity, self._trust, claimed)
        fits = {position for positions in self._who.of(proved) for position in positions}
        return _Caller(tuple(sorted(fits)))

    def knows(self, identity: Identity) -> bool:
        """Whether a token that was shown when a link began is still one; so it is of whoever has shown none."""
        tokens = self.rules.tokens
        return not identity.proof or (tokens is not None and tokens.knows(identity.token, identity.proof))

    def _remember(
        self, identity: Identity | None, asked: tuple[str, ...], decide: Callable[[_Caller], Decision]
    ) -> Decision:
        caller = self._callers.get(identity)
        if caller is None:
            caller = self._made(identity)
        decision = decide(caller)
        if len(caller.decisions) >= MAX_OF_CALLER:
            self._remembered -= len(caller.decisions)
            caller.decisions.clear()
        if self._remembered >= MAX_DECISIONS or len(self._callers) >= MAX_CALLERS or self._held >= MAX_HELD:
            self._callers.clear()
            self._remembered = self._held = 0
            caller.decisions.clear()
        if identity not in self._callers:
            self._callers[identity] = caller
            self._held += len(caller.fits)
        caller.decisions[asked] = decision
        self._remembered += 1
        return decision


def _in_order(found: Sequence[Positions]) -> Iterable[int]:
    return found[0] if len(found) == 1 else merge(*found)


def _has(patterns: Iterable[str], text: str) -> bool:
    return any(
        text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern for pattern in patterns
    )


def _using(key: MethodKey) -> Callable[[AccessRule], bool]:
    return lambda rule: any(Reach.of(pattern).has(key) for pattern in rule.use)
