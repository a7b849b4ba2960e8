"""Whatever a registry has acknowledged is there when its process was killed, at any moment."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.integration.services.registry_writer import fields_of
from tests.limits import LIMIT_SECONDS

from collector_mesh import Registry

WRITER = Path(__file__).parent / "services" / "registry_writer.py"

KILLS = int(os.environ.get("REGISTRY_KILLS", "4"))
"""By hand, some hundreds."""


LONGEST_SECONDS = 0.25
"""How long a process writes at most before it is killed."""


async def check(path: Path, acknowledged: dict[str, int]) -> None:
    """See that what was acknowledged is there, whole and with its history, and at most one more that was under way."""
    async with Registry(path) as registry:
        more = 0
        for name, fields in acknowledged.items():
            found = await fields_of(registry, name)
            versions = [one.version for one in (await registry.history("shop", f"{name}.proto")).changes]
            assert versions == list(range(found, max(0, found - 100), -1))
            assert found >= fields
            more += found - fields
            acknowledged[name] = found
        assert more <= 1


def test_what_was_acknowledged_is_there_after_a_kill_at_any_moment(tmp_path: Path) -> None:
    dice = random.Random(seed := random.randrange(1 << 32))
    path = tmp_path / "registry.db"
    acknowledged: dict[str, int] = {}
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for _ in range(KILLS):
            writer.stdin.write("\n")
            child = int(writer.stdout.readline().removeprefix("writes "))
            # From the first moment on, while it makes or opens the file, up to some dozens of writes.
            timer = threading.Timer(dice.random() * LONGEST_SECONDS, os.kill, (child, signal.SIGKILL))
            timer.start()
            for line in writer.stdout:
                name, number = line.split()
                if name == "killed":
                    break
                acknowledged[name] = int(number)
            timer.join()
            asyncio.run(asyncio.wait_for(check(path, acknowledged), LIMIT_SECONDS))
        writer.stdin.close()
    sys.stdout.write(f"seed {seed}: {KILLS} kills, {sum(acknowledged.values())} changes\n")
    assert len(list(tmp_path.iterdir())) <= 1 + KILLS  # what was never finished has another name
