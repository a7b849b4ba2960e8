"""A reload that is asked for while a worker starts."""

import signal

import attrs

from collector_mesh.app.cli.workers.process import WorkerProcess
from collector_mesh.app.cli.workers.supervisor import Supervisor
from collector_mesh.app.cli.workers.words import Supervision


@attrs.define(eq=False)
class _Worker(WorkerProcess):
    sent: list[int] = attrs.field(factory=list)

    def send(self, number: signal.Signals) -> None:
        self.sent.append(number)


def test_a_worker_that_has_read_its_configuration_and_is_not_ready_yet_reads_it_again() -> None:
    supervisor = Supervisor(Supervision("w", 2, 10.0, "pretty", "critical", ("true",)), None)
    ready, starting = _Worker("w", 0, is_running=True), _Worker("w", 1, is_running=True)
    supervisor._workers = [ready, starting]
    supervisor._heard(ready, {"READY": "1"})

    supervisor._take(signal.SIGHUP)
    assert (ready.sent, starting.sent) == ([signal.SIGHUP], [])
    supervisor._heard(ready, {"READY": "1"})
    supervisor._heard(starting, {"READY": "1"})
    assert (ready.sent, starting.sent) == ([signal.SIGHUP], [signal.SIGHUP])

    supervisor._heard(starting, {"READY": "1"})
    assert starting.sent == [signal.SIGHUP]
    assert all(worker.is_ready for worker in supervisor._workers)


def test_a_worker_that_is_started_after_it_does_not() -> None:
    supervisor = Supervisor(Supervision("w", 1, 10.0, "pretty", "critical", ("true",)), None)
    supervisor._workers = [worker := _Worker("w", 0)]

    supervisor._take(signal.SIGHUP)
    worker.is_running = True
    supervisor._heard(worker, {"READY": "1"})

    assert worker.sent == []
