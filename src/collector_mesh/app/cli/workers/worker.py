"""`serve` as one of several workers."""

import argparse
import os

from collector_mesh.app.cli.configuration.origin import Origin
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.serve import run_collector
from collector_mesh.app.cli.sources import read_config
from collector_mesh.app.cli.workers.link import Worker


def run_worker(arguments: argparse.Namespace) -> int:
    """Run a worker; gives its exit status."""
    worker = Worker.from_environment(os.environ)
    worker.begin()
    try:
        sourced = worker.sourced(read_config(arguments, os.environ))
        origin = Origin(arguments, os.environ, altered=worker.sourced)
        return run_collector(
            sourced,
            origin,
            shows_config=False,
            notifier=worker.notifier,
            tell_error=worker.tell,
            named=worker.id,
        )
    except CommandError as error:
        return worker.tell(error)
