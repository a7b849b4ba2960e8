"""May a call go on? The one place that asks, for every origin and mode."""

from collector_mesh.domain.model.call import Call, Origin, checked_metadata, scope_key
from collector_mesh.domain.model.errors import (
    ForbiddenError,
    InvalidCallError,
    LoopError,
    NotFoundError,
    PayloadTooLargeError,
    UnavailableError,
    quoted,
)
from collector_mesh.domain.model.frames import Mode
from collector_mesh.domain.model.limits import SHORT_TYPE_URL, check_sizes
from collector_mesh.domain.model.names import OWN_PACKAGE
from collector_mesh.domain.policies.access_policy import AccessPolicy
from collector_mesh.domain.policies.policy import Policies
from collector_mesh.domain.policies.relaying import MAX_HOPS
from collector_mesh.domain.serving.handlers import HandlerRegistry
from collector_mesh.domain.topology.topology import Topology


class CallChecks:
    """Checks fields, access, the shared namespace and the rules of relays, in this order (WIRE §2).

    Args:
        collector_id: of this collector.
        handlers: what runs here.
        topology: who is connected, and shares what.
        policies: in which namespaces this collector passes calls on.
        max_payload_bytes: of the largest request that is taken.
        access: says who may call what; None allows everybody.
    """

    def __init__(
        self,
        collector_id: str,
        handlers: HandlerRegistry,
        topology: Topology,
        policies: Policies,
        *,
        max_payload_bytes: int,
        access: AccessPolicy | None = None,
    ) -> None:
        self._collector_id = collector_id
        self._handlers = handlers
        self._topology = topology
        self.known_key = topology.known_key
        """Gives the key of a method that a peer has, so that it need not be made and checked, else None."""
        self._policies = policies
        self._max_payload_bytes = max_payload_bytes
        self.access = access or AccessPolicy()
        """Who may do what."""
        self.is_draining = False
        """Whether new calls from outside are refused; those that running handlers make are not."""

    def check(self, call: Call, mode: int = Mode.DISPATCH, *, over_link: bool = False) -> bool:
        """See that a call may go on; gives whether a handler for it is here.

        Args:
            call: the call.
            mode: see `Mode`.
            over_link: whether it has come over a link.

        Raises:
            InvalidCallError: a field is empty or malformed.
            PayloadTooLargeError: the payload is over the limit.
            LoopError: it was passed on too often, or has come back.
            UnauthenticatedError: the caller has shown no credentials, or wrong ones, and needs some.
            ForbiddenError: the caller may not call it, or does not share its namespace.
            UnavailableError: this collector is draining, or the peer is no longer connected.
            NotFoundError: it would have to be passed on, and this collector does not do that.
        """
        # On the way of every call, twice where it crosses a link: what nearly none of them needs is elsewhere.
        is_here = self._handlers.find(call.key) is not None
        # Whoever is registered or in the topology has well-formed names.
        if not is_here and self.known_key(call.key) is None:
            call.key.check()
        payload = call.payload
        if (
            call.metadata
            or call.hints
            or call.target
            or call.visited
            or call.idempotency_key
            or len(payload.type_url) > SHORT_TYPE_URL
        ):
            check_sizes(call)
        size = len(payload.value)
        if size > self._max_payload_bytes:
            raise PayloadTooLargeError.of(size, self._max_payload_bytes)
        if call.origin is not Origin.LOCAL:
            self._check_foreign(call, mode, is_here=is_here, over_link=over_link)
        return is_here

    def _check_foreign(self, call: Call, mode: int, *, is_here: bool, over_link: bool) -> None:
        """See that what others ask for may go on."""
        origin = call.origin
        if call.metadata:
            call.metadata = checked_metadata(call.metadata)
        if mode == Mode.DISPATCH:
            if call.hops or call.visited:
                self._check_way(call)
        elif mode != Mode.SERVE:
            raise InvalidCallError(f"mode must be 0 (serve) or 1 (dispatch), got {mode}")
        elif over_link and origin is not Origin.PEER:
            raise ForbiddenError("a client may dispatch only")
        if self.access.asks:
            self.access.check_call(call.identity, call.key)
        (self._check_shared if origin is Origin.PEER else _check_not_own)(call)
        if self.is_draining:
            raise self.draining()
        if call.idempotency_key and origin is Origin.CLIENT:
            scope_key(call)
        if origin is Origin.PEER and mode == Mode.DISPATCH and not (is_here and not call.target):
            self._check_relay(call, is_here=is_here)

    def draining(self) -> UnavailableError:
        """Why a collector that is draining takes no call."""
        return UnavailableError(f"collector {quoted(self._collector_id)} is draining")

    def relays(self, namespace: str) -> bool:
        """Whether calls of peers in a namespace are passed on."""
        return self._policies.of_namespace(namespace).relays

    def _check_way(self, call: Call) -> None:
        """See that a call has not been passed on too often."""
        if call.hops > MAX_HOPS or self._collector_id in call.visited:
            way = ", ".join(call.visited[:8])
            raise LoopError(f"passed on {call.hops} times, by {way}: {MAX_HOPS} are allowed")

    def _check_shared(self, call: Call) -> None:
        """See that the peer that a call comes from shares its namespace at this moment."""
        namespace = call.key.namespace
        if not self._handlers.has_namespace(namespace):
            # Whoever still believes so has to look elsewhere, as after any 404 of this kind.
            raise NotFoundError(f"namespace {quoted(namespace)} not found")
        if not self._topology.shares(call.caller, namespace):
            if self._topology.get(call.caller) is None:
                raise UnavailableError(f"{quoted(call.caller)} is no longer connected")
            raise ForbiddenError(f"namespace {quoted(namespace)} is not shared with {quoted(call.caller)}")

    def _check_relay(self, call: Call, *, is_here: bool) -> None:
        """See that a peer's call runs here, or may be passed on."""
        if is_here and call.target == self._collector_id:
            return
        if not self.relays(call.key.namespace):
            raise NotFoundError(
                f"no collector found for namespace {quoted(call.key.namespace)}: collector"
                f" {quoted(self._collector_id)} does not pass calls on"
            )


def _check_not_own(call: Call) -> None:
    """See that a caller that is no collector does not call what is for collectors only."""
    if call.key.service.startswith(OWN_PACKAGE):
        raise NotFoundError(f"method {quoted(call.key.short)} is for collectors only")
