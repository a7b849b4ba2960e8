"""Asks those who a call could go to whether they would run it: each validator decides at its own collector."""

import argparse
import asyncio
from contextlib import suppress

import attrs

from collector_mesh.adapters.grpc.inspect_client import InspectClient
from collector_mesh.adapters.grpc.tls import TlsError
from collector_mesh.app.cli.dialing import tls_of, token_of
from collector_mesh.domain.model.errors import MeshError
from collector_mesh.domain.model.names import MethodKey
from collector_mesh.domain.model.snapshot import CandidateInfo, Explanation

MOST_ASKED = 16
"""Peers that are asked; of a namespace with very many, the others are left out."""

_MOST_SECONDS = 2.0

NOT_ASKED = "the validators of peers were not asked"
"""What a collector says of those that it does not ask itself."""


async def with_peers(
    client: InspectClient, explanation: Explanation, arguments: argparse.Namespace
) -> Explanation:
    """An explanation with what the peers say that the call could go to.

    Args:
        client: a way to the collector that has explained.
        explanation: what it has said.
        arguments: say how to dial, and for how long.
    """
    if not explanation.candidates:
        # A collector names itself at least; whatever else may answer there knows of nobody to ask.
        return explanation
    here, *peers = explanation.candidates
    fit = [candidate for candidate in peers if candidate.fit and not candidate.hops][:MOST_ASKED]
    if here.fit or not fit:
        return explanation
    seconds = min(arguments.timeout, _MOST_SECONDS)
    addresses: dict[str, str] = {}
    with suppress(MeshError):
        # It may be that one method may be looked at, and not all.
        snapshot = await client.snapshot(timeout=seconds)
        addresses = {connection.peer_id: connection.address for connection in snapshot.connections}
    asked = await asyncio.gather(
        *(
            _asked(peer, addresses.get(peer.collector_id, ""), explanation.key, arguments, seconds)
            for peer in fit
        )
    )
    said = {peer.collector_id: peer for peer in asked}
    candidates = (here, *(said.get(peer.collector_id, peer) for peer in peers))
    # Who could not be asked is told of each.
    note = "" if explanation.note == NOT_ASKED else explanation.note.removesuffix(f"; {NOT_ASKED}")
    return attrs.evolve(explanation, candidates=candidates, note=note)


async def _asked(
    peer: CandidateInfo, address: str, key: MethodKey, arguments: argparse.Namespace, seconds: float
) -> CandidateInfo:
    """What is known of a peer, with what it says itself."""
    if not address:
        return _with(peer, "was not asked itself: its address is not known", fit=True)
    try:
        async with InspectClient(
            address, tls=tls_of(arguments), insecure=arguments.insecure, token=token_of(arguments)
        ) as client:
            there = (await client.explain(key, timeout=seconds)).candidates[:1]
    except (MeshError, TlsError) as error:
        return _with(peer, f"was not asked itself: {error}", fit=True)
    # Another collector may have the address by now.
    if not there or there[0].collector_id != peer.collector_id:
        return _with(peer, f"was not asked itself: {address} is another collector", fit=True)
    return peer if there[0].fit else _with(peer, f"there: {there[0].reason}", fit=False)


def _with(peer: CandidateInfo, said: str, *, fit: bool) -> CandidateInfo:
    return attrs.evolve(peer, fit=fit, reason=f"{peer.reason}; {said}")
