"""Grow meshes of every shape, each in a process of its own: `python -m benchmarks.scale [--write]`."""

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

from benchmarks.scale.shapes import SHAPES

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"

Found = dict[str, dict[int, dict[str, float]]]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="put figures and pictures into docs/ (needs matplotlib)"
    )
    parser.add_argument("--most", type=int, default=10_000, help="largest mesh, in collectors (10000)")
    arguments = parser.parse_args()
    found: Found = {}
    for shape in SHAPES:
        for count in shape.sizes:
            if count <= arguments.most:
                found.setdefault(shape.name, {})[count] = _measure(shape.name, count)
                print(_row(shape.name, count, found[shape.name][count]), flush=True)
    if arguments.write:
        from benchmarks.scale.pictures import draw

        draw(found, PAGE.parent)
        _write(found)


def _measure(shape: str, count: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale.mesh", shape, str(count)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{shape} of {count} has failed:\n{done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _row(shape: str, count: int, figures: dict[str, float]) -> str:
    return (
        f"| {shape} | {count:,} | {figures['links']:,.0f} | {figures['advertisements']:,.0f}"
        f" | {1000 * figures['converged']:.0f} ms | {figures['news_advertisements']:,.0f}"
        f" | {1000 * figures['news']:.0f} ms | {figures['mib']:,.0f} MiB"
        f" | {1024 * figures['mib'] / count:,.0f} KiB | {figures['cpu']:.1f} s |"
    )


def _write(found: Found) -> None:
    rows = [
        f"Measured with `make scale`, Python {platform.python_version()}.",
        "",
        "| shape | collectors | links | advertisements | converged after | of one change | spread after | memory | of each | processor time |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        _row(shape, count, figures) for shape, sizes in found.items() for count, figures in sizes.items()
    ]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    PAGE.write_text("\n".join([f"{before}{_BEGIN}", *rows, f"{_END}{after}"]), encoding="utf-8")


if __name__ == "__main__":
    main()
