"""How meshes grow, on virtual time: `python -m benchmarks.scale [--write]`."""
