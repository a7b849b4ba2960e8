"""`collector-mesh simulate`: a scenario under many seeds."""

import argparse
import inspect
import math
import shlex
import signal
import sys
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector_mesh.app.cli.errors import EXIT_FAILED, CommandError
from collector_mesh.app.cli.objects import load

if TYPE_CHECKING:
    from concurrent.futures import Future

    from collector_mesh.app.simulation.results import SimulationResult
    from collector_mesh.app.simulation.sim import Sim
    from collector_mesh.app.simulation.simulation import Scenario

_LAST_LINES = 12


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "simulate",
        help="run a scenario on virtual time, under many seeds",
        description="Run a scenario, an async function that is given a Sim, under seeds 0 to N-1. Exit status 1 when"
        " a seed fails; each is listed with the command that replays it.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("scenario", metavar="MODULE:SCENARIO")
    parser.add_argument("--seeds", metavar="N", type=int, default=100, help="how many seeds (100)")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="processes (1)")
    parser.add_argument("--seed", metavar="SEED", type=int, help="this one alone, with what comes of it")
    parser.add_argument(
        "--report",
        metavar="FILE.html",
        help="a page about the first seed that fails, else about the first one",
    )
    parser.add_argument(
        "--until", metavar="SECONDS", type=float, default=3600.0, help="virtual seconds for a scenario (3600)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    for name in ("seeds", "jobs"):
        if getattr(arguments, name) < 1:
            raise CommandError(f"--{name} must be at least 1, got {getattr(arguments, name)}")
    if not 0 < arguments.until < math.inf:
        raise CommandError(f"--until must be over 0 and finite, got {arguments.until:g}")
    if arguments.report is not None:
        _check_report(Path(arguments.report))
    scenario = _scenario(arguments.scenario)
    if arguments.seed is not None:
        return _replay(scenario, arguments.seed, arguments)
    failed = _search(arguments)
    if arguments.report is not None:
        _run_once(scenario, min(failed, default=0), arguments)
    if not failed:
        print(f"{arguments.seeds} seeds, none fails")
        return 0
    print(f"{len(failed)} of {arguments.seeds} seeds fail:")
    for seed in sorted(failed):
        print(f"  {failed[seed]}")
        print(f"    {_replaying(arguments, seed)}")
    return EXIT_FAILED


def _check_report(file: Path) -> None:
    """See that a report can be written before anybody has waited for it."""
    if file.is_dir():
        raise CommandError(f"cannot write {file}: it is a folder")
    if not file.parent.is_dir():
        raise CommandError(f"cannot write {file}: there is no folder {file.parent}")


def _replaying(arguments: argparse.Namespace, seed: int) -> str:
    """The command that runs one seed again."""
    until = "" if arguments.until == 3600.0 else f" --until {arguments.until:g}"
    return f"collector-mesh simulate {shlex.quote(arguments.scenario)} --seed {seed}{until}"


def _scenario(reference: str) -> "Scenario":
    scenario = load(reference, option="MODULE:SCENARIO")
    try:
        takes_one = bool(inspect.signature(scenario).bind(None))
    except (TypeError, ValueError):
        takes_one = False
    if not (takes_one and inspect.iscoroutinefunction(scenario)):
        raise CommandError(f"{reference} must be an async function that takes a Sim")
    return scenario  # type: ignore[no-any-return]  # that it is one was just seen


def _run_once(
    scenario: "Scenario", seed: int, arguments: argparse.Namespace
) -> "tuple[Sim, SimulationResult | None, str]":
    """Run one seed, and write the report if one is wanted; gives the run and why it fails, empty if it does not."""
    from collector_mesh.app.simulation.report.page import page
    from collector_mesh.app.simulation.simulation import Simulation

    simulation, result, failure = Simulation(seed), None, ""
    try:
        result = simulation.run(scenario, until=arguments.until)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever a scenario raises is what the user looks for
        failure = _told(error)
    run = simulation.last_run
    assert run is not None  # for the type checker: there was one
    if arguments.report is not None:
        text = page(run, arguments.scenario, failure, command=_replaying(arguments, seed))
        try:
            Path(arguments.report).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"cannot write {arguments.report}: {error.strerror}") from error
    return run, result, failure


def _replay(scenario: "Scenario", seed: int, arguments: argparse.Namespace) -> int:
    run, result, failure = _run_once(scenario, seed, arguments)
    if result is None:
        print(f"seed {seed} fails: {failure}")
        print("the last events before:")
        for nanoseconds, word, about in list(run.watch.before_broken or run.trace.lines)[-_LAST_LINES:]:
            print(f"  {nanoseconds / 1e9:12.6f}  {word}  {' '.join(about)}")
        return EXIT_FAILED
    counts = ", ".join(f"{count} {name}" for name, count in result.stats.items())
    print(f"seed {seed}: {result.virtual_seconds:.3f} virtual seconds, {counts}")
    print(f"digest {result.digest}")
    return 0


def _search(arguments: argparse.Namespace) -> dict[int, str]:
    """The seeds that fail, with why."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.1f} seeds/s"),
        TimeRemainingColumn(),
    )
    failed: dict[int, str] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("seeds", total=arguments.seeds, rate=0.0)
        with closing(_outcomes(arguments)) as outcomes:
            for seed, failure in outcomes:
                if failure:
                    failed[seed] = failure
                progress.advance(bar)
                progress.update(bar, rate=progress.tasks[bar].speed or 0.0)
    return failed


def _outcomes(arguments: argparse.Namespace) -> Generator[tuple[int, str]]:
    """Each seed, and why it fails, empty if it does not."""
    # Here, since other verbs begin faster without.
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    seeds = iter(range(arguments.seeds))
    # Not forked: what a scenario's module has made in this process is not shared.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(arguments.jobs, mp_context=context, initializer=_ignore_interrupts)

    def submit(seed: int) -> "Future[tuple[int, str]]":
        return pool.submit(_one, arguments.scenario, str(Path.cwd()), seed, arguments.until)

    waiting: dict[Future[tuple[int, str]], int] = {}
    try:
        waiting |= {submit(seed): seed for seed in islice(seeds, 2 * arguments.jobs)}
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield future.result()
                del waiting[future]
                waiting |= {submit(seed): seed for seed in islice(seeds, 1)}
    except BrokenProcessPool as error:
        under_way = ", ".join(map(str, sorted(waiting.values())))
        raise CommandError(f"a process has died, with one of the seeds {under_way}", EXIT_FAILED) from error
    finally:
        # Whoever interrupts a search does not wait for the seeds that are under way.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()


def _ignore_interrupts() -> None:
    """Leave it to the first process to end the others: a terminal interrupts all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _one(reference: str, folder: str, seed: int, until: float) -> tuple[int, str]:
    """Run one seed, in a process of its own."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    from collector_mesh.app.simulation.simulation import Simulation

    try:
        Simulation(seed).run(_scenario(reference), until=until)
    except BaseException as error:  # noqa: BLE001  # whatever a scenario raises is what the user looks for
        text = " ".join(_told(error).split())
        return seed, f"seed {seed}: {text.replace(f'seed {seed}: ', '', 1)}"
    return seed, ""


def _told(error: BaseException) -> str:
    """What is told of a failure, with what was wrong before."""
    if isinstance(error, BaseExceptionGroup):
        said = ", ".join(map(_told, error.exceptions))
    else:
        try:
            said = str(error)
        except Exception as raised:  # noqa: BLE001  # an error of the user's may be wrong itself
            said = f"its text cannot be told: {type(raised).__name__}"
    return "; ".join([f"{type(error).__name__}: {said}", *getattr(error, "__notes__", ())])
