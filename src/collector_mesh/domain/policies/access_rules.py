"""Rules that say who may do what; the first one that fits decides."""

import re
from typing import TYPE_CHECKING, Literal

import attrs

from collector_mesh.domain.model.errors import InvalidCallError, quoted
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.policies.access_who import ID, Who

if TYPE_CHECKING:
    from collector_mesh.domain.policies.access_tokens import Tokens

Effect = Literal["allow", "deny"]
EFFECTS: tuple[Effect, ...] = ("allow", "deny")

MAX_RULES = 10_000
MAX_PATTERNS = 1_000
"""Of one kind in one rule."""

MAX_NAME = 100
"""Longest name of a rule, in characters."""

_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,128}|[A-Za-z0-9._-]{0,128}\*")
_METHODS = re.compile(r"[A-Za-z0-9._-]{1,128}/(\*|[A-Za-z_][A-Za-z0-9_.]{0,511}\*?)")


def check_namespaces(text: str) -> None:
    """See that a text means namespaces: one, or with a star at the end those that begin so.

    Raises:
        InvalidCallError: it does not.
    """
    if not _NAMESPACE.fullmatch(text):
        raise InvalidCallError(
            "must be a name of 1 to 128 letters, digits, '.', '_' and '-', with or without a '*' at the end, got"
            f" {quoted(text)}"
        )


def check_methods(text: str) -> None:
    """See that a text means what can be called: namespaces, a service, or a method.

    Raises:
        InvalidCallError: it does not.
    """
    if not _NAMESPACE.fullmatch(text) and not _METHODS.fullmatch(text):
        raise InvalidCallError(
            "must be NAMESPACE, NAMESPACE/SERVICE or NAMESPACE/SERVICE.METHOD, with or without a '*' at the end, got"
            f" {quoted(text)}"
        )


@attrs.frozen
class AccessRule:
    """What some may do, or may not.

    Attributes:
        name: for people; it is in errors, so it says nothing that others must not know.
        who: whom it is about.
        effect: `allow`, or `deny`.
        peer: the ids under which they may be peers; a `*` may be at the end, here and below.
        serve: the namespaces that they may serve as peers.
        use: what they may call: `NAMESPACE`, `NAMESPACE/SERVICE` or `NAMESPACE/SERVICE.METHOD`.
        inspect: whether it is about looking inside.
    """

    name: str
    who: tuple[Who, ...]
    effect: Effect = "allow"
    peer: tuple[str, ...] = ()
    serve: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    inspect: bool = False

    @property
    def allows(self) -> bool:
        """Whether it allows what it is about."""
        return self.effect == "allow"


@attrs.frozen
class AccessRules:
    """All rules of a collector.

    Attributes:
        rules: the first one that fits decides.
        default: what happens where none fits.
        tokens: the bearer tokens that are known, None for none.
    """

    rules: tuple[AccessRule, ...] = ()
    default: Effect = "deny"
    tokens: "Tokens | None" = None

    @property
    def asks_credentials(self) -> bool:
        """Whether credentials could change an answer."""
        return self.tokens is not None or any(who.kind != "anyone" for rule in self.rules for who in rule.who)

    @property
    def needs_ids(self) -> bool:
        """Whether some rule is about ids, which certificates prove."""
        return any(who.kind == ID for rule in self.rules for who in rule.who)


@attrs.frozen
class Reach:
    """What a pattern of `use` means.

    Attributes:
        whole: a service, or one method, as `NAMESPACE/SERVICE` or `NAMESPACE/SERVICE.METHOD`; empty for none.
        start: how the full texts of methods begin that are meant, None for none.
    """

    whole: str
    start: str | None

    @classmethod
    def of(cls, pattern: str) -> "Reach":
        """What a pattern means."""
        if pattern.endswith("*"):
            return cls("", pattern[:-1])
        return cls(pattern, None) if "/" in pattern else cls("", f"{pattern}/")

    def has(self, key: MethodKey) -> bool:
        """Whether a method is meant."""
        text = method_text(key)
        if self.start is not None:
            return text.startswith(self.start)
        return self.whole in {text, service_text(key.namespace, key.service)}

    def has_all(self, namespace: str, service: str) -> bool:
        """Whether all methods of a service are meant, or where that is empty of a namespace."""
        text = service_text(namespace, service)
        if self.start is not None:
            return f"{text}.".startswith(self.start) if service else text.startswith(self.start)
        return bool(service) and self.whole == text

    def has_some(self, namespace: str, service: str) -> bool:
        """Whether some method of a service may be meant, or where that is empty of a namespace."""
        text = service_text(namespace, service)
        head = f"{text}." if service else text
        named = self.whole if self.start is None else self.start
        return self.has_all(namespace, service) or named.startswith(head)


def method_text(key: MethodKey) -> str:
    """A method as patterns mean it."""
    return f"{key.namespace}/{key.service}.{key.method}"


def service_text(namespace: str, service: str) -> str:
    """A service as patterns mean it."""
    return f"{namespace}/{service}"
