"""Certificates of `collector-mesh certs` in use."""

from pathlib import Path

import pytest
from tests.integration.services.processes import run, serving


def with_certificate(folder: Path, name: str) -> list[str]:
    return [
        *("--tls-cert", str(folder / f"{name}.crt"), "--tls-key", str(folder / f"{name}.key")),
        *("--tls-ca", str(folder / "ca.pem")),
    ]


@pytest.mark.asyncio
async def test_collectors_prove_their_ids_to_each_other_and_clients_call_through_them(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    made = run("certs", str(folder), "--id", "a", "--id", "b", "--client", "me")
    assert made.status == 0, made

    async with (
        serving("a", "--service", "things:texts", *with_certificate(folder, "a")) as one,
        serving("b", "--namespace", "texts", "--peer", one.address, *with_certificate(folder, "b")) as other,
    ):
        await other.logged("peer_connected")
        call = ("dispatch", other.address, "texts", "Texts", "Nothing")
        done = run(*call, "--verbose", *with_certificate(folder, "me"))
        refused = run(*call, "--tls-ca", str(folder / "ca.pem"), "--timeout", "5")
    impostor = run("serve", "--id", "c", *with_certificate(folder, "a"))

    assert (done.status, done.stdout) == (0, "{}\n"), done
    assert "run by a" in done.stderr
    assert refused.status == 1
    assert impostor.status == 2
    assert "the certificate of collector 'c' does not name it" in impostor.stderr
