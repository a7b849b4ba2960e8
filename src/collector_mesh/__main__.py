"""`python -m collector_mesh`, and the script `collector-mesh`: the command line."""

import signal
import sys


def main() -> int:
    """Run the command line; give its exit status.

    An interrupt ends the process as signals do while the modules of the command line are loaded: Python would print where it was.
    """
    interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interrupts:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from collector_mesh.app.cli.main import main as run

    return run(interrupts=interrupts)


if __name__ == "__main__":
    sys.exit(main())
