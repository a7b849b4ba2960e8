"""Attacks, one after the other, each at a fresh collector while others call it."""

import asyncio
import json

from benchmarks.faults.report import Finding
from benchmarks.strangers.attacks import ATTACKS
from benchmarks.strangers.others import Told
from benchmarks.strangers.processes import attacked, beside

_SHARE = 0.99
_BEFORE, _AFTER = 1.0, 1.0

NOT_HELD = frozenset({"10,240 open streams"})
"""What grpcio does not let us hold: its part in Python takes seconds to begin so many streams. See docs/security.md."""


async def run(names: list[str], seconds: float) -> list[Finding]:
    """Attack in each of these ways for so long."""
    found = []
    for name in names:
        finding = await _attack(name, seconds)
        found.append(finding)
        print(f"  {finding.verdict or '-':7} {name}: {finding.measured}", flush=True)
    return found


async def _attack(name: str, seconds: float) -> Finding:
    async with attacked() as collector:
        await asyncio.sleep(0.5)
        others = await beside("others", collector.address, str(_BEFORE + seconds + _AFTER))
        await asyncio.sleep(_BEFORE)
        began = collector.processor_seconds
        attacker = await beside("attacks", name, collector.address, str(seconds))
        most = before = collector.mib
        while attacker.returncode is None:
            most = max(most, collector.mib) if collector.is_alive else most
            try:
                async with asyncio.timeout(0.2):
                    await attacker.wait()
            except TimeoutError:
                continue
        told: Told = json.loads((await others.communicate())[0])
        is_alive = collector.is_alive
        used = collector.processor_seconds - began if is_alive else 0.0
        after = collector.mib if is_alive else 0.0
    failed = sum(sum(kind["failed"].values()) for kind in told.values())
    made = sum(kind["made"] for kind in told.values())
    share = 1.0 - failed / made if made else 0.0
    lost = {kind: what["failed"] for kind, what in told.items() if what["failed"]}
    measured = (
        f"{share:.4f} of {made} answered, p99 {max(kind['p99'] for kind in told.values()):.2f} s,"
        f" {used:.1f} s of processor, {before:.0f} -> {most:.0f} -> {after:.0f} MiB, {len(collector.log)} lines"
        f"{'' if is_alive else ', DIED'}{f', failed: {lost}' if lost else ''}"
    )
    is_met = is_alive and share >= _SHARE
    return Finding(
        name,
        f">= {_SHARE} answered",
        measured,
        (is_met or None) if name in NOT_HELD else is_met,
        is_time=True,
    )


def names_of(chosen: list[str]) -> list[str]:
    """Those that contain one of the words, or all."""
    return [name for name in ATTACKS if not chosen or any(word in name for word in chosen)]
