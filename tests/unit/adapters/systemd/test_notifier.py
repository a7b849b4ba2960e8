"""What systemd hears, over real datagram sockets."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector_mesh.adapters.systemd.notifier import Notifier, from_environment


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def notifier_of(environment: dict[str, str]) -> Notifier:
    notifier = from_environment(environment)
    assert notifier is not None
    return notifier


def test_each_phase_is_one_message_and_no_child_inherits_the_variables(listening: socket.socket) -> None:
    environment = {
        "NOTIFY_SOCKET": listening.getsockname(),
        "WATCHDOG_USEC": "3000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    notifier = notifier_of(environment)
    notifier.ready("c-1 takes\ncalls", "X_MORE=1")
    notifier.reloading()
    notifier.stopping("c-1 drains")
    notifier.alive()
    heard = [listening.recv(4096).decode() for _ in range(4)]

    assert environment == {"HOME": "/"}
    assert notifier.watchdog == 3.0
    assert heard[0] == "READY=1\nSTATUS=c-1 takes\\ncalls\nX_MORE=1"
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", heard[1])
    assert heard[2:] == ["STOPPING=1\nSTATUS=c-1 drains", "WATCHDOG=1"]


def test_an_abstract_socket_is_in_no_folder() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0mesh-test-{os.getpid()}")
        notifier_of({"NOTIFY_SOCKET": f"@mesh-test-{os.getpid()}"}).status("there")
        heard = listening.recv(4096)

    assert heard == b"STATUS=there"


def test_what_a_full_socket_does_not_take_comes_later_in_order_and_signs_of_life_do_not(
    listening: socket.socket,
) -> None:
    notifier = notifier_of({"NOTIFY_SOCKET": listening.getsockname()})
    sent = 0
    while not notifier.is_behind:
        sent += 1
        notifier.status(str(sent))
    notifier.ready("now")
    for _ in range(100):
        notifier.alive()
    heard = []
    while notifier.is_behind:
        heard.append(listening.recv(4096))
        notifier.flush()
    listening.setblocking(False)
    while True:
        try:
            heard.append(listening.recv(4096))
        except BlockingIOError:
            break

    assert heard == [*(b"STATUS=%d" % number for number in range(1, sent + 1)), b"READY=1\nSTATUS=now"]


@pytest.mark.parametrize(
    "address", ["/nowhere/notify", "relative", "vsock:2:1", "@", "/" + "x" * 500, "/\0", "@\udcff"]
)
def test_a_socket_that_cannot_be_used_hurts_nobody_and_is_told_once(address: str) -> None:
    told: list[str] = []
    notifier = from_environment({"NOTIFY_SOCKET": address}, on_failure=told.append)
    assert notifier is not None
    notifier.ready("now")
    notifier.alive()

    assert len(told) == 1
    assert not notifier.is_behind


@pytest.mark.parametrize(
    ("usec", "pid", "seconds"),
    [
        ("2000000", "", 2.0),
        ("2000000", "1", None),
        ("0", "", None),
        ("-1", "", None),
        ("many", "", None),
        ("9" * 5000, "", None),
        ("", "", None),
    ],
)
def test_the_watchdog_is_for_the_process_that_is_meant(usec: str, pid: str, seconds: float | None) -> None:
    notifier = notifier_of({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": usec, "WATCHDOG_PID": pid})

    assert notifier.watchdog == seconds


def test_without_a_socket_nobody_is_told() -> None:
    environment = {"WATCHDOG_USEC": "1000000"}

    assert from_environment(environment) is None
    assert environment == {}
