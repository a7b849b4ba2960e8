"""Which event loop a command runs in."""

import asyncio
import inspect
import logging
import sys
import warnings
from types import ModuleType

import pytest

from collector_mesh.app.cli import loops


class OtherLoop(asyncio.SelectorEventLoop):
    """A loop that can be told from asyncio's own."""


async def running_loop() -> type[asyncio.AbstractEventLoop]:
    return type(asyncio.get_running_loop())


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for uvloop, so that it does not matter whether it is there."""
    module = ModuleType("uvloop")
    module.new_event_loop = OtherLoop  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "uvloop", module)


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)


@pytest.mark.usefixtures("installed")
def test_uvloop_is_used_where_it_is_installed_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "collector_mesh"):
        kind = loops.run(running_loop())

    assert kind is OtherLoop
    assert [record.facts for record in caplog.records if vars(record).get("event") == "loop_chosen"] == [  # type: ignore[attr-defined]  # what our records carry
        {"loop": "uvloop"}
    ]


@pytest.mark.usefixtures("installed")
def test_uvloop_is_not_used_where_it_is_turned_off() -> None:
    assert loops.run(running_loop(), uvloop=False) is not OtherLoop


@pytest.mark.usefixtures("missing")
def test_the_loop_is_that_of_asyncio_where_uvloop_is_missing() -> None:
    assert loops.loop_factory() is None
    assert issubclass(loops.run(running_loop()), asyncio.BaseEventLoop)


def test_an_interrupt_before_the_loop_runs_leaves_nothing_that_python_warns_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*, uvloop: bool) -> None:
        _ = uvloop
        raise KeyboardInterrupt

    monkeypatch.setattr(loops, "loop_factory", interrupted)
    main = running_loop()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyboardInterrupt):
            loops.run(main)

    assert inspect.getcoroutinestate(main) == inspect.CORO_CLOSED
