"""Who may do what: the one object that decides, for calls, peers, registries and those who look inside."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from collector_mesh.domain.model.errors import ForbiddenError, MeshError, UnauthenticatedError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.model.names import OWN_PACKAGE, MethodKey
from collector_mesh.domain.model.status import Metadata
from collector_mesh.domain.policies.credentials import identified, named_identity
from collector_mesh.domain.policies.looking import check_look
from collector_mesh.domain.policies.strangers import EVERYBODY, StrangerRule
from collector_mesh.domain.policies.trust import TrustDomain
from collector_mesh.domain.ports.authorizer import ServingAuthorizer

if TYPE_CHECKING:
    from collector_mesh.domain.policies.access_index import AccessIndex, Decision
    from collector_mesh.domain.policies.access_rules import AccessRules


class AccessPolicy:
    """Decides by the authorizer of the user, and by rules: both have to allow something. Without either, everybody may.

    Args:
        authorizer: says who may use a namespace, and who may serve it; None allows everybody.
        trust: in which names of certificates stand for collectors; None where nobody proves who it is.
        strangers: gives who may become a peer without having been dialed.
        is_open: whether the authorizer is not asked about those who look inside; rules are.
        rules: the rules, None for none; see `replace`.
    """

    def __init__(
        self,
        authorizer: ServingAuthorizer | None = None,
        *,
        trust: TrustDomain | None = None,
        strangers: Callable[[], StrangerRule] = lambda: EVERYBODY,
        is_open: bool = False,
        rules: "AccessRules | None" = None,
    ) -> None:
        self._authorizer = authorizer
        self._trust = trust
        self._strangers = strangers
        self._is_open = is_open
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
        """See that nobody has shown wrong credentials.

        Raises:
            UnauthenticatedError: it has.
        """
        if identity is not None and identity.is_rejected:
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

    def _check_authorizer(self, identity: Identity | None, namespace: str) -> None:
        if self._authorizer is not None and not self._authorizer.may_use(identity, namespace):
            raise ForbiddenError(f"{_named(identity)} may not use namespace {quoted(namespace)}")

    # ---- peers -------------------------------------------------------------------------------------

    def check_stranger(self, identity: Identity | None, peer_id: str, address: str | None = None) -> None:
        """See that somebody may become a peer whom nobody here has dialed.

        Args:
            identity: what is proved about it.
            peer_id: its id.
            address: where it wants to be dialed, None where it has a link.

        Raises:
            InvalidCallError: the address is malformed.
            UnauthenticatedError: it has shown no credentials, or wrong ones.
            ForbiddenError: it may not.
        """
        if self._index is not None:
            decision = self._index.peer(identity, peer_id)
            if not decision.allows:
                raise self._refusal(identity, f"be a peer as {quoted(peer_id)}", decision)
            if identity and decision.rule is not None:
                return  # somebody has written down that this one may
        if address is None:
            self._strangers().check()
        else:
            self._strangers().check_address(address)

    def check_peer(self, identity: Identity | None, peer_id: str, *, was_dialed: bool) -> None:
        """See that somebody may be a peer under an id: the id follows from its certificate, or a rule says so.

        Args:
            identity: what is proved about it.
            peer_id: its id.
            was_dialed: whether this side has chosen the address that it is at.

        Raises:
            UnauthenticatedError: it has shown no credentials, or wrong ones.
            ForbiddenError: it may not.
        """
        is_unseen = was_dialed and identity is None
        if self._index is not None:
            decision = self._index.peer(identity, peer_id, claimed=is_unseen)
            if not decision.allows:
                raise self._refusal(identity, f"be a peer as {quoted(peer_id)}", decision, peer_id=peer_id)
            if self._index.proves_id(identity, decision):
                return
        # Not every carrier shows whoever dials the certificate of whom it has reached.
        if self._trust is not None and not is_unseen:
            self._trust.check(identity, peer_id)

    def holds_id(self, identity: Identity | None, peer_id: str, holder: Identity | None) -> bool:
        """Whether an id under which somebody may be a peer is its own, rather than of whoever has it now."""
        if identity is None:
            return False
        # Where it does not follow from the certificate, a rule may give it to several.
        follows = self._trust is not None and self._trust.ids_in(identity) == (peer_id,)
        return follows or identity == holder

    def may_serve(
        self, identity: Identity | None, collector_id: str, namespace: str, *, was_dialed: bool
    ) -> bool:
        """Whether calls in a namespace may go to a peer: whoever is sent them sees what is in them.

        Args:
            identity: what the transport has proved about it, or None.
            collector_id: its id.
            namespace: the namespace.
            was_dialed: whether this side has chosen the address that it is at.
        """
        return self._serving_refusal(identity, collector_id, namespace, was_dialed=was_dialed) is None

    def check_serve(
        self, identity: Identity | None, collector_id: str, namespace: str, *, was_dialed: bool
    ) -> None:
        """See that a peer may serve a namespace.

        Raises:
            MeshError: it may not.
        """
        refusal = self._serving_refusal(identity, collector_id, namespace, was_dialed=was_dialed)
        if refusal is not None:
            raise refusal

    def _serving_refusal(
        self, identity: Identity | None, collector_id: str, namespace: str, *, was_dialed: bool
    ) -> MeshError | None:
        if not self.asks:
            return None
        is_unseen = was_dialed and identity is None
        authorizer = self._authorizer
        # `may_use` is about callers: of whom this side has dialed it knows nothing that could be asked.
        if (
            authorizer is not None
            and not (is_unseen and not authorizer.decides_serving)
            and not authorizer.may_serve(identity, collector_id, namespace)
        ):
            return ForbiddenError(
                f"collector {quoted(collector_id)} may not serve the namespace {quoted(namespace)}"
            )
        if self._index is None:
            return None
        decision = self._index.serve(identity, collector_id, namespace, claimed=is_unseen)
        if decision.allows:
            return None
        return self._refusal(
            identity, f"serve the namespace {quoted(namespace)}", decision, peer_id=collector_id
        )

    # ---- registries --------------------------------------------------------------------------------

    def check_register(self, identity: Identity | None, collector_id: str, namespace: str) -> None:
        """See that somebody may say what is in a namespace of a registry: that is for those who may serve it.

        Args:
            identity: what is proved about it.
            collector_id: the collector that it says it is; empty for none.
            namespace: the namespace.

        Raises:
            MeshError: it may not.
        """
        self.check_credentials(identity)
        if collector_id and self._trust is not None:
            # Or it would be anybody's word.
            self._trust.check(identity, collector_id)
        named = collector_id or self._proved_id(identity)
        refusal = self._serving_refusal(identity, named, namespace, was_dialed=False)
        if refusal is not None:
            raise refusal

    def _proved_id(self, identity: Identity | None) -> str:
        if self._trust is None or identity is None:
            return ""
        named = self._trust.ids_in(identity)
        return named[0] if len(named) == 1 else ""

    # ---- those who look inside ---------------------------------------------------------------------

    def check_inspection(
        self, identity: Identity | None, namespaces: Sequence[str], *, is_local: bool, is_own: bool = False
    ) -> None:
        """See that somebody may see what is in some namespaces.

        Args:
            identity: what is proved about it.
            namespaces: which.
            is_local: whether it can only be on this machine; without rules that is enough.
            is_own: whether it has come by a socket that only the collector's own user can reach.

        Raises:
            UnauthenticatedError: it has shown no credentials, or wrong ones.
            ForbiddenError: it may not; the text says why.
        """
        if is_own:
            return
        if self._index is not None:
            decision = self._index.inspect(identity)
            if not decision.allows:
                raise self._refusal(identity, "look inside", decision)
        if is_local or self._is_open or (self._authorizer is None and self._index is not None):
            return
        check_look(self._authorizer, identity, namespaces)

    # ---- words -------------------------------------------------------------------------------------

    def _refusal(
        self, identity: Identity | None, what: str, decision: "Decision", *, peer_id: str = ""
    ) -> MeshError:
        if identity is not None and identity.is_rejected:
            return _wrong()
        if not identity and not peer_id and self._rules is not None and self._rules.asks_credentials:
            return UnauthenticatedError(f"credentials are required to {what}: {decision.reason}")
        who = f"collector {quoted(peer_id)}" if peer_id and not identity else _named(identity)
        return ForbiddenError(f"{who} may not {what}: {decision.reason}")


def _named(identity: Identity | None) -> str:
    return quoted(str(identity)) if identity else "an unknown caller"


def _wrong() -> UnauthenticatedError:
    return UnauthenticatedError("the bearer token is not one that is known here")
