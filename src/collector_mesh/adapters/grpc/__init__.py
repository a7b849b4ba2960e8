"""What speaks grpc.

Whatever is imported from here first imports grpc, and that looks into the environment then: unless somebody has said
otherwise, it is kept from doing anything when the process forks. What it does crashes every other child while its threads
are busy, also one that has no use for grpc.
"""

import os

_SWITCH = "GRPC_ENABLE_FORK_SUPPORT"

if _SWITCH not in os.environ:
    os.environ[_SWITCH] = "0"
    try:
        import grpc  # noqa: F401  # for what it looks at
    finally:
        # Other programs that are started from here are not meant.
        del os.environ[_SWITCH]
