"""`python -m collector_mesh`: the command line."""

import sys

from collector_mesh.app.cli.main import main

sys.exit(main())
