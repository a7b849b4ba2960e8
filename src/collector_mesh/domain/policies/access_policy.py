"""Who may do what: the one object that decides, for calls, peers, registries and those who look inside."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from collector_mesh.domain.model.errors import ForbiddenError, MeshError, quoted
from collector_mesh.domain.model.identity import Identity
from collector_mesh.domain.policies.call_access import CallAccess
from collector_mesh.domain.policies.looking import check_look
from collector_mesh.domain.policies.strangers import EVERYBODY, StrangerRule
from collector_mesh.domain.policies.trust import TrustDomain
from collector_mesh.domain.ports.authorizer import ServingAuthorizer

if TYPE_CHECKING:
    from collector_mesh.domain.policies.access_rules import AccessRules


class AccessPolicy(CallAccess):
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
        super().__init__(authorizer, trust=trust, rules=rules)
        self._strangers = strangers
        self._is_open = is_open

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
