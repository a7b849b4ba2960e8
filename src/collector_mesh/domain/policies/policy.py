"""What can be tuned of routing, for a collector, a namespace, a service or a method."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs
from attrs.validators import ge, le

from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.attempt_time import AttemptTime
from collector_mesh.domain.policies.balancing import DEFAULT_BALANCING
from collector_mesh.domain.policies.retry import Retry
from collector_mesh.domain.policies.standing import StandingRules


@attrs.frozen(kw_only=True)
class Policy:
    """How calls to some methods are routed.

    Attributes:
        timeout: seconds for a call that says nothing about its time.
        balancing: name of the strategy that chooses among peers.
        max_ejected: the share of the peers that could take a call which breakers may keep out.
        retry: when another collector is tried.
        attempt: how long one attempt may take where another one could follow.
        standing: how the standing of peers comes about; of a namespace.
        relays: whether this collector passes on calls of its peers that it cannot serve; of a namespace.
    """

    timeout: float = 15.0
    balancing: str = DEFAULT_BALANCING
    max_ejected: float = attrs.field(default=0.5, validator=[ge(0), le(1)])
    retry: Retry = attrs.field(factory=Retry)
    attempt: AttemptTime = attrs.field(factory=AttemptTime)
    standing: StandingRules = attrs.field(factory=StandingRules)
    relays: bool = False


@attrs.define(eq=False)
class Policies:
    """The policy of each method: that of the method, else of its service, its namespace, the collector.

    This is the one place that has them: who asks keeps this object and asks again for each call. So they are replaced for
    everybody at once.

    Attributes:
        default: of the collector.
        overrides: by `NAMESPACE`, `NAMESPACE/Service` or `NAMESPACE/Service.Method`; each is whole.
    """

    default: Policy = attrs.field(factory=Policy)
    overrides: Mapping[str, Policy] = MappingProxyType({})
    _followers: list[Callable[[float], None]] = attrs.field(factory=list, init=False, repr=False)

    def follow(self, replaced: Callable[[float], None]) -> None:
        """Have something called with the time when they were replaced: by a part that keeps what follows from them."""
        self._followers.append(replaced)

    def replace(self, others: "Policies", now: float) -> None:
        """Have others in force from now on, for calls that are under way too."""
        self.default, self.overrides = others.default, others.overrides
        for replaced in self._followers:
            replaced(now)

    def of(self, key: MethodKey) -> Policy:
        """The policy of a method."""
        overrides = self.overrides
        if not overrides:
            return self.default
        namespace, service, method = key
        for name in (f"{namespace}/{service}.{method}", f"{namespace}/{service}"):
            if (found := overrides.get(name)) is not None:
                return found
        return self.of_namespace(namespace)

    def of_namespace(self, namespace: str) -> Policy:
        """The policy of a namespace."""
        return self.overrides.get(namespace, self.default)
