"""The collector that `serve` runs, made from its configuration."""

import logging
from typing import TYPE_CHECKING, Any, Literal

import attrs

from collector_mesh.adapters.grpc.tls import Tls, TlsError
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli.checks import access_of, check_pairs, check_places, check_token, tls_of
from collector_mesh.app.cli.config import ServeConfig, pairs, peer_count
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.objects import load
from collector_mesh.app.cli.problems import Problems
from collector_mesh.app.cli.services import load_service
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.cli.tracing import tracer_for
from collector_mesh.app.collector import Collector
from collector_mesh.app.hooks.shape import check_authorizer
from collector_mesh.domain.model.errors import MeshError

if TYPE_CHECKING:
    from collector_mesh.app.registry.registry import Registry


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
        tls = tls_of(sourced)
    check_token(sourced, problems)
    access = access_of(sourced, tls, problems, None)
    check_pairs(sourced, problems)
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


def _kind(found: object) -> str:
    if isinstance(found, type):
        return f"the class {found.__name__}; an instance is needed"
    return f"a {type(found).__name__}"
