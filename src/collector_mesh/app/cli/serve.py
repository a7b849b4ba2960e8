"""`collector-mesh serve`: a collector in a process of its own."""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from collector_mesh.adapters.telemetry.records import log
from collector_mesh.app.cli import loops
from collector_mesh.app.cli.collector_options import (
    STOPS,
    add_access_log_option,
    add_authorizer_option,
    add_config_options,
    add_level_option,
    add_place_options,
    add_process_options,
    add_showing_options,
    add_tls_options,
    add_workers_option,
)
from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError, tell
from collector_mesh.app.cli.hangups import Hangups
from collector_mesh.app.cli.keys_options import add_keys_option
from collector_mesh.app.cli.logs import configure
from collector_mesh.app.cli.memory import forget_sources, start_trimming
from collector_mesh.app.cli.metrics_options import add_metrics_options
from collector_mesh.app.cli.output import Outlets
from collector_mesh.app.cli.tracing import add_tracing_options
from collector_mesh.app.cli.waiting import (
    STOP_SIGNALS,
    announce,
    has_started,
    install_signals,
    ready_with_peers,
    stopped_or_lost,
)

if TYPE_CHECKING:
    from collector_mesh.adapters.systemd.notifier import Notifier
    from collector_mesh.app.cli.configuration.origin import Origin
    from collector_mesh.app.cli.sources import Sourced

