"""`collector-mesh certs`: certificates for development, with which collectors prove their ids."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.problems import Problems, got
from collector_mesh.app.cli.whole_files import PUBLIC, SECRET, File, Folder

if TYPE_CHECKING:
    from collector_mesh.app.cli.issuing import Authority

DOMAIN = "mesh.internal"
"""The trust domain of certificates where none is given: `.internal` is kept free for uses like this one."""

HOSTS = ("localhost", "127.0.0.1", "::1")
"""What every certificate is good for, beside the hosts that are given."""

_CA, _CA_KEY = "ca.pem", "ca.key"
_MAX_DAYS = 3650
_MAX_NAMES = 1000


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "certs",
        help="make certificates for development",
        description="Make an authority and certificates with which collectors prove their ids, for development and"
        " tests. An authority that is there is used. Nothing that is there is replaced without --force, and the"
        " authority never.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", metavar="DIR", help="where to; it is made if it is not there")
    parser.add_argument("--id", action="append", default=[], help="a collector; may be repeated")
    parser.add_argument(
        "--client",
        metavar="NAME",
        action="append",
        default=[],
        help="a program outside the mesh; may be repeated",
    )
    parser.add_argument(
        "--host",
        action="append",
        default=[],
        help=f"a host name or IP address that they are dialed at, beside {', '.join(HOSTS)}; may be repeated",
    )
    parser.add_argument(
        "--domain", help=f"the trust domain (that of the authority that is there, else {DOMAIN})"
    )
    parser.add_argument(
        "--days", metavar="N", default="365", help=f"how long they last (365), at most {_MAX_DAYS}"
    )
    parser.add_argument("--force", action="store_true", help="replace certificates and keys that are there")


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    days = _checked(arguments)
    try:
        from collector_mesh.app.cli.issuing import UnusableError
    except ImportError as error:
        raise CommandError(
            "certs needs the package cryptography: pip install 'collector-mesh[certs]'", EXIT_FAILED
        ) from error
    folder = Path(arguments.folder)
    try:
        with Folder(folder) as opened:
            files = _files(opened, arguments, days)
            opened.write(files)
    except UnusableError as error:
        raise CommandError(f"{folder / _CA} {error}", EXIT_FAILED) from error
    except OSError as error:
        raise CommandError(f"cannot write to {folder}: {error.strerror or error}", EXIT_FAILED) from error
    _tell(folder, arguments)
    return 0


def _checked(arguments: argparse.Namespace) -> int:
    """See that the arguments are what they may be; give the number of days."""
    from collector_mesh.domain.model.errors import InvalidCallError
    from collector_mesh.domain.model.names import check_name
    from collector_mesh.domain.policies.trust import check_domain

    problems = Problems()
    names = [("--id", name) for name in arguments.id] + [("--client", name) for name in arguments.client]
    if not arguments.folder:
        # It would be the current one.
        problems.add("DIR must be the name of a folder, got ''")
    if not names:
        problems.add("at least one --id or --client is required")
    if len(names) > _MAX_NAMES:
        problems.add(f"at most {_MAX_NAMES} certificates are made at once, got {len(names)}")
    seen = {_CA.partition(".")[0]}
    for option, name in names[:_MAX_NAMES]:
        with problems.gathered(InvalidCallError):
            check_name(option, name)
        if name.lower() in seen:
            problems.add(
                f"{option} {got(name)} is taken: each name may be given once, whatever its capital letters, and"
                f" {_CA.partition('.')[0]!r} is the authority"
            )
        # Some disks make no difference between capital and small letters.
        seen.add(name.lower())
    if arguments.domain is not None:
        with problems.gathered(InvalidCallError):
            check_domain("--domain", arguments.domain)
    for host in arguments.host:
        with problems.gathered(InvalidCallError):
            _check_host(host)
    days = int(arguments.days) if arguments.days.isdecimal() and len(arguments.days) < 8 else 0
    if not 1 <= days <= _MAX_DAYS:
        problems.add(f"--days must be a whole number from 1 to {_MAX_DAYS}, got {got(arguments.days)}")
    problems.check()
    return days


def _check_host(host: str) -> None:
    from collector_mesh.domain.model.address import HostPort
    from collector_mesh.domain.model.errors import InvalidCallError

    try:
        HostPort.parse(f"[{host}]:1" if ":" in host else f"{host}:1")
    except InvalidCallError:
        raise InvalidCallError(f"--host must be a host name or an IP address, got {got(host)}") from None


def _files(folder: Folder, arguments: argparse.Namespace, days: int) -> list[File]:
    names = [*arguments.id, *arguments.client]
    made = [f"{name}{ending}" for name in names for ending in (".crt", ".key")]
    if not arguments.force and (present := folder.present(made)):
        raise CommandError(
            f"{folder.path} has {_some(present)} already: --force replaces what is asked for", EXIT_FAILED
        )
    authority, files = _authority(folder, arguments.domain or DOMAIN)
    domain = arguments.domain or authority.domain or DOMAIN
    if authority.domain and authority.domain.lower() != domain.lower():
        raise CommandError(
            f"{folder.path / _CA} is the authority of {authority.domain}, not of {domain}: take another folder",
            EXIT_FAILED,
        )
    hosts = tuple(dict.fromkeys((*HOSTS, *arguments.host)))
    for host in hosts:
        # It would be the name of a second collector.
        if host.lower().endswith(f".{domain.lower()}"):
            raise CommandError(
                f"--host {host} stands for a collector of the domain {domain}: leave it out, or give another --domain"
            )
    for kind, of_kind in (("collector", arguments.id), ("client", arguments.client)):
        for name in of_kind:
            issued = authority.issue(name, uri=f"spiffe://{domain}/{kind}/{name}", hosts=hosts, days=days)
            files += [File(f"{name}.crt", issued.cert, PUBLIC), File(f"{name}.key", issued.key, SECRET)]
    return files


def _authority(folder: Folder, domain: str) -> "tuple[Authority, list[File]]":
    """The authority that is there, or a new one with its files."""
    from collector_mesh.app.cli.issuing import Authority

    present = folder.present([_CA, _CA_KEY])
    if len(present) == 1:
        raise CommandError(
            f"{folder.path} has {present[0]} but not the other of {_CA} and {_CA_KEY}: take another folder",
            EXIT_FAILED,
        )
    if present:
        cert, key = (folder.path / name for name in (_CA, _CA_KEY))
        return Authority.loaded(_read(cert), _read(key)), []
    authority, own = Authority.made(domain)
    return authority, [File(_CA, own.cert, PUBLIC), File(_CA_KEY, own.key, SECRET)]


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(1 << 20)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}", EXIT_FAILED) from error


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _tell(folder: Path, arguments: argparse.Namespace) -> None:
    ca = shlex.quote(str(folder / _CA))
    for name in (*arguments.id, *arguments.client):
        verb = f"serve --id {name}" if name in arguments.id else "dispatch HOST:PORT NAMESPACE SERVICE METHOD"
        cert, key = (shlex.quote(str(folder / f"{name}.{end}")) for end in ("crt", "key"))
        sys.stdout.write(f"collector-mesh {verb} --tls-cert {cert} --tls-key {key} --tls-ca {ca}\n")
