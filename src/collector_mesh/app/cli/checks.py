"""Whether a collector can be made of a configuration, told without importing anything of the user's."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from collector_mesh.adapters.dns.names import DnsNames
from collector_mesh.adapters.grpc.channels import check_plaintext
from collector_mesh.adapters.grpc.tls import Tls, TlsError
from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli.config import pairs
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.problems import Problems
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.making import make_trust
from collector_mesh.app.metrics.making import check_metrics_place
from collector_mesh.app.options import Options
from collector_mesh.app.overrides import policies_of
from collector_mesh.app.settings import SettingsError
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, MeshError, quoted
from collector_mesh.domain.policies.balancing import BALANCERS

if TYPE_CHECKING:
    from collector_mesh.domain.policies.access_rules import AccessRules


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
        tls = tls_of(sourced)
    with problems.of(sourced.source("tls_cert"), "tls_cert", TlsError, MeshError):
        if tls is not None:
            tls.check()
        # With mutual TLS the certificate has to name this collector.
        make_trust(Options(collector_id=config.id, listen=config.listen, tls=tls), config.settings)
    check_token(sourced, problems)
    rules = access_of(sourced, tls, problems, warnings)
    check_pairs(sourced, problems)
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


def check_token(sourced: Sourced, problems: Problems) -> None:
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


def check_pairs(sourced: Sourced, problems: Problems) -> None:
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


def tls_of(sourced: Sourced) -> Tls | None:
    """The certificate files that the configuration names, None for none.

    Raises:
        TlsError: one that is needed is missing.
    """
    config = sourced.config
    if not (config.tls_cert or config.tls_key or config.tls_ca):
        return None
    if not (config.tls_cert and config.tls_key):
        given = [name for name in ("tls_cert", "tls_key", "tls_ca") if getattr(config, name)]
        what = ", ".join(map(sourced.source, given))
        raise TlsError(f"serving with TLS needs both --tls-cert and --tls-key, and there is only {what}")
    return Tls(cert=config.tls_cert, key=config.tls_key, ca=config.tls_ca)
