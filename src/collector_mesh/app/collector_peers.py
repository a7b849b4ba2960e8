"""The part of a collector that connects to peers, waits for them, and shows what it knows of them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from collector_mesh.app.arguments import (
    key_argument,
    names_argument,
    peers_argument,
    seconds_argument,
    texts_argument,
)
from collector_mesh.app.home import Home
from collector_mesh.app.options import settings_argument
from collector_mesh.app.settings import Settings
from collector_mesh.domain.model.errors import UnavailableError, clipped
from collector_mesh.domain.model.names import text_argument

if TYPE_CHECKING:
    from collector_mesh.app.access.access import Access
    from collector_mesh.app.container import CollectorContainer
    from collector_mesh.app.lifetime import Lifetime
    from collector_mesh.app.reloading import Reloading
    from collector_mesh.domain.model.reloaded import Reloaded
    from collector_mesh.domain.model.snapshot import ConnectionInfo, Explanation, Snapshot
    from collector_mesh.domain.peers.keeping import Keeping
    from collector_mesh.domain.policies.access_rules import AccessRules
    from collector_mesh.domain.serving.handlers import HandlerRegistry


class CollectorPeers:
    """The peers of a collector, in the event loop that it was entered in."""

    container: "CollectorContainer"
    _handlers: "HandlerRegistry"
    _home: Home
    _lifetime: "Lifetime"
    _peers: tuple[str, ...]
    _reloading: "Reloading | None"
    _keeping: "Keeping | None"
    """Dials peers; None while the collector is not open."""

    async def connect(
        self,
        address: str,
        *,
        namespaces: Iterable[str] | None = None,
        timeout: float = 5.0,
    ) -> "ConnectionInfo":
        """Connect to a collector, and stay connected until `disconnect`.

        Args:
            address: the address of that collector.
            namespaces: the namespaces of this collector to offer to the other one, which hears of no others; calls of both
                sides use no others, also after a reconnect. By default all. The last `connect` to an address counts.
            timeout: seconds.

        Raises:
            InvalidCallError: the address is malformed or this collector's own, or `namespaces` is empty.
            NotFoundError: this collector is not a member of one of the namespaces.
            UnavailableError: no answer has come in time.
            MeshError: the other collector has refused.
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: as for `dispatch`.
        """
        offered = None
        if namespaces is not None:
            offered = self._handlers.some_of(names_argument("namespaces", namespaces))
        connection = await self._open_keeping().connect(
            text_argument("address", address), timeout=seconds_argument("timeout", timeout), offered=offered
        )
        return connection.info(self.container.clock().now())

    async def disconnect(self, peer_id: str) -> None:
        """Forget a peer, and stop dialing it.

        Raises:
            NotFoundError: there is no connection to it.
            TypeError: it is no text.
            RuntimeError: as for `dispatch`.
        """
        await self._open_keeping().disconnect(text_argument("peer_id", peer_id))

    async def reload(
        self,
        *,
        settings: Settings | None = None,
        peers: Iterable[str] | None = None,
        access: "Access | AccessRules | None" = None,
    ) -> "Reloaded":
        """Go by another configuration from now on. All of it is checked first, then swapped in one step; no call is dropped.

        Certificates are read again, whatever is given: links are made anew where they have changed, and those of peers that
        may no longer be peers end with a goodbye once their calls are answered.

        Args:
            settings: all settings, as for the constructor, with their overrides; by default as they are. Some cannot change
                while the collector runs, and are named in what this returns.
            peers: all addresses of collectors to stay connected with, in place of those before; by default as they are.
            access: all access rules, in place of those before; by default as they are.

        Raises:
            SettingsError: a setting or an override has a wrong value, or names no strategy; nothing has changed.
            InvalidCallError: an address is malformed, a rule is wrong, or the certificate does not name this collector; nothing
                has changed.
            TlsError: the certificate files cannot be used; nothing has changed.
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: as for `dispatch`.
        """
        given = None if settings is None else settings_argument(settings)
        addresses = None if peers is None else texts_argument("peers", peers)
        rules = None
        if access is not None:
            # Whoever has no rules does not load what reads them.
            from collector_mesh.app.access.access import access_rules

            rules = access_rules(access)
        self._open_keeping()
        if self._lifetime.state != "serving":
            raise self._home.closed(self._lifetime.state)
        return await self.reloading.reload(given, addresses, rules)

    @property
    def reloading(self) -> "Reloading":
        """Swaps what the collector goes by."""
        if self._reloading is None:
            # Most collectors never do, and do not load it.
            from collector_mesh.app.reloading import Reloading

            self._reloading = Reloading(self.container, self._peers)
        return self._reloading

    async def wait_for(
        self,
        *,
        peers: int | Literal["all"] | Iterable[str] | None = None,
        methods: Iterable[str | tuple[str, str, str]] = (),
        timeout: float = 30.0,
    ) -> None:
        """Wait until peers are connected, and methods can be called; without either, until all configured peers are connected.

        Args:
            peers: a number of peers, or their ids, or `all` configured ones.
            methods: as `NAMESPACE/SERVICE/METHOD`, or as tuples of the three. A method counts if it runs here, if a connected
                peer announces it, or if a peer without links in that namespace may have it.
            timeout: seconds; `math.inf` for no limit.

        Raises:
            UnavailableError: the time is up; the text says what is missing, and which addresses do not answer.
            InvalidCallError: a name is malformed, or a number negative.
            TypeError: an argument is of a wrong type; the text names it.
            RuntimeError: as for `dispatch`; also if the collector ends meanwhile.
        """
        wanted_peers, wanted_methods = peers_argument(peers, methods)
        seconds = seconds_argument("timeout", timeout)
        self._open_keeping()
        readiness = self.container.readiness()
        missing = await readiness.wait(wanted_peers, wanted_methods, timeout=seconds)
        if missing and readiness.is_closed:
            raise self._home.closed(self._lifetime.state)
        if missing:
            raise UnavailableError(clipped(f"not ready within {seconds:g} s: {missing}"))

    async def wait_unreachable(self) -> str:
        """Wait until no program can connect to this collector any more, and return the reason.

        The collector replaces a listener that ends by itself; this returns only if that is impossible, for example because
        another program has taken the address. Existing links live on.

        Raises:
            RuntimeError: this is another event loop than the one that it was entered in.
        """
        self._home.check_leaving()
        return await self._lifetime.wait_unreachable()

    def explain(self, namespace: str, service: str, method: str) -> "Explanation":
        """Say where a call would go now, and why; no validator is asked.

        Raises:
            InvalidCallError: a name is malformed.
            TypeError: one of them is no text.
        """
        return self.container.inspection().explain(key_argument(namespace, service, method))

    def snapshot(self) -> "Snapshot":
        """Describe what this collector is and knows now."""
        return self.container.inspection().snapshot()

    def _open_keeping(self) -> "Keeping":
        if self._keeping is None:
            raise self._home.closed(self._lifetime.state)
        self._home.check()
        return self._keeping
