"""The collector that `serve` runs, made from its configuration."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from collector_mesh.adapters.dns.names import DnsNames
from collector_mesh.adapters.grpc.channels import check_plaintext
from collector_mesh.adapters.grpc.tls import Tls, TlsError
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli.config import ServeConfig, pairs, peer_count
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.objects import load
from collector_mesh.app.cli.problems import Problems
from collector_mesh.app.cli.services import load_service
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.cli.tracing import tracer_for
from collector_mesh.app.collector import Collector
from collector_mesh.app.hooks.shape import check_authorizer
from collector_mesh.app.making import make_trust
from collector_mesh.app.metrics.making import check_metrics_place
from collector_mesh.app.options import Options
from collector_mesh.app.overrides import policies_of
from collector_mesh.app.settings import SettingsError
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, quoted
from collector_mesh.domain.policies.balancing import BALANCERS

if TYPE_CHECKING:
    from collector_mesh.app.registry.registry import Registry
    from collector_mesh.domain.policies.access_rules import AccessRules


def collector_of(sourced: Sourced) -> Collector:
    """Make the collector; nothing is opened.

    Raises:
        CommandError: modules, objects, certificate files or addresses cannot be used; the text has every problem.
        MeshError, TlsError, SettingsError, TypeError: what a collector itself refuses.
    """
    config = sourced.config
    problems = Problems()
    services = []
    for reference in config.service:
        with problems.gathered():
            services.append(load_service(reference, sourced.source("service")))
    mounts = []
    for reference in config.mount:
        with problems.gathered():
            # Whoever mounts nothing does not need what this imports.
            from collector_mesh.app.cli.mounts import load_mount

            mounts.append(load_mount(reference, sourced.source("mount")))
    middleware = []
    for reference in config.middleware:
        with problems.gathered():
            # Whoever has none does not need what this imports.
            from collector_mesh.app.cli.middleware import load_middleware

            middleware.append(load_middleware(reference, sourced.source("middleware")))
    authorizer = None
    if config.authorizer is not None:
        with problems.gathered():
            authorizer = _authorizer(config.authorizer, sourced.source("authorizer"))
    balancers = {}
    for name, reference in pairs("balancer", config.balancer).items():
        with problems.gathered():
            balancers[name] = load(reference, option=sourced.source("balancer"))
    tls = None
    with problems.gathered(TlsError):
        tls = _tls(sourced)
    _check_token(sourced, problems)
    access = access_of(sourced, tls, problems, None)
    _check_pairs(sourced, problems)
    validator = _validator_of(sourced, tls, problems)
    check_places(sourced, tls, problems)
    registry = _registry_of(sourced)
    problems.check()
    if config.accept_unary_peers:
        log(
            logging.WARNING,
            "deprecated",
            {"name": sourced.source("accept_unary_peers"), "use": "--accept-peers"},
        )
    tracer = tracer_for(config.traces, config.id, sourced.source("traces"))
    settings = config.settings
    if config.access_log is not None:
        settings = attrs.evolve(settings, access_log=config.access_log)
    collector = Collector(
        config.id,
        listen=config.listen,
        advertise=config.advertise,
        namespaces=config.namespace,
        services=services,
        peers=config.peer,
        validator=validator,
        register_at=config.register_at,
        authorizer=authorizer,
        access=access,
        token_file=config.token_file,
        registry=registry,
        tls=tls,
        insecure=config.insecure,
        accept_peers=config.accept_peers or config.accept_unary_peers,
        inspect=config.inspect,
        reflection=config.reflection,
        gateway=config.gateway,
        wait_for_peers=needed_peers(config),
        labels=pairs("label", config.label),
        weight=config.weight,
        balancers=balancers,
        metrics=config.metrics or False,
        keys=config.keys,
        middleware=middleware,
        settings=settings,
        tracer=tracer,
        # Whoever reads these is a program, which finds the lines of one call by it.
        trace_ids=config.log_format == "json",
    )
    for mount in mounts:
        with problems.gathered():
            mount(collector)
    problems.check()
    return collector


def needed_peers(config: ServeConfig) -> int | Literal["all"] | None:
    """How many peers have to be connected before the collector is ready, None if it does not wait."""
    needed = config.wait_for_peers
    return None if needed is None else peer_count("wait_for_peers", needed)


def _validator(reference: str, option: str) -> Any:
    validator = load(reference, option=option)
    if isinstance(validator, type) or not callable(getattr(validator, "validate_service_method", None)):
        raise CommandError(
            f"{option} {reference}: is no object with a method validate_service_method but {_kind(validator)}"
        )
    return validator


def check_places(sourced: Sourced, tls: Tls | None, problems: Problems) -> None:
    """See that what will be dialed may be: what does so in the background would only log it."""
    config = sourced.config
    if config.register_at is not None:
        with problems.gathered(MeshError):
            from collector_mesh.adapters.grpc.places import Place

            Place(config.register_at, tls=tls, insecure=config.insecure).check()
    names = DnsNames()
    for peer in config.peer:
        with problems.gathered(MeshError):
            if names.is_name(peer):
                names.check(peer)
                continue
            address = HostPort.parse(peer, field=sourced.source("peer"))
            if not address.port:
                raise InvalidCallError(
                    f"{sourced.source('peer')} must have a port from 1 to 65535, got {quoted(peer)}"
                )
            check_plaintext(address, tls, insecure=config.insecure)


def check_all(sourced: Sourced, problems: Problems, warnings: Problems) -> "AccessRules | None":
    """See that a collector can be made of a configuration, as far as that can be told without importing anything.

    Args:
        sourced: the configuration.
        problems: takes what is wrong.
        warnings: takes what is probably a mistake.

    Returns:
        The access rules, None for none.
    """
    if sourced.config.workers is not None:
        from collector_mesh.app.cli.workers.plan import first_of

        sourced = first_of(sourced, problems)
    config = sourced.config
    tls = None
    with problems.gathered(TlsError):
        tls = _tls(sourced)
    with problems.of(sourced.source("tls_cert"), "tls_cert", TlsError, MeshError):
        if tls is not None:
            tls.check()
        # With mutual TLS the certificate has to name this collector.
        make_trust(Options(collector_id=config.id, listen=config.listen, tls=tls), config.settings)
    _check_token(sourced, problems)
    rules = access_of(sourced, tls, problems, warnings)
    _check_pairs(sourced, problems)
    check_places(sourced, tls, problems)
    _check_stores(sourced, problems)
    with problems.gathered(MeshError):
        check_plaintext(
            HostPort.parse(config.listen, field=sourced.source("listen")), tls, insecure=config.insecure
        )
    with problems.gathered(MeshError):
        check_metrics_place(config.metrics or False, insecure=config.insecure)
    with problems.gathered(SettingsError):
        policies_of(config.settings, balancers={**BALANCERS, **pairs("balancer", config.balancer)})
    if config.accept_unary_peers:
        warnings.add(f"{sourced.source('accept_unary_peers')} is deprecated: use accept_peers")
    return rules


def access_of(
    sourced: Sourced, tls: Tls | None, problems: Problems, warnings: Problems | None
) -> "AccessRules | None":
    """The access rules of a configuration; None where there are none, or they are wrong.

    Args:
        sourced: the configuration.
        tls: the certificates.
        problems: takes what is wrong with them.
        warnings: takes what is probably a mistake in them; None to have it logged.
    """
    table = sourced.access
    if table is None:
        return None
    # Only whoever has rules reads them.
    from collector_mesh.app.access.reading import read_access

    proves_ids = tls is not None and tls.is_mutual
    rules, found = read_access(table.content, table.source, table.base, proves_ids=proves_ids)
    for problem in found:
        if not problem.is_warning:
            problems.add(str(problem))
        elif warnings is not None:
            warnings.add(str(problem))
        else:
            log(logging.WARNING, "access", {"problem": str(problem)})
    return rules


def _check_token(sourced: Sourced, problems: Problems) -> None:
    """See that there is a token to show, if the configuration says so: a dial would only log it."""
    token_file = sourced.config.token_file
    if token_file is None:
        return
    from collector_mesh.adapters.runtime.token_source import token_source

    with problems.of(sourced.source("token_file"), "token_file", MeshError):
        token = token_source(None, token_file)
        if token is not None:
            token()


def _check_stores(sourced: Sourced, problems: Problems) -> None:
    """See that there can be the files that are made where they are not there; they are opened at the start."""
    for name in ("keys", "registry"):
        file = getattr(sourced.config, name)
        path = None if file is None else Path(file)
        if path is not None and path.is_dir():
            problems.add(f"{sourced.source(name)} {quoted(file)} is a folder")
        elif path is not None and not path.parent.is_dir():
            problems.add(
                f"{sourced.source(name)} {quoted(file)}: there is no folder {quoted(str(path.parent))}"
            )


def _check_pairs(sourced: Sourced, problems: Problems) -> None:
    """See that what needs another value has it, and what excludes one does not have that."""
    config = sourced.config
    with problems.gathered():
        if config.validate_open and config.validate_at is None:
            raise CommandError(
                f"{sourced.source('validate_open')} needs --validate-at: there is no registry to be away"
            )
    with problems.gathered():
        if config.validator is not None and config.validate_at is not None:
            both = f"{sourced.source('validator')} and {sourced.source('validate_at')}"
            raise CommandError(f"{both}: a collector has one validator")
    with problems.gathered():
        if config.registry is None and config.registry_level is not None:
            raise CommandError(f"{sourced.source('registry_level')} needs --registry: there is no registry")


def _validator_of(sourced: Sourced, tls: Tls | None, problems: Problems) -> Any:
    """The validator that the configuration names, None if it names none or one that cannot be used."""
    config = sourced.config
    if config.validator is not None:
        with problems.gathered():
            return _validator(config.validator, sourced.source("validator"))
    elif config.validate_at is not None:
        # Whoever asks no registry does not need it.
        from collector_mesh.adapters.grpc.registry_validator import RegistryValidator

        with problems.gathered(MeshError):
            return RegistryValidator(
                config.validate_at,
                tls=tls,
                insecure=config.insecure,
                fail="open" if config.validate_open else "closed",
                token_file=config.token_file,
            )
    return None


def _registry_of(sourced: Sourced) -> "Registry | None":
    """The registry that the configuration names, None if it names none."""
    config = sourced.config
    if config.registry is None:
        return None
    # Whoever offers none does not need it.
    from collector_mesh.app.registry.registry import Registry
    from collector_mesh.domain.registry.rules import LEVELS

    level = next((each for each in LEVELS if each == config.registry_level), LEVELS[0])
    return Registry(config.registry, level=level)


def _authorizer(reference: str, option: str) -> Any:
    authorizer = load(reference, option=option)
    try:
        check_authorizer(authorizer)
    except TypeError as error:
        raise CommandError(f"{option} {reference}: {error}") from error
    return authorizer


def _tls(sourced: Sourced) -> Tls | None:
    config = sourced.config
    if not (config.tls_cert or config.tls_key or config.tls_ca):
        return None
    if not (config.tls_cert and config.tls_key):
        given = [name for name in ("tls_cert", "tls_key", "tls_ca") if getattr(config, name)]
        what = ", ".join(map(sourced.source, given))
        raise TlsError(f"serving with TLS needs both --tls-cert and --tls-key, and there is only {what}")
    return Tls(cert=config.tls_cert, key=config.tls_key, ca=config.tls_ca)


def _kind(found: object) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__}; an instance is needed"
    return f"a {type(found).__name__}"
