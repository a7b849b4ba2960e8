"""Where the configuration of a process comes from, so that it can be read again."""

import argparse
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collector_mesh.app.cli.sources import Sourced


class Origin(NamedTuple):
    """Where a configuration has come from.

    Attributes:
        arguments: the flags.
        environment: variables.
        spelled: how users spell values that are not called as they are here.
        altered: makes that of this process of it, where one configuration is for several.
    """

    arguments: argparse.Namespace
    environment: Mapping[str, str]
    spelled: Mapping[str, str] = MappingProxyType({})
    altered: "Callable[[Sourced], Sourced] | None" = None
