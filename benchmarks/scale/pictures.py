"""The figures as pictures: how links, advertisements, memory and the time to converge grow."""

from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

_WANTED = {
    "links": ("links", 1.0),
    "advertisements": ("advertisements", 1.0),
    "mib": ("memory of all collectors, MiB", 1.0),
    "converged": ("time to converge, ms (virtual)", 1000.0),
    "news_advertisements": ("advertisements of one change", 1.0),
    "news": ("until one change is known, ms (virtual)", 1000.0),
}


def draw(found: dict[str, dict[int, dict[str, float]]], folder: Path) -> None:
    """Write `scale.svg` into a folder."""
    # The same figures give the same file.
    mpl.rcParams["svg.hashsalt"] = "collector-mesh"
    figure, axes = plt.subplots(2, 3, figsize=(13, 7), layout="constrained")
    for axis, (name, (title, factor)) in zip(axes.flat, _WANTED.items(), strict=True):
        for shape, sizes in found.items():
            values = [factor * figures[name] for figures in sizes.values()]
            axis.plot(list(sizes), values, marker="o", label=shape)
        axis.set(title=title, xlabel="collectors", xscale="log", yscale="log")
        if name in ("converged", "news"):
            axis.set(yscale="linear", ylim=(0, None))
        axis.grid(visible=True, which="major", alpha=0.3)
    axes.flat[0].legend()
    figure.savefig(folder / "scale.svg", metadata={"Date": None})
