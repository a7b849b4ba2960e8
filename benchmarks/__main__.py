"""Prints every figure beside its yardstick: `python -m benchmarks [NAME ...] [--seconds S]`."""

import argparse
import asyncio
import platform
from collections.abc import Callable, Coroutine
from importlib import metadata

from benchmarks import dispatch_local, route, serve_unary

BENCHMARKS: dict[str, Callable[[float], Coroutine[None, None, None]]] = {
    "route": route.main,
    "dispatch": dispatch_local.main,
    "serve": serve_unary.main,
}


def main() -> None:
    """Run the benchmarks that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print figures and yardsticks.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="for each round of a measurement")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}, there are {', '.join(BENCHMARKS)}")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("grpcio", "protobuf", "attrs"))
    print(f"Python {platform.python_version()}, {versions}, {platform.machine()}")
    for name in arguments.names or BENCHMARKS:
        asyncio.run(BENCHMARKS[name](arguments.seconds))


if __name__ == "__main__":
    main()
