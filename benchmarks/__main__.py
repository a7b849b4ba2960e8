"""Prints every figure beside its yardstick: `python -m benchmarks [NAME ...] [--seconds S] [--uvloop]`."""

import argparse
import asyncio
import platform
from collections.abc import Callable, Coroutine
from importlib import metadata

from benchmarks import (
    codecs,
    contracts,
    dispatch_local,
    gateway,
    idle,
    large,
    link,
    open_loop,
    plain,
    policies,
    profiling,
    registry,
    reload,
    route,
    rules,
    scraping,
    serve_unary,
    start,
    stubs,
    sync,
    sync_stubs,
    two_hops,
    validation,
    watching,
)
from benchmarks.conditions import Conditions, loop_factory
from benchmarks.processes import ServerFailedError
from benchmarks.sides import CallFailedError

BENCHMARKS: dict[str, Callable[[Conditions], Coroutine[None, None, None]]] = {
    "route": route.main,
    "codecs": codecs.main,
    "rules": rules.main,
    "dispatch": dispatch_local.main,
    "serve": serve_unary.main,
    "link": link.main,
    "two_hops": two_hops.main,
    "forward": two_hops.forward,
    "gateway": gateway.main,
    "open_loop": open_loop.main,
    "large": large.main,
    "idle": idle.main,
    "policies": policies.main,
    "plain": plain.main,
    "contracts": contracts.main,
    "registry": registry.main,
    "reload": reload.main,
    "validation": validation.main,
    "watching": watching.main,
    "scraping": scraping.main,
    "start": start.main,
    "stubs": stubs.main,
    "sync": sync.main,
    "sync-stubs": sync_stubs.main,
}
ON_DEMAND = {"profile": profiling.main}
"""What is run only when it is named."""


def main() -> None:
    """Run the benchmarks that are named, or all."""
    known = BENCHMARKS | ON_DEMAND
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print figures and yardsticks.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(BENCHMARKS)} (all by default), or {', '.join(ON_DEMAND)}",
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="for each round of a measurement")
    parser.add_argument("--uvloop", action="store_true", help="run clients and servers on uvloop")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in known:
            parser.error(f"there is no benchmark {name!r}, there are {', '.join(known)}")
    if not arguments.seconds > 0:
        parser.error(f"--seconds must be more than 0, got {arguments.seconds:g}")
    factory = loop_factory(uvloop=arguments.uvloop)
    conditions = Conditions(arguments.seconds, arguments.uvloop)
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("grpcio", "protobuf", "attrs"))
    print(f"Python {platform.python_version()}, {versions}, {platform.machine()}")
    with asyncio.Runner(loop_factory=factory) as runner:
        for name in arguments.names or BENCHMARKS:
            try:
                runner.run(known[name](conditions))
            except (CallFailedError, ServerFailedError) as error:
                raise SystemExit(f"{name}: {error}") from error


if __name__ == "__main__":
    main()
