"""`serve --workers N`: from a process that has read the configuration to one that supervises, and is small."""

import json
import os
import signal
import sys
from typing import NoReturn

from collector_mesh.app.cli.errors import CommandError
from collector_mesh.app.cli.sources import Sourced
from collector_mesh.app.cli.workers.plan import check_workers
from collector_mesh.app.cli.workers.words import Supervision

_VARIABLE = "_COLLECTOR_MESH_SUPERVISOR"

_END_SECONDS = 10.0
"""What a worker gets to end, beside the drain and the end of lifespans."""

_PROGRAM = (
    f"import json, os, sys; told, sys.path[:] = json.loads(os.environ.pop({_VARIABLE!r})); "
    "from collector_mesh.app.cli.workers.supervisor import supervise; sys.exit(supervise(told))"
)
"""Takes the path from where it comes: what is in the current directory may have any name."""


def start_supervisor(sourced: Sourced) -> NoReturn:
    """Become what supervises the workers.

    It is the same process with nothing in it: reading a configuration takes twice the memory that supervising does.

    Args:
        sourced: the configuration of all workers.

    Raises:
        CommandError: there cannot be as many workers as are asked for, or none on this system.
    """
    if os.name != "posix":
        raise CommandError(f"{sourced.source('workers')}: this system has no signals for that")
    check_workers(sourced)
    config = sourced.config
    settings = config.settings
    supervision = Supervision(
        config.id,
        config.workers or 1,
        settings.drain_timeout + settings.lifespan_close_timeout + _END_SECONDS,
        config.log_format,
        config.log_level,
        # Flags of Python's, as -X and -W, are among them.
        (sys.executable, *sys.orig_argv[1:]),
    )
    sys.stdout.flush()
    # It has no workers yet that could be told.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    command, variables = supervisor_command(supervision)
    # What was typed comes last, for those who look at processes.
    os.execve(command[0], [*command, *sys.argv[1:]], {**os.environ, **variables})  # noqa: S606  # this command itself


def supervisor_command(supervision: Supervision) -> tuple[list[str], dict[str, str]]:
    """What starts a supervisor: arguments, and variables beside those that are there."""
    told = json.dumps((supervision.text(), sys.path))
    return [sys.executable, "-P", "-c", _PROGRAM], {_VARIABLE: told}
