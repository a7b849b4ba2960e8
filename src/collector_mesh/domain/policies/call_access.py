"""Who callers are, and what they may call, by the authorizer of the user and by rules."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from collector_mesh.domain.model.errors import ForbiddenError, MeshError, UnauthenticatedError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import OWN_PACKAGE, MethodKey
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.policies.credentials import identified, named_identity
from collector_mesh.domain.policies.trust import TrustDomain
from collector_mesh.domain.ports.authorizer import ServingAuthorizer

if TYPE_CHECKING:
    from collector_mesh.domain.policies.access_index import AccessIndex, Decision
    from collector_mesh.domain.policies.access_rules import AccessRules


class CallAccess:
    """Who somebody is, and what it may call; see `AccessPolicy`, which has the rest.

    Args:
        authorizer: says who may use a namespace, and who may serve it; None allows everybody.
        trust: in which names of certificates stand for collectors; None where nobody proves who it is.
        rules: the rules, None for none; see `replace`.
    """

    def __init__(
        self,
        authorizer: ServingAuthorizer | None = None,
        *,
        trust: TrustDomain | None = None,
        rules: "AccessRules | None" = None,
    ) -> None:
        self._authorizer = authorizer
        self._trust = trust
        self._index: AccessIndex | None = None
        self._rules: AccessRules | None = None
        self.asks = authorizer is not None
        """Whether anybody is asked who may use and serve what."""
        self.takes_tokens = False
        """Whether bearer tokens are known, and are looked for in requests."""
        self.watchers: list[Callable[[], None]] = []
        """Called after other rules have come; they must not raise."""
        if rules is not None:
            self.replace(rules)

    @property
    def rules(self) -> "AccessRules | None":
        """The rules, None for none."""
        return self._rules

    @property
    def proves_ids(self) -> bool:
        """Whether ids follow from certificates."""
        return self._trust is not None

    def replace(self, rules: "AccessRules | None", index: "AccessIndex | None" = None) -> None:
        """Decide by other rules from now on, in one step; what was remembered of the earlier ones is forgotten.

        Args:
            rules: the rules, None for none.
            index: what `index_of` gives for them, where that was made before.
        """
        if rules is not None and index is None:
            index = self.index_of(rules)
        self._rules, self._index = rules, index
        self.asks = self._authorizer is not None or index is not None
        self.takes_tokens = rules is not None and rules.tokens is not None
        for watcher in list(self.watchers):
            watcher()

    def index_of(self, rules: "AccessRules") -> "AccessIndex":
        """What decides by rules; with thousands of them it takes a while to make, and may be made in a thread."""
        # Whoever has no rules does not pay for them.
        from collector_mesh.domain.policies.access_index import AccessIndex

        return AccessIndex(rules, self._trust)

    # ---- who somebody is ---------------------------------------------------------------------------

    def identify(self, identity: Identity | None, headers: Metadata) -> tuple[Identity | None, Metadata]:
        """Who somebody is with the bearer token in the headers of a request, and the headers without it.

        A header of another scheme is none of ours.

        Args:
            identity: what the transport has proved.
            headers: of the request.
        """
        tokens = self._rules.tokens if self._rules is not None else None
        return (identity, headers) if tokens is None else identified(identity, headers, tokens)

    def check_credentials(self, identity: Identity | None) -> None:
        """See that nobody has shown wrong credentials, or such as are known no longer.

        Raises:
            UnauthenticatedError: it has.
        """
        if self._is_wrong(identity):
            raise _wrong()

    def check_shown(self, identity: Identity | None, what: str) -> None:
        """See that somebody has shown credentials where rules ask for some, whatever they say.

        Args:
            identity: what is proved.
            what: it wants to do.

        Raises:
            UnauthenticatedError: it has not, or they are wrong.
        """
        self.check_credentials(identity)
        if not identity and self._rules is not None and self._rules.asks_credentials:
            raise UnauthenticatedError(f"credentials are required to {what}")

    # ---- calls -------------------------------------------------------------------------------------

    def may_use(self, identity: Identity | None, namespace: str, service: str = "") -> bool:
        """Whether a caller may use something of a namespace, or of a service in it."""
        if self._authorizer is not None and not self._authorizer.may_use(identity, namespace):
            return False
        return self._index is None or self._index.use_some(identity, namespace, service).allows

    def may_call(self, identity: Identity | None, key: MethodKey) -> bool:
        """Whether a caller may call a method."""
        if self._authorizer is not None and not self._authorizer.may_use(identity, key.namespace):
            return False
        decision = self._of_call(identity, key)
        return decision is None or decision.allows

    def check_call(self, identity: Identity | None, key: MethodKey) -> None:
        """See that a caller may call a method.

        Raises:
            UnauthenticatedError: it has shown no credentials, or wrong ones.
            ForbiddenError: it may not.
        """
        if self._authorizer is not None:
            self._check_authorizer(identity, key.namespace)
        decision = self._of_call(identity, key)
        if decision is not None and not decision.allows:
            raise self._refusal(
                identity, f"call {quoted(key.short)} in namespace {quoted(key.namespace)}", decision
            )

    def check_use(self, identity: Identity | None, namespace: str) -> None:
        """See that a caller may use something of a namespace.

        Raises:
            UnauthenticatedError: it has shown no credentials, or wrong ones.
            ForbiddenError: it may not.
        """
        self._check_authorizer(identity, namespace)
        if self._index is not None:
            decision = self._index.use_some(identity, namespace)
            if not decision.allows:
                raise self._refusal(identity, f"use namespace {quoted(namespace)}", decision)

    def explain_call(self, identity: Identity | None, key: MethodKey, caller: str = "") -> str:
        """What decides whether somebody may call a method, for people; empty where nobody is asked.

        Args:
            identity: who.
            key: the method.
            caller: somebody else, as rules name it: `token:ci`; empty for the identity.

        Raises:
            InvalidCallError: nobody is called so.
        """
        if not self.asks:
            return ""
        if caller:
            identity = named_identity(caller, self._trust)
        try:
            self.check_call(identity, key)
        except MeshError as error:
            return f"{error.code}: {error}"
        decision = self._of_call(identity, key)
        why = "the authorizer allows it" if decision is None else decision.reason
        return f"{_named(identity)} may call it: {why}"

    def _of_call(self, identity: Identity | None, key: MethodKey) -> "Decision | None":
        if self._index is None:
            return None
        if key.service.startswith(OWN_PACKAGE):
            # What collectors ask each other, in any namespace that they use.
            return self._index.use_some(identity, key.namespace)
        return self._index.use(identity, key)

    def _is_wrong(self, identity: Identity | None) -> bool:
        if identity is None:
            return False
        # A link shows its token once: that may be known no longer.
        return identity.is_rejected or (self._index is not None and not self._index.knows(identity))

    def _check_authorizer(self, identity: Identity | None, namespace: str) -> None:
        if self._authorizer is not None and not self._authorizer.may_use(identity, namespace):
            raise ForbiddenError(f"{_named(identity)} may not use namespace {quoted(namespace)}")

    # ---- words -------------------------------------------------------------------------------------

    def _refusal(
        self, identity: Identity | None, what: str, decision: "Decision", *, peer_id: str = ""
    ) -> MeshError:
        if self._is_wrong(identity):
            return _wrong()
        if not identity and not peer_id and self._rules is not None and self._rules.asks_credentials:
            return UnauthenticatedError(f"credentials are required to {what}: {decision.reason}")
        who = f"collector {quoted(peer_id)}" if peer_id and not identity else _named(identity)
        return ForbiddenError(f"{who} may not {what}: {decision.reason}")


def _named(identity: Identity | None) -> str:
    return quoted(str(identity)) if identity else "an unknown caller"


def _wrong() -> UnauthenticatedError:
    return UnauthenticatedError("the bearer token is not one that is known here")
