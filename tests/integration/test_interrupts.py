"""An interrupt while a command starts ends it as signals do: without a word, and in particular without a traceback."""

import signal
import subprocess
import sys

import pytest
from tests.limits import LIMIT_SECONDS

INTERRUPTED_AT_IMPORT = """
import os, signal, sys
wanted = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, *_):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from collector_mesh.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("module", "arguments", "status"),
    [
        ("collector_mesh.app.cli.dispatch", ["dispatch", "127.0.0.1:1", "n", "S", "M"], -signal.SIGINT),
        ("collector_mesh.app.clients.client", ["dispatch", "127.0.0.1:1", "n", "S", "M"], 130),
        ("no_such_service", ["serve", "--service", "no_such_service:any"], -signal.SIGINT),
    ],
    ids=["the command line", "a verb", "a service"],
)
def test_an_interrupt_while_modules_are_loaded_prints_nothing(
    module: str, arguments: list[str], status: int
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_IMPORT, module, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # there is one thread
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (status, "", "")
