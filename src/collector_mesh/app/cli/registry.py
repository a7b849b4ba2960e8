"""`collector-mesh registry`: a registry in a process of its own."""

import argparse
import os
from types import MappingProxyType
from typing import Any

from collector_mesh.app.cli.collector_options import (
    STOPS,
    add_authorizer_option,
    add_config_options,
    add_level_option,
    add_place_options,
    add_process_options,
    add_showing_options,
    add_tls_options,
)
from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.metrics_options import add_metrics_options
from collector_mesh.app.cli.serve import run_collector

REGISTRY_ID = "registry"
"""The id of a registry that was given none."""

SPELLED = MappingProxyType({"registry": "store", "registry_level": "level"})
"""What `serve` calls a registry is the store of this verb."""


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "registry",
        help="run a registry",
        description=f"Run a registry, which knows the services of each namespace and their types, {STOPS}",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--store",
        metavar="FILE",
        dest="registry",
        help="where it is kept; it is made if it is not there",
    )
    add_level_option(parser, "--level")
    add_place_options(parser, default_id=REGISTRY_ID)
    add_authorizer_option(parser)
    add_config_options(parser)
    add_tls_options(parser)
    add_showing_options(parser)
    add_metrics_options(parser)
    add_process_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    from collector_mesh.app.cli.configuration.origin import Origin
    from collector_mesh.app.cli.sources import read_config

    sourced = read_config(arguments, os.environ, own_id=REGISTRY_ID, spelled=SPELLED)
    if sourced.config.registry is None:
        raise CommandError("a registry needs --store FILE, where it is kept")
    if sourced.config.workers is not None:
        raise CommandError(f"{sourced.source('workers')}: a registry is one process")
    origin = Origin(arguments, os.environ, SPELLED)
    return run_collector(sourced, origin, shows_config=arguments.show_config)
