"""What `serve` is told of traces, and what it makes of that."""

import argparse
import logging
from typing import TYPE_CHECKING

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.domain.model.address import HostPort
from collector_mesh.domain.model.errors import InvalidCallError, quoted

if TYPE_CHECKING:
    from collector_mesh.domain.ports.tracer import Tracer

FROM_ENVIRONMENT = "env"
"""Says that the receiver is where the environment says, as `OTEL_EXPORTER_OTLP_ENDPOINT` does."""

_SCHEMES = ("http", "https")
_MOST = 512


def add_tracing_options(parser: argparse.ArgumentParser) -> None:
    """Add where spans of recorded calls go."""
    parser.add_argument(
        "--traces",
        metavar="HOST:PORT",
        nargs="?",
        const=FROM_ENVIRONMENT,
        help="send spans of recorded calls to a receiver of OTLP: HOST:PORT, a URL, or, without a value or with env,"
        " where OTEL_EXPORTER_OTLP_ENDPOINT says",
    )


def check_receiver(name: str, value: str) -> None:
    """See that a text says where a receiver of OTLP is.

    Raises:
        ValueError: it does not.
    """
    if value == FROM_ENVIRONMENT:
        return
    from urllib.parse import urlsplit

    problem = f"{name} must be HOST:PORT, an http:// or https:// URL, or env, got {quoted(value)}"
    try:
        if "://" not in value:
            if HostPort.parse(value, field=name).port == 0:
                raise ValueError(problem)
            return
        url = urlsplit(value)
        is_url = url.scheme in _SCHEMES and bool(url.hostname) and url.port != 0 and "@" not in url.netloc
    except (ValueError, InvalidCallError) as error:
        raise ValueError(problem) from error
    if not is_url or len(value) > _MOST or not value.isascii() or not value.isprintable():
        raise ValueError(problem)


def tracer_for(receiver: str | None, collector_id: str, option: str) -> "Tracer | None":
    """What sends spans to a receiver; None where none is named.

    Args:
        receiver: where it is, or that the environment says so.
        collector_id: what the spans are said to be of, where the environment does not say it.
        option: how the user has said that.

    Raises:
        CommandError: OpenTelemetry is not there, or the environment says what cannot be.
    """
    if receiver is None:
        return None
    try:
        from collector_mesh.adapters.telemetry.otel import OtelTracer
    except ImportError as error:
        text = f"{option}: OpenTelemetry is missing: pip install 'collector-mesh[otel]' ({error})"
        raise CommandError(text) from error
    # What it would tell is in our own log, in its format; and not again for each second that a receiver is away.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    try:
        return OtelTracer(None if receiver == FROM_ENVIRONMENT else receiver, service=collector_id)
    except (ValueError, ImportError) as error:
        raise CommandError(f"{option}: {error}") from error
