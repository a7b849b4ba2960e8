"""Events for an Observer: changes of state, and handlers that failed."""

from collections.abc import Mapping

import attrs

from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.verdict import Verdict


@attrs.frozen
class Event:
    """Something that happened in a collector.

    What several kinds have means the same in each: `peer` is the id of a peer, empty where it has not said; `address` is
    where the peer listens or has come from, or of a listener and its certificate, where the collector listens; `reason`
    is for people; `error` is what was raised; `key` is a method.

    Attributes:
        collector_id: the collector.
        times: which one of its kind this is, where what repeats is not told each time.
    """

    collector_id: str
    times: int = attrs.field(default=1, kw_only=True)


@attrs.frozen
class CallEvent(Event):
    """Something that happened to one call.

    Attributes:
        trace_id: of the call, as 32 hexadecimal digits; empty where it has none.
        path: the ids of the collectors that it has come over, from the first one to this one; only with a trace id.
    """

    trace_id: str = attrs.field(default="", kw_only=True, repr=False)
    path: tuple[str, ...] = attrs.field(default=(), kw_only=True, repr=False)


@attrs.frozen
class Started(Event):
    """The collector takes calls.

    Attributes:
        address: where others reach the collector, empty while it does not listen.
    """

    address: str


@attrs.frozen
class Draining(Event):
    """The collector refuses new calls and finishes those under way."""


@attrs.frozen
class Stopped(Event):
    """The collector has ended.

    Attributes:
        cancelled: number of calls that had not finished in time.
    """

    cancelled: int


@attrs.frozen
class ConfigurationReloaded(Event):
    """The collector goes by another configuration from now on; no call was dropped for it.

    Attributes:
        changed: what is different, as `peers` or `settings.max_running`.
        needs_restart: what is different in the configuration and stays as it was until the collector is started again.
        dismissed: ids of peers that may no longer be peers.
    """

    changed: tuple[str, ...]
    needs_restart: tuple[str, ...] = ()
    dismissed: tuple[str, ...] = ()


@attrs.frozen
class ReloadFailed(Event):
    """A new configuration cannot be used; the old one stays in force."""

    reason: str


@attrs.frozen
class PeerConnected(Event):
    """A connection to a peer has come up, or a new one has replaced an old one.

    Attributes:
        shared_namespaces: the namespaces of both.
        dialed: whether this side has dialed and keeps it up.
    """

    peer: str
    address: str
    shared_namespaces: tuple[str, ...]
    dialed: bool


@attrs.frozen
class NothingShared(Event):
    """A peer is connected that is in no namespace of this collector: neither can call the other.

    Attributes:
        own: namespaces of this collector, as far as the peer is offered them; some, where they are many.
        theirs: those of the peer; empty also where it does not say.
    """

    peer: str
    address: str
    own: tuple[str, ...]
    theirs: tuple[str, ...]


@attrs.frozen
class PeerLost(Event):
    """A peer that is wanted does not answer; it is dialed until it does."""

    peer: str
    address: str
    reason: str


@attrs.frozen
class PeerLeft(Event):
    """A peer that is wanted has said goodbye; it is dialed until it is back."""

    peer: str
    address: str
    reason: str


@attrs.frozen
class PeerForgotten(Event):
    """A connection has ended, and the collector does not bring it back."""

    peer: str
    reason: str


@attrs.frozen
class PeerRefused(Event):
    """A collector wanted to connect and may not."""

    peer: str
    address: str
    reason: str


@attrs.frozen
class DialFailed(Event):
    """A peer cannot be reached or refuses; reported once until the reason changes."""

    address: str
    reason: str


@attrs.frozen
class NameChanged(Event):
    """A name that stands for peers leads elsewhere than before.

    Attributes:
        name: the name.
        members: number of its addresses that are used now.
        added: how many of them are new.
        removed: how many are not of it anymore.
    """

    name: str
    members: int
    added: int
    removed: int


@attrs.frozen
class NameFailed(Event):
    """It cannot be found out where a name leads; what was known stays. Told once until the reason is another one."""

    name: str
    reason: str


@attrs.frozen
class LinkFailed(Event):
    """A link has ended because of something that the other side did, or failed to do."""

    peer: str
    address: str
    reason: str


