"""Settings for some namespaces, services or methods, and the policies that come of all settings."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import attrs

from collector_mesh.app.settings import Settings, SettingsError
from collector_mesh.domain.model.errors import InvalidCallError
from collector_mesh.domain.model.names import check_identifiers, check_name
from collector_mesh.domain.policies.attempt_time import AttemptTime
from collector_mesh.domain.policies.breaker import BreakerRules
from collector_mesh.domain.policies.load import LoadRules
from collector_mesh.domain.policies.policy import Policies, Policy
from collector_mesh.domain.policies.retry import Retry
from collector_mesh.domain.policies.retry_budget import RetryBudget
from collector_mesh.domain.policies.standing import StandingRules

OF_METHODS = frozenset(
    {
        "default_timeout",
        "balancing",
        "max_attempts",
        "retry_first",
        "retry_cap",
        "attempt_floor",
        "attempt_share",
        "attempt_p99s",
        "max_ejected",
    }
)
"""What can be set for a namespace, a service or a method."""

OF_NAMESPACES = frozenset(
    {
        "max_running",
        "max_outgoing",
        "latency_decay",
        "failure_penalty",
        "failure_decay",
        "retry_share",
        "retry_rate",
        "retry_window",
        "breaker",
        "breaker_failures",
        "breaker_quiet",
        "breaker_success_share",
        "breaker_min_calls",
        "breaker_window",
        "breaker_first",
        "breaker_cap",
        "relay",
    }
)
"""What can be set for a namespace: breakers, budgets and latencies are kept for each peer and namespace."""

_FIELDS = attrs.fields_dict(Settings)


def policies_of(settings: Settings, *, balancers: Mapping[str, object]) -> Policies:
    """The policies that settings with their overrides make.

    Raises:
        SettingsError: an override is not what it may be, or there is no strategy of that name.
    """
    making = PoliciesMaking(settings, balancers=balancers)
    while not making.go_on(len(settings.overrides) + 1):
        pass
    return making.policies


class PoliciesMaking:
    """Makes policies some at a time: there may be thousands of overrides, and others want their turn meanwhile.

    Args:
        settings: what they are made of.
        balancers: the strategies that there are, by name.
    """

    def __init__(self, settings: Settings, *, balancers: Mapping[str, object]) -> None:
        self._settings = settings
        self._balancers = balancers
        # The wider ones first: the narrower ones begin with what they say.
        self._left = deque(sorted(settings.overrides, key=_narrowness))
        self._whole: dict[str, Settings] = {}
        self._made: dict[str, Policy] = {}

    def go_on(self, most: int) -> bool:
        """Make some more; True if all are made.

        Raises:
            SettingsError: an override is not what it may be, or there is no strategy of that name.
        """
        whole, overrides = self._whole, self._settings.overrides
        for _ in range(min(most, len(self._left))):
            name = self._left.popleft()
            base = next((whole[wider] for wider in _wider(name) if wider in whole), self._settings)
            whole[name] = _overridden(base, name, overrides[name])
            self._made[name] = self._policy_of(name, whole[name])
        return not self._left

    @property
    def policies(self) -> Policies:
        """All of them.

        Raises:
            SettingsError: there is no strategy of that name.
        """
        return Policies(self._policy_of("", self._settings), self._made)

    def _policy_of(self, name: str, settings: Settings) -> Policy:
        if settings.balancing not in self._balancers:
            where = f"overrides.{name!r}: " if name else ""
            known = ", ".join(self._balancers)
            raise SettingsError(f"{where}balancing must be one of {known}, got {settings.balancing!r}")
        return _policy(settings)


def check_overrides(overrides: Mapping[str, object]) -> Iterator[str]:
    """Everything that is wrong with overrides by itself, one text for each: `policies_of` stops at the first."""
    for name, values in overrides.items():
        try:
            table = _table(name, values)
        except SettingsError as error:
            yield str(error)
            continue
        for key, value in table.items():
            try:
                _check(name, key, value)
            except SettingsError as error:
                yield str(error)


def namespace_limits(settings: Settings, key: str) -> Callable[[str], int | None]:
    """Gives the value that overrides have for a namespace, or None where they have none."""
    limits = {name: value[key] for name, value in settings.overrides.items() if key in value}
    return limits.get


def _narrowness(name: str) -> int:
    return 0 if "/" not in name else 2 if "." in name.partition("/")[2] else 1


def _wider(name: str) -> list[str]:
    """The names of what contains it, the narrowest first."""
    namespace, _, rest = name.partition("/")
    service = rest.rpartition(".")[0]
    return [f"{namespace}/{service}", namespace] if service else [namespace] if rest else []


def _overridden(base: Settings, name: str, values: object) -> Settings:
    table = _table(name, values)
    for key, value in table.items():
        _check(name, key, value)
    # What is checked is not checked again, nor are all the other fields: there may be thousands of overrides.
    made = object.__new__(Settings)
    for field in _FIELDS:
        object.__setattr__(made, field, table.get(field, getattr(base, field)))
    object.__setattr__(made, "overrides", MappingProxyType({}))
    return made


def _table(name: str, values: object) -> Mapping[str, object]:
    """The values for a name, which may have some."""
    where = f"overrides.{name!r}"
    namespace, slash, rest = name.partition("/")
    service, _, method = rest.rpartition(".")
    try:
        check_name("namespace", namespace)
        if slash:
            check_identifiers("service", service or rest)
        if service:
            check_identifiers("method", method)
    except InvalidCallError as error:
        raise SettingsError(f"{where}: {error}") from error
    if not isinstance(values, Mapping):
        raise SettingsError(f"{where} must be a table, got {values!r}")
    return values


def _check(name: str, key: str, value: object) -> None:
    """See that something may be set for a name, and to a value."""
    is_narrow = "/" in name
    if key in OF_NAMESPACES and is_narrow:
        raise SettingsError(f"overrides.{name!r}: {key} can be set for a collector or a namespace only")
    if key not in OF_METHODS and (is_narrow or key not in OF_NAMESPACES):
        allowed = OF_METHODS if is_narrow else OF_METHODS | OF_NAMESPACES
        raise SettingsError(
            f"overrides.{name!r}: {key!r} cannot be set here, allowed are {', '.join(sorted(allowed))}"
        )
    field = _FIELDS[key]
    if field.validator is not None:
        try:
            field.validator(None, field, value)
        except SettingsError as error:
            raise SettingsError(f"overrides.{name!r}: {error}") from error


def _policy(settings: Settings) -> Policy:
    return Policy(
        timeout=settings.default_timeout,
        balancing=settings.balancing,
        max_ejected=settings.max_ejected,
        relays=settings.relay,
        retry=Retry(settings.max_attempts, first=settings.retry_first, cap=settings.retry_cap),
        attempt=AttemptTime(
            floor=settings.attempt_floor, share=settings.attempt_share, p99s=settings.attempt_p99s
        ),
        standing=StandingRules(
            load=LoadRules(
                latency_decay=settings.latency_decay,
                penalty=settings.failure_penalty,
                penalty_decay=settings.failure_decay,
            ),
            breaker=BreakerRules(
                is_on=settings.breaker,
                failures=settings.breaker_failures,
                quiet=settings.breaker_quiet,
                success_share=settings.breaker_success_share,
                min_calls=settings.breaker_min_calls,
                window=settings.breaker_window,
                first=settings.breaker_first,
                cap=settings.breaker_cap,
            ),
            budget=RetryBudget(settings.retry_share, settings.retry_rate, settings.retry_window),
        ),
    )