WORKER, NOTIFY_SOCKET = "_COLLECTOR_MESH_WORKER", "NOTIFY_SOCKET"
"""Variables that say who has started this process, and wants to hear from it; modules for that are loaded where they are set."""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "serve", help="run a collector", description=f"Run a collector {STOPS}"
    )
    parser.set_defaults(run=run)
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add everything that a collector can be told."""
    add_place_options(parser, default_id="the name of the host and a random suffix")
    parser.add_argument("--namespace", metavar="NS", action="append", help="a namespace to be a member of")
    parser.add_argument(
        "--service",
        metavar="MODULE:OBJECT",
        action="append",
        help="a Service to serve, a class of one, or what makes one",
    )
    parser.add_argument(
        "--mount",
        metavar="NS=MODULE:ADDER=MODULE:SERVICER",
        action="append",
        help="a servicer of gRPC to serve; or MODULE:CALLABLE, which is given the collector, and mounts",
    )
    parser.add_argument(
        "--middleware",
        metavar="MODULE:OBJECT",
        action="append",
        help="is around every call, in the order given; an object, or a class of one",
    )
    parser.add_argument("--validator", metavar="MODULE:OBJECT", help="is asked before each call")
    add_authorizer_option(parser)
    parser.add_argument(
        "--validate-at",
        metavar="HOST:PORT|unix:PATH",
        help="a registry that is asked before each call, once a method",
    )
    parser.add_argument(
        "--validate-open",
        action="store_true",
        help="allow what is not known while the registry of --validate-at is away",
    )
    parser.add_argument(
        "--register-at",
        metavar="HOST:PORT|unix:PATH",
        help="a registry at which to register what is served",
    )
    parser.add_argument(
        "--registry", metavar="FILE", help="have a registry, kept in this file; it is made if it is not there"
    )
    add_level_option(parser, "--registry-level")
    add_keys_option(parser)
    parser.add_argument(
        "--peer",
        metavar="HOST:PORT",
        action="append",
        help="a collector to connect to, or dns:NAME:PORT for all there",
    )
    parser.add_argument(
        "--wait-for-peers",
        metavar="N|all",
        help="be ready, for health checks and the ready line, when this number of peers is connected, or all",
    )
    parser.add_argument(
        "--wait-for-peers-timeout", metavar="SECONDS", help="end with 1 where they are not by then (no limit)"
    )
    parser.add_argument(
        "--label",
        metavar="NAME=VALUE",
        action="append",
        help="what the collector says of itself, as zone=eu-1",
    )
    parser.add_argument("--weight", metavar="N", help="its share of calls beside others (1)")
    parser.add_argument(
        "--balancer",
        metavar="NAME=MODULE:OBJECT",
        action="append",
        help="a strategy of your own, by the name that settings use",
    )
    add_config_options(parser)
    add_tls_options(parser)
    parser.add_argument(
        "--accept-peers",
        action="store_true",
        help="let collectors of other machines connect without mutual TLS",
    )
    parser.add_argument("--accept-unary-peers", action="store_true", help="deprecated: --accept-peers")
    add_showing_options(parser)
    parser.add_argument(
        "--gateway",
        action=argparse.BooleanOptionalAction,
        help="take calls of any gRPC client for any method that the mesh has (yes)",
    )
    add_metrics_options(parser)
    add_tracing_options(parser)
    add_access_log_option(parser)
    add_process_options(parser)
    add_workers_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    if WORKER in os.environ:
        from collector_mesh.app.cli.workers.worker import run_worker

        return run_worker(arguments)
    sourced = _read(arguments)
    if sourced.config.workers is not None and not arguments.show_config:
        from collector_mesh.app.cli.workers.starting import start_supervisor

        start_supervisor(sourced)
    from collector_mesh.app.cli.configuration.origin import Origin

    return run_collector(sourced, Origin(arguments, os.environ), shows_config=arguments.show_config)


def run_collector(
    sourced: "Sourced",
    origin: "Origin",
    *,
    shows_config: bool,
    notifier: "Notifier | None" = None,
    tell_error: Callable[[CommandError], int] = tell,
    named: str = "",
) -> int:
    """Run a collector until a signal, or show its configuration; gives the exit status.

    Args:
        sourced: the configuration.
        origin: where it comes from, and is read again.
        shows_config: whether it is shown.
        notifier: the way to who has started this process; without it, that to systemd, if that has.
        tell_error: tells what has ended it.
        named: the id that lines of the log have which say none themselves.
    """
    config = sourced.config
    if shows_config:
        from collector_mesh.app.cli.configuration.showing import show

        return show(sourced)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until the collector takes signals itself: asyncio would cancel what is under way then, such as the start.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    hangups = Hangups()
    with Outlets(_output_lost, shared=bool(named)):
        configure(config.log_format, config.log_level, named=named)
        if notifier is None and NOTIFY_SOCKET in os.environ:
            from collector_mesh.adapters.systemd.notifier import from_environment
            from collector_mesh.app.cli.notifying import log_failure

            notifier = from_environment(os.environ, on_failure=log_failure)
        try:
            return loops.run(_serve(sourced, origin, notifier, hangups), uvloop=not config.no_uvloop)
        except CommandError as error:
            # Told here, where it cannot block.
            return tell_error(error)
        finally:
            # The loop has given its signals back: one that comes now would change the exit status.
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            hangups.ignore()


def _read(arguments: argparse.Namespace) -> "Sourced":
    # What reads it takes a fifth of the start of other verbs.
    from collector_mesh.app.cli.sources import read_config

    return read_config(arguments, os.environ)


async def _serve(sourced: "Sourced", origin: "Origin", notifier: "Notifier | None", hangups: Hangups) -> int:
    from collector_mesh.adapters.grpc.descriptors import raise_limit
    from collector_mesh.adapters.grpc.tls import TlsError
    from collector_mesh.app.cli.inspecting import looked_at
    from collector_mesh.app.cli.phases import Phases
    from collector_mesh.app.cli.reloads import Reloads
    from collector_mesh.app.cli.serving import collector_of
    from collector_mesh.app.services.lifespan import LifespanError
    from collector_mesh.app.settings import SettingsError
    from collector_mesh.domain.model.errors import ListenError, MeshError

    raise_limit()
    forget_sources()
    start_trimming()
    log(logging.DEBUG, "configured", sourced.given())
    try:
        collector = collector_of(sourced)
        forget_sources()
        # A module that is being imported can only be ended, so signals do that until now.
        stop = asyncio.Event()
        install_signals(stop)
        phases = Phases()
        reloads = Reloads(collector, origin, sourced, phases)
        hangups.take(reloads.request)
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(looked_at(collector, phases, reloads.reload))
            await opened.enter_async_context(reloads)
            if notifier is not None:
                from collector_mesh.app.cli.notifying import notified

                told = notified(notifier, collector.collector_id, lambda: collector.bound_address, phases)
                opened.enter_context(told)
            if not await has_started(stop, collector):
                return 0
            reloads.started()
            try:
                ready = partial(announce, collector, phases)
                lost = await stopped_or_lost(
                    stop, collector, ready_with_peers(collector, sourced.config, ready)
                )
                phases.drain()
                await reloads.aclose()
            finally:
                await collector.stop()
    except CommandError:
        raise
    except (ListenError, LifespanError) as error:
        raise CommandError(str(error), EXIT_FAILED) from error
    except (MeshError, TlsError, SettingsError, TypeError) as error:
        raise CommandError(str(error)) from error
    except Exception as error:
        log(logging.DEBUG, "failed", error=error)
        raise CommandError(f"{type(error).__name__}: {error}", EXIT_FAILED) from error
    if lost:
        raise CommandError(f"no program can connect any more: {lost}", EXIT_FAILED)
    return 0


def _output_lost(stream: str, lines: int, reason: str) -> None:
    log(logging.WARNING, "output_lost", {"stream": stream, "lines": lines, "reason": reason})
