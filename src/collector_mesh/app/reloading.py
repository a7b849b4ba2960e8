"""Other settings, peers and certificates for a collector that runs: all is checked, then swapped in one step."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from dependency_injector import providers

from collector_mesh.adapters.runtime.aside import aside
from collector_mesh.app.making import make_trust, make_waiting_rules
from collector_mesh.app.overrides import OF_METHODS, OF_NAMESPACES, PoliciesMaking, namespace_limits
from collector_mesh.app.settings import Settings, SettingsError
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, quoted
from collector_mesh.domain.model.events import ConfigurationReloaded, ReloadFailed
from collector_mesh.domain.model.reloaded import Reloaded
from collector_mesh.domain.peers.waiting import holds_within
from collector_mesh.domain.policies.policy import Policies

if TYPE_CHECKING:
    from collector_mesh.adapters.grpc.tls import Tls
    from collector_mesh.app.container import CollectorContainer
    from collector_mesh.domain.policies.access_index import AccessIndex
    from collector_mesh.domain.policies.access_policy import AccessPolicy
    from collector_mesh.domain.policies.access_rules import AccessRules

RELOADABLE = (
    OF_METHODS
    | OF_NAMESPACES
    | {"overrides", "max_waiting", "wait_for_peer", "drain_timeout", "trace_sample"}
)
"""Settings that a collector takes over while it runs; the others need a restart."""

_AT_ONCE = 16
"""Overrides that are made into policies in one go; each takes some 50 microseconds."""

_FEW_RULES = 256
"""Access rules that are made ready in the event loop; more of them are in a thread."""

_MOVING_SECONDS = 2.0
"""How long those who are new have to answer before those who are gone are let go."""

_Swap = Callable[[], None]


@attrs.frozen
class _Files:
    """What is in the files of certificates; nothing of one that cannot be read, which whoever uses it tells."""

    cert: bytes = b""
    key: bytes = b""
    ca: bytes = b""

    @classmethod
    def of(cls, tls: "Tls | None") -> "_Files":
        """Read them."""
        return cls() if tls is None else cls(*map(_content, (tls.cert, tls.key, tls.ca)))


def _content(path: Path | None) -> bytes:
    from collector_mesh.adapters.grpc.tls import TlsError, read

    try:
        return b"" if path is None else read(path)
    except TlsError:
        return b""


class Reloading:
    """Swaps what one collector goes by.

    Args:
        container: its parts.
        peers: the addresses that it is to stay connected with.
    """

    def __init__(self, container: "CollectorContainer", peers: Sequence[str]) -> None:
        self._container = container
        self._peers = tuple(peers)
        self._lock = asyncio.Lock()
        self._shown = _Files.of(container.options().tls)

    async def reload(
        self,
        settings: Settings | None,
        peers: tuple[str, ...] | None,
        access: "AccessRules | None" = None,
        *,
        others: tuple[str, ...] = (),
    ) -> Reloaded:
        """Check what is given, and read certificates again; if all is good, have it in force.

        Args:
            settings: all settings, None for those that there are.
            peers: all addresses to stay connected with, None for those that there are.
            access: the access rules, None for those that there are.
            others: what else is different in the configuration, and needs a restart.

        Raises:
            SettingsError: a setting or an override has a wrong value, or names no strategy.
            InvalidCallError: something is no address, or the certificate does not name this collector.
            TlsError: the certificate files cannot be used.
        """
        async with self._lock:
            parts = self._container
            observer, collector_id = parts.guarded_observer(), parts.options().collector_id
            try:
                reloaded = await self._reload(settings, peers, access, others)
            except (SettingsError, MeshError, ValueError, TypeError) as error:
                observer.tell(ReloadFailed(collector_id, str(error)))
                raise
            observer.tell(
                ConfigurationReloaded(
                    collector_id, reloaded.changed, reloaded.needs_restart, reloaded.dismissed
                )
            )
            return reloaded

    async def _reload(
        self,
        settings: Settings | None,
        peers: tuple[str, ...] | None,
        access: "AccessRules | None",
        others: tuple[str, ...],
    ) -> Reloaded:
        parts, swaps = self._container, list[_Swap]()
        changed, needs_restart = await self._check_settings(settings or parts.settings(), swaps)
        index = await self._index_of(access)
        shown = self._check_certificates()
        if peers is not None:
            for address in peers:
                parts.keeping().check(address)
        # From here on nothing fails, and nobody else has a turn before all of it is done.
        for swap in swaps:
            swap()
        if index is not None:
            parts.access().replace(access, index)
            changed.append("access")
        before, self._shown = self._shown, shown
        is_renewed = shown != before
        if is_renewed:
            changed.append("certificates")
        gone: tuple[str, ...] = ()
        if peers is not None and set(peers) != set(self._peers):
            changed.append("peers")
            gone = self._want(peers)
        await self._leave(gone)
        dismissed = await self._dismiss() if is_renewed or index is not None else ()
        if is_renewed:
            self._renew(trusts_others=shown.ca != before.ca)
        return Reloaded(tuple(changed), (*others, *needs_restart), dismissed)

    # ---- settings ------------------------------------------------------------------------------------

    async def _check_settings(self, new: Settings, swaps: list[_Swap]) -> tuple[list[str], list[str]]:
        """See which settings are different, and have those swapped that can be."""
        parts = self._container
        old = parts.settings()
        different = [
            field.name
            for field in attrs.fields(Settings)
            if getattr(old, field.name) != getattr(new, field.name)
        ]
        changed = [name for name in different if name in RELOADABLE]
        if changed:
            made = attrs.evolve(old, **{name: getattr(new, name) for name in changed})
            making = PoliciesMaking(made, balancers=parts.balancers())
            while not making.go_on(_AT_ONCE):
                # Others have their turn.
                await parts.clock().alarm().wait(0)
            policies = making.policies
            swaps.append(lambda: self._swap(made, policies))
        return (
            [f"settings.{name}" for name in changed],
            [f"settings.{name}" for name in different if name not in RELOADABLE],
        )

    def _swap(self, settings: Settings, policies: Policies) -> None:
        parts = self._container
        parts.settings.override(providers.Object(settings))
        parts.policies().replace(policies, parts.clock().now())
        for key, limit in (
            ("max_running", parts.running()),
            ("max_outgoing", parts.outgoing()),
            ("max_waiting", parts.seats()),
        ):
            limit.resize(getattr(settings, key), namespace_limits(settings, key))
        parts.waiting().rules = make_waiting_rules(settings)
        if (roots := parts.roots()) is not None:
            roots.share = settings.trace_sample

    # ---- access rules --------------------------------------------------------------------------------

    async def _index_of(self, rules: "AccessRules | None") -> "AccessIndex | None":
        """What decides by other rules; None where they are those that there are."""
        if rules is None:
            return None
        access = self._container.access()
        make = partial(self._new_index, access, rules)
        return make() if len(rules.rules) <= _FEW_RULES else await aside(make)

    @staticmethod
    def _new_index(access: "AccessPolicy", rules: "AccessRules") -> "AccessIndex | None":
        return None if rules == access.rules else access.index_of(rules)

    # ---- certificates --------------------------------------------------------------------------------

    def _check_certificates(self) -> "_Files":
        """What is in the files of certificates, which fit together and name this collector."""
        options = self._container.options()
        shown = _Files.of(options.tls)
        if shown != self._shown and options.tls is not None:
            options.tls.check()
            trust, before = make_trust(options, self._container.settings()), self._container.trust()
            if trust != before and trust is not None and before is not None:
                raise InvalidCallError(
                    f"the certificate names this collector in the domain {quoted(trust.name)}, and whom it is connected"
                    f" with it knows by names in {quoted(before.name)}: that needs a restart"
                )
            if _Files.of(options.tls) != shown:
                raise InvalidCallError("the files of certificates are just being replaced")
        return shown

    def _renew(self, *, trusts_others: bool) -> None:
        """Have links made anew; those of whom cannot do that with the authorities that are trusted now end in a while."""
        streams, settings = self._container.streams(), self._container.settings()
        streams.renewals.renew_all()
        if trusts_others:
            streams.dismissals.end_older(2 * settings.dial_timeout, calls=settings.drain_timeout)

    async def _dismiss(self) -> tuple[str, ...]:
        """Let those go who may no longer be peers."""
        return await self._container.streams().dismissals.look(self._container.settings().drain_timeout)

    # ---- peers ---------------------------------------------------------------------------------------

    def _want(self, peers: tuple[str, ...]) -> tuple[str, ...]:
        """Have these kept connected; give those that are not to be anymore."""
        keeping, before = self._container.keeping(), self._peers
        for address in peers:
            if address not in before:
                keeping.want(address)
        self._peers = peers
        return tuple(address for address in before if address not in peers)

    async def _leave(self, gone: tuple[str, ...]) -> None:
        """Have some addresses kept connected no longer."""
        if not gone:
            return
        keeping = self._container.keeping()
        # A peer that has moved stays connected all the while.
        await holds_within(self._container.clock(), _MOVING_SECONDS, lambda: not self._are_dialed())
        for address in gone:
            await keeping.leave(address)
        for address in self._peers:
            # Of two addresses of one peer only one is kept; it may be that which has gone.
            keeping.want(address)

    def _are_dialed(self) -> bool:
        dialing = self._container.keeping().dialing
        return any(address in dialing for address in self._peers)
