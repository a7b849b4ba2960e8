"""`configure_logs`: what this package logs goes to stderr, and nobody else's logging changes."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from collector_mesh import configure_logs
from collector_mesh.adapters.telemetry.records import log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    logger, root = logging.getLogger("collector_mesh"), logging.getLogger()
    handlers, level, propagate, of_root = (
        list(logger.handlers),
        logger.level,
        logger.propagate,
        list(root.handlers),
    )
    yield
    logger.handlers[:], logger.propagate, root.handlers[:] = handlers, propagate, of_root
    logger.setLevel(level)


@pytest.fixture
def elsewhere() -> io.StringIO:
    """What a handler of the program writes, to a file say."""
    stream = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(stream))
    return stream


def test_a_line_for_people_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()

    log(logging.INFO, "started", {"address": "h:1"})

    assert capsys.readouterr().err.partition(" ")[2] == "info    started address=h:1\n"


def test_json_has_an_object_in_each_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json")

    log(logging.INFO, "started", {"address": "h:1"})

    line = json.loads(capsys.readouterr().err)
    assert line.pop("time")
    assert line == {"level": "info", "event": "started", "address": "h:1"}


def test_however_often_it_is_called_each_record_is_told_once_as_said_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("json", "debug")
    configure_logs()
    configure_logs("pretty", "INFO")

    log(logging.DEBUG, "counted")
    log(logging.INFO, "started")

    assert capsys.readouterr().err.split(" ")[1:] == ["info", "", "", "", "started\n"]


@pytest.mark.parametrize(("level", "told"), [("warning", 1), (logging.WARNING, 1), ("info", 2), ("error", 0)])
def test_the_level_is_that_of_this_package(
    capsys: pytest.CaptureFixture[str], level: str | int, told: int
) -> None:
    configure_logs(level=level)

    log(logging.INFO, "started")
    log(logging.WARNING, "dial_failed")
    logging.getLogger("theirs").info("not told")

    assert len(capsys.readouterr().err.splitlines()) == told


def test_handlers_of_the_program_stay_and_get_the_records_but_for_those_on_stderr(
    capsys: pytest.CaptureFixture[str], elsewhere: io.StringIO
) -> None:
    root = logging.getLogger()
    root.addHandler(logging.StreamHandler(sys.stderr))
    before = list(root.handlers)

    configure_logs()
    configure_logs()
    log(logging.WARNING, "dial_failed", {"reason": "refused"})

    assert root.handlers == before
    assert elsewhere.getvalue() == "dial_failed reason=refused\n"
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_program_that_keeps_the_records_from_its_handlers_still_does(elsewhere: io.StringIO) -> None:
    logging.getLogger("collector_mesh").propagate = False

    configure_logs()
    configure_logs()
    log(logging.WARNING, "dial_failed")

    assert elsewhere.getvalue() == ""


def test_without_it_this_package_has_no_handler() -> None:
    assert logging.getLogger("collector_mesh").handlers == []


def test_a_program_without_stderr_logs_nothing_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    configure_logs()
    monkeypatch.setattr(sys, "stderr", None)

    log(logging.WARNING, "dial_failed")

    assert sys.stderr is None


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"format": "xml"}, ValueError, "format must be one of 'pretty', 'json', got 'xml'"),
        ({"format": 3}, TypeError, "format must be one of 'pretty', 'json', got int"),
        (
            {"level": "loud"},
            ValueError,
            "level must be one of 'debug', 'info', 'warning', 'error', got 'loud'",
        ),
        ({"level": 15}, ValueError, r"level must be one of 10 \(debug\), .*, got 15"),
        ({"level": True}, TypeError, "level must be one of .*, got bool"),
        ({"level": None}, TypeError, "level must be one of .*, got NoneType"),
    ],
)
def test_what_is_no_format_or_level_is_refused_and_changes_nothing(
    arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=f"^{text}$"):
        configure_logs(**arguments)

    assert logging.getLogger("collector_mesh").handlers == []
