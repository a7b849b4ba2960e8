"""How long tests wait for what has to happen. Nothing that is told of the mesh is a time of this machine."""

LIMIT_SECONDS = 100.0
"""Many times of what anything takes that a test waits for, also on a machine that is busy: only a failure takes so long."""