@attrs.frozen
class NewsLeftOut(Event):
    """A number of items in a peer's news, about itself or others, are not used, for this reason and maybe others.

    Attributes:
        number: how many items are not used.
        reason: why the first of them is not.
    """

    peer: str
    address: str
    number: int
    reason: str


@attrs.frozen
class Defect(Event):
    """A part of the mesh itself has raised where nothing may; at most one call or one link has suffered.

    Attributes:
        where: which part has raised.
    """

    where: str
    error: BaseException


@attrs.frozen
class ListenerRestored(Event):
    """The listener had ended, and was made anew.

    Attributes:
        seconds: how long nobody could connect, at most.
    """

    address: str
    reason: str
    seconds: float


@attrs.frozen
class ListenerLost(Event):
    """No program can connect any more, and the listener cannot be mended; existing links live on."""

    address: str
    reason: str


@attrs.frozen
class HandshakeRefused(Event):
    """A program has connected, and has gone without a request that makes sense."""

    address: str
    reason: str


@attrs.frozen
class CertificateRenewed(Event):
    """New certificate files are in use for connections to an address.

    Attributes:
        certificate: the file that it was read from.
    """

    address: str
    certificate: str


@attrs.frozen
class CertificateUnusable(Event):
    """Certificate files cannot be read, or do not fit together; the earlier ones stay in use."""

    address: str
    reason: str


@attrs.frozen
class CertificateExpired(Event):
    """The certificate in use has expired, or is not good yet; programs that check it will not connect."""

    address: str
    reason: str


@attrs.frozen
class KeyExposed(Event):
    """Others can read the key of the certificate."""

    address: str
    reason: str


@attrs.frozen
class LimitReached(Event):
    """A program was turned away because of a limit against strangers.

    Attributes:
        limit: name of the limit.
        most: how much is allowed.
        address: of whoever was turned away.
    """

    limit: str
    most: float
    address: str


@attrs.frozen
class BreakerOpened(Event):
    """A peer has failed too often, and is ejected: it gets no calls of a namespace before a probe may go.

    Attributes:
        seconds: how long until the probe may go.
    """

    peer: str
    namespace: str
    seconds: float


@attrs.frozen
class BreakerShut(Event):
    """The probe has succeeded: the peer gets calls of the namespace again."""

    peer: str
    namespace: str


@attrs.frozen
class BalancerFailed(Event):
    """A strategy of the user's has raised, and the default one has chosen instead.

    Attributes:
        balancer: name of the strategy.
    """

    balancer: str
    error: BaseException


@attrs.frozen
class HookFailed(Event):
    """A hook of the user's has raised, or has returned a value without meaning; the call or link that needed it has ended.

    Attributes:
        hook: what was asked: an observer, an authorizer or a transport.
    """

    hook: str
    error: BaseException


@attrs.frozen
class LifespanFailed(Event):
    """The lifespan of a service has raised, or has not ended in time.

    Attributes:
        service: the service, as `namespace/Service`.
        phase: `opening`, where a collector that is running was given the service, which it does not serve then; `running`,
            where the lifespan has ended by itself; or `closing`.
    """

    service: str
    phase: str
    error: BaseException


@attrs.frozen
class ValidatorRefused(CallEvent):
    """The validator has refused a call, or could not decide."""

    key: MethodKey
    reason: str


@attrs.frozen
class ValidatorUndecided(Event):
    """The validator could not decide, and calls of the method run by an earlier answer, or as the user has chosen."""

    key: MethodKey
    reason: str


@attrs.frozen
class RegistryAway(Event):
    """A registry does not answer. Where it validates, calls are decided by earlier answers, or as the user has chosen.

    Attributes:
        address: of the registry, or its file.
        use: what it is asked for: `validate` or `register`; `keep` is for the store of one that this collector offers.
    """

    address: str
    reason: str
    use: str


@attrs.frozen
class RegistryBack(Event):
    """The registry answers again.

    Attributes:
        address: of the registry, or its file.
        seconds: how long it was away.
        use: what it is asked for, as in `RegistryAway`.
    """

    address: str
    seconds: float
    use: str


