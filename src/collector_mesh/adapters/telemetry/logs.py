"""What happens in a collector, as log records."""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

from collector_mesh.adapters.telemetry.records import PACKAGE, log
from collector_mesh.domain.model import events
from collector_mesh.domain.model.texts import word_of
from collector_mesh.domain.ports.observer import Observer

_LOGGER = logging.getLogger(PACKAGE)


_WORDS: Mapping[type[events.Event], tuple[str, int]] = MappingProxyType(
    {
        events.Started: ("started", logging.INFO),
        events.Draining: ("draining", logging.INFO),
        events.Stopped: ("stopped", logging.INFO),
        events.PeerConnected: ("peer_connected", logging.INFO),
        events.NothingShared: ("nothing_shared", logging.WARNING),
        events.PeerLost: ("peer_lost", logging.WARNING),
        events.ConfigurationReloaded: ("configuration_reloaded", logging.INFO),
        events.ReloadFailed: ("reload_failed", logging.ERROR),
        events.PeerLeft: ("peer_left", logging.INFO),
        events.PeerForgotten: ("peer_forgotten", logging.INFO),
        events.PeerRefused: ("peer_refused", logging.WARNING),
        events.DialFailed: ("dial_failed", logging.WARNING),
        events.NameChanged: ("name_changed", logging.INFO),
        events.NameFailed: ("name_failed", logging.WARNING),
        events.LinkFailed: ("link_failed", logging.WARNING),
        events.NewsLeftOut: ("news_left_out", logging.WARNING),
        events.Defect: ("defect", logging.ERROR),
        events.BalancerFailed: ("balancer_failed", logging.ERROR),
        events.ListenerRestored: ("listener_restored", logging.WARNING),
        events.ListenerLost: ("listener_lost", logging.ERROR),
        events.HandshakeRefused: ("handshake_refused", logging.WARNING),
        events.CertificateRenewed: ("certificate_renewed", logging.INFO),
        events.CertificateUnusable: ("certificate_unusable", logging.WARNING),
        events.CertificateExpired: ("certificate_expired", logging.WARNING),
        events.KeyExposed: ("key_exposed", logging.WARNING),
        events.MetricsServed: ("metrics_served", logging.INFO),
        events.LimitReached: ("limit_reached", logging.WARNING),
        events.HookFailed: ("hook_failed", logging.ERROR),
        events.LifespanFailed: ("lifespan_failed", logging.ERROR),
        events.ValidatorRefused: ("validator_refused", logging.WARNING),
        events.ValidatorUndecided: ("validator_undecided", logging.WARNING),
        events.RegistryAway: ("registry_away", logging.WARNING),
        events.RegistryBack: ("registry_back", logging.INFO),
        events.Registered: ("registered", logging.INFO),
        events.RegistrationRefused: ("registration_refused", logging.WARNING),
        events.BreakerOpened: ("breaker_opened", logging.WARNING),
        events.BreakerShut: ("breaker_shut", logging.INFO),
        events.TracesAway: ("traces_away", logging.WARNING),
        events.TracesBack: ("traces_back", logging.INFO),
        events.Shedding: ("shedding", logging.WARNING),
        events.Counted: ("counted", logging.DEBUG),
        events.AttemptFailed: ("attempt_failed", logging.DEBUG),
        events.DispatchFailed: ("dispatch_failed", logging.ERROR),
        events.CallEnded: ("call_ended", logging.INFO),
        events.HandlerFailed: ("handler_failed", logging.ERROR),
        events.KeyStoreFailed: ("key_store_failed", logging.ERROR),
    }
)


class LoggingObserver:
    """Logs each event as one record: a constant word and its facts."""

    def tell(self, event: events.Event) -> None:
        """See the port."""
        word, level = _WORDS.get(type(event)) or (word_of(type(event).__name__), logging.INFO)
        if not _LOGGER.isEnabledFor(level):
            return
        facts = {_NAMES.get(name, name): value for name, value in attrs.asdict(event, recurse=False).items()}
        if event.times == 1:
            del facts["times"]
        if isinstance(event, events.CallEvent) and not event.trace_id:
            del facts["trace_id"], facts["path"]
        error = facts.pop("error", None)
        if isinstance(event, events.AttemptFailed):
            verdict = facts.pop("verdict")
            facts |= {
                "peer": verdict.peer_id,
                "reason": verdict.reason.value,
                "code": verdict.code,
                "executed": verdict.executed.value,
                "seconds": round(verdict.ended - verdict.began, 6),
            }
        log(level, word, facts, error if isinstance(error, BaseException) else None)


_NAMES = MappingProxyType({"key": "method"})
"""What facts are called in the log where it is not as in the event."""


if TYPE_CHECKING:
    _fits: type[Observer] = LoggingObserver
