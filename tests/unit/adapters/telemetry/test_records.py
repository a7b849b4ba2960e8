"""What is logged says what happened, whoever formats it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from collector_mesh.adapters.telemetry.logs import LoggingObserver
from collector_mesh.adapters.telemetry.records import MAX_MESSAGE, log
from collector_mesh.domain.model.errors import Executed
from collector_mesh.domain.model.events import (
    AttemptFailed,
    Counted,
    DialFailed,
    Event,
    HandlerFailed,
    PeerConnected,
    Started,
)
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.verdict import Reason, Verdict

KEY = MethodKey("orders", "Orders", "Create")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What a program's own handler writes, with the format of `logging.basicConfig`."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logger = logging.getLogger("collector_mesh")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def records(caplog: pytest.LogCaptureFixture, event: Event) -> logging.LogRecord:
    with caplog.at_level(logging.DEBUG, "collector_mesh"):
        LoggingObserver().tell(event)
    return caplog.records[-1]


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Started("a", "127.0.0.1:1"), "INFO:collector_mesh:started collector_id=a address=127.0.0.1:1"),
        (
            PeerConnected("a", "b", "h:1", ("x", "y"), dialed=True),
            "INFO:collector_mesh:peer_connected collector_id=a peer=b address=h:1 shared_namespaces=x,y dialed=True",
        ),
        (
            DialFailed("a", "h:1", "connection refused"),
            'WARNING:collector_mesh:dial_failed collector_id=a address=h:1 reason="connection refused"',
        ),
        (
            AttemptFailed("a", KEY, Verdict("b", Reason.UNREACHED, 503, Executed.NO, 1.0, 1.5)),
            (
                "DEBUG:collector_mesh:attempt_failed collector_id=a method=orders/Orders.Create peer=b"
                ' reason="could not be reached" code=503 executed=no seconds=0.5'
            ),
        ),
        (Counted("a", {"calls": 7}), "DEBUG:collector_mesh:counted collector_id=a counts=\"{'calls': 7}\""),
    ],
)
def test_the_message_of_a_record_has_the_facts_whoever_formats_it(
    stream: io.StringIO, event: Event, line: str
) -> None:
    LoggingObserver().tell(event)

    assert stream.getvalue() == line + "\n"


def test_a_record_has_its_word_and_its_facts_as_attributes_that_json_can_take(
    caplog: pytest.LogCaptureFixture,
) -> None:
    record: Any = records(caplog, PeerConnected("a", "b", "h:1", ("x",), dialed=False, times=4))

    assert record.event == "peer_connected"
    assert json.loads(json.dumps(record.facts)) == {
        "collector_id": "a",
        "times": 4,
        "peer": "b",
        "address": "h:1",
        "shared_namespaces": ["x"],
        "dialed": False,
    }


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("x"), "KeyError: 'x'"),
        (KeyError("x", 1), "KeyError: ('x', 1)"),
        (ValueError(), "ValueError"),
        (ValueError("one\ntwo\x1b[31m\u202e"), r"ValueError: one\ntwo\x1b[31m\u202e"),
    ],
)
def test_an_error_is_told_in_the_message_on_one_line(
    caplog: pytest.LogCaptureFixture, error: Exception, text: str
) -> None:
    record: Any = records(caplog, HandlerFailed("a", KEY, error, "id-1"))

    assert record.facts["error"] == text
    assert record.facts["method"] == "orders/Orders.Create"
    assert record.getMessage().isprintable()
    assert record.exc_info[1] is error


def test_in_no_traceback_a_text_looks_like_a_line_of_its_own_or_steers_a_terminal(
    stream: io.StringIO,
) -> None:
    LoggingObserver().tell(HandlerFailed("a", KEY, ValueError("x\nERROR:root:gone\x1b[2J"), "id-1"))

    first, *others = stream.getvalue().splitlines()
    assert first.startswith("ERROR:collector_mesh:handler_failed ")
    assert others
    assert all(line.startswith("    ") and line.isprintable() for line in others)


class Evil:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@attrs.frozen
class Odd(Event):
    what: object


@pytest.mark.parametrize(
    "what",
    [
        Evil(),
        "x" * 1_000_000,
        ["x" * 1000] * 100_000,
        {"x" * 1000: ["y"]} | {str(number): 0 for number in range(10_000)},
        [[[[[[["deep"]]]]]]],
        [[[["x" * 1000] * 100] * 100] * 100],
        b"\x00\xff",
    ],
)
def test_whatever_a_fact_is_the_record_is_one_short_line(
    caplog: pytest.LogCaptureFixture, what: object
) -> None:
    record: Any = records(caplog, Odd("a", what))

    assert record.event == "odd"
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) <= MAX_MESSAGE + len("odd ")
    assert len(json.dumps(record.facts)) < 100_000


def test_a_percent_sign_in_a_fact_is_just_that(stream: io.StringIO) -> None:
    log(logging.WARNING, "word", {"reason": "100 %s"})

    assert stream.getvalue() == 'WARNING:collector_mesh:word reason="100 %s"\n'


def test_below_the_level_nothing_is_made_of_the_facts(caplog: pytest.LogCaptureFixture) -> None:
    looked = []

    class Looks:
        def __str__(self) -> str:
            looked.append(1)
            return ""

    with caplog.at_level(logging.ERROR, "collector_mesh"):
        log(logging.WARNING, "word", {"reason": Looks()})

    assert (looked, caplog.records) == ([], [])