@attrs.frozen
class Registered(Event):
    """A registry has taken services of this collector that it did not have, or not so.

    Attributes:
        address: of the registry.
        number: how many services.
        services: some of them, as `namespace/Service`.
    """

    address: str
    number: int
    services: tuple[str, ...]


@attrs.frozen
class RegistrationRefused(Event):
    """A registry does not take a service of this collector; told once for each reason.

    Attributes:
        address: of the registry.
        service: the service, as `namespace/Service`.
    """

    address: str
    service: str
    reason: str


@attrs.frozen
class MetricsServed(Event):
    """Scrapers are answered from now on.

    Attributes:
        address: where, with the real port.
    """

    address: str


@attrs.frozen
class TracesAway(Event):
    """The spans of recorded calls cannot be passed on, and are lost; no call notices. Told once until they can be."""

    reason: str


@attrs.frozen
class TracesBack(Event):
    """They can be passed on again.

    Attributes:
        lost: number of spans that were lost since the start.
    """

    lost: int


@attrs.frozen
class Shedding(Event):
    """The collector is at a limit and refuses calls with 429; reported once for each such time.

    Attributes:
        limit: name of the setting.
        most: how many calls it allows at once.
        namespace: of the first call that was refused.
    """

    limit: str
    most: int
    namespace: str


@attrs.frozen
class Counted(Event):
    """The counts since the start; see `Counts`. Reported at intervals."""

    counts: Mapping[str, int]


@attrs.frozen
class AttemptFailed(CallEvent):
    """An attempt of a call at a peer has failed; the call may go elsewhere."""

    key: MethodKey
    verdict: Verdict


@attrs.frozen
class DispatchFailed(CallEvent):
    """A call could not be routed because of a defect of this collector."""

    key: MethodKey
    error: BaseException


@attrs.frozen
class CallEnded(CallEvent):
    """A call has ended; the access log tells of those that the settings ask for.

    Attributes:
        key: the method; nobody need have it.
        side: `serve` where it has run here, or was to, `dispatch` where it has begun here and nothing has run here.
        code: what came of it; 499 where it was cancelled.
        executed: whether a handler has run: yes, no, maybe.
        seconds: how long it took.
        caller: id of the peer that it came from, or empty.
        source: who has sent it, by what is proved, else by where it is; empty for this process itself.
        handled_by: the collector whose handler has run, or empty.
        request_bytes: of its payload.
        reply_bytes: of the payload of a success.
    """

    key: MethodKey
    side: str
    code: int
    executed: str
    seconds: float
    caller: str
    source: str
    handled_by: str
    request_bytes: int
    reply_bytes: int


@attrs.frozen
class HandlerFailed(CallEvent):
    """A handler raised, or returned what cannot be sent.

    Attributes:
        correlation_id: names it in the log, and to the caller where that is not told the text of the error.
    """

    key: MethodKey
    error: BaseException
    correlation_id: str


@attrs.frozen
class KeyStoreFailed(Event):
    """What became of a call with an idempotency key could not be written into the store.

    It is kept in memory and written again; where the process ends before that, repeats are told that it is not known.
    """

    key: MethodKey
    error: BaseException


REPEATING: frozenset[type[Event]] = frozenset(
    {
        BalancerFailed,
        HookFailed,
        ValidatorRefused,
        ValidatorUndecided,
        PeerRefused,
        LinkFailed,
        NewsLeftOut,
        ListenerRestored,
        HandshakeRefused,
        CertificateUnusable,
        CertificateExpired,
        LimitReached,
        Defect,
        Shedding,
    }
)
"""Events that others can cause as often as they like; see `collector_mesh.domain.policies.repeats`."""

CHANGING: frozenset[type[Event]] = frozenset(
    {
        PeerConnected,
        NothingShared,
        PeerLost,
        PeerLeft,
        PeerForgotten,
        NameChanged,
        NameFailed,
        BreakerOpened,
        BreakerShut,
        RegistryAway,
        RegistryBack,
        DispatchFailed,
        HandlerFailed,
        KeyStoreFailed,
    }
)
"""Events that programs receive each time, and people do not where they would flood them: peers and callers can repeat these as well."""
