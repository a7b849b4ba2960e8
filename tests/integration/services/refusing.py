"""Commands that are refused at once, each in a fork of this process, which has loaded the command line.

An interpreter takes a quarter of a second to start and to load it; dozens of commands differ in nothing but what is wrong with
them. It reads a command as a line of JSON, and answers with its exit status when that has ended; what the command prints is
in the two files that it names. Nothing of gRPC may be used before the fork, and nothing is: that would begin threads.
"""

import gc
import json
import os
import sys

import collector_mesh.adapters.grpc.transport
import collector_mesh.app.cli.main
import collector_mesh.app.cli.serving
import collector_mesh.app.container
import collector_mesh.app.simulation.simulation
from collector_mesh.__main__ import main

LOADED = collector_mesh


def serve() -> None:
    """Run commands until there are no more."""
    gc.freeze()  # or each fork would copy all that it collects
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            sys.exit(run(**asked))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def run(arguments: list[str], folder: str, environment: dict[str, str], stdout: str, stderr: str) -> int:
    """Be the process of a command."""
    for number, file in enumerate((os.devnull, stdout, stderr)):
        opened = os.open(file, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = folder
    sys.argv = ["collector-mesh", *arguments]
    return main()


if __name__ == "__main__":
    serve()
