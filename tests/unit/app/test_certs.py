"""`collector-mesh certs`: what it writes, and what it leaves alone."""

import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from collector_mesh.app.cli.main import main


def certs(*arguments: object) -> int:
    return main(["certs", *map(str, arguments)])


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names(path: Path) -> list[str]:
    found = certificate(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def a_full_disk() -> Iterator[None]:
    """Every write to a file fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "certs"


def test_each_collector_gets_a_certificate_that_names_it_and_this_machine(folder: Path) -> None:
    assert certs(folder, "--id", "a", "--id", "b", "--host", "web", "--host", "10.0.0.1") == 0

    hosts = ["localhost", "127.0.0.1", "::1", "web", "10.0.0.1"]
    assert names(folder / "a.crt") == ["spiffe://mesh.internal/collector/a", *hosts]
    assert names(folder / "b.crt") == ["spiffe://mesh.internal/collector/b", *hosts]
    certificate(folder / "a.crt").verify_directly_issued_by(certificate(folder / "ca.pem"))
    usage = certificate(folder / "a.crt").extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_a_client_is_named_as_no_collector(folder: Path) -> None:
    certs(folder, "--client", "me", "--domain", "shop.test")

    assert names(folder / "me.crt")[0] == "spiffe://shop.test/client/me"


def test_keys_are_for_their_owner_alone(folder: Path) -> None:
    certs(folder, "--id", "a")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"ca.pem": 0o644, "ca.key": 0o600, "a.crt": 0o644, "a.key": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_output_is_how_they_are_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certs(folder, "--id", "a")

    assert capsys.readouterr().out == (
        f"collector-mesh serve --id a --tls-cert {folder}/a.crt --tls-key {folder}/a.key --tls-ca {folder}/ca.pem\n"
    )


def test_later_ones_come_of_the_authority_that_is_there_and_are_of_its_domain(folder: Path) -> None:
    certs(folder, "--id", "a", "--domain", "shop.test")
    before = contents(folder)

    assert certs(folder, "--id", "b") == 0

    assert names(folder / "b.crt")[0] == "spiffe://shop.test/collector/b"
    certificate(folder / "b.crt").verify_directly_issued_by(certificate(folder / "ca.pem"))
    assert before.items() <= contents(folder).items()


def test_what_is_there_is_not_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certs(folder, "--id", "a")
    before = contents(folder)

    assert certs(folder, "--id", "b", "--id", "a") == 1

    assert contents(folder) == before
    assert capsys.readouterr().err == (
        f"collector-mesh: error: {folder} has a.crt, a.key already: --force replaces what is asked for\n"
    )


def test_with_force_what_is_asked_for_is_replaced_and_the_authority_stays(folder: Path) -> None:
    certs(folder, "--id", "a", "--id", "b")
    before = contents(folder)

    assert certs(folder, "--id", "a", "--force") == 0

    after = contents(folder)
    assert {name for name in after if after[name] != before[name]} == {"a.crt", "a.key"}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_full_disk_changes_nothing(
    folder: Path, is_there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {}
    if is_there:
        certs(folder, "--id", "a")
        before = contents(folder)

    with a_full_disk():
        assert certs(folder, "--id", "b") == 1

    assert folder.exists() == is_there
    assert not is_there or contents(folder) == before
    assert f"error: cannot write to {folder}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"ca.pem": b""}, "has ca.pem but not the other of ca.pem and ca.key"),
        ({"ca.pem": b"", "ca.key": b""}, "ca.pem cannot be read: "),
        ({"ca.pem": b"\xff" * 10_000, "ca.key": b"\x00"}, "ca.pem cannot be read: "),
    ],
)
def test_an_authority_that_cannot_be_used_is_left_alone(
    folder: Path, made: dict[str, bytes], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.mkdir()
    for name, data in made.items():
        (folder / name).write_bytes(data)

    assert certs(folder, "--id", "a") == 1

    assert contents(folder) == made
    assert said in capsys.readouterr().err


def test_a_certificate_that_is_of_no_authority_issues_none(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certs(folder, "--id", "a")
    for ending in ("crt", "key"):
        (folder / f"a.{ending}").rename(folder / f"ca.{ending.replace('crt', 'pem')}")

    assert certs(folder, "--id", "b") == 1
    assert "ca.pem is no certificate of an authority" in capsys.readouterr().err


def test_a_key_of_another_authority_issues_none(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certs(folder, "--id", "a")
    certs(tmp_path / "other", "--id", "a")
    (tmp_path / "other" / "ca.key").rename(folder / "ca.key")

    assert certs(folder, "--id", "b") == 1
    assert "ca.pem is not the certificate of the key beside it" in capsys.readouterr().err


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"mine")

    assert certs(path, "--id", "a") == 1

    assert path.read_bytes() == b"mine"
    assert capsys.readouterr().err == f"collector-mesh: error: cannot write to {path}: is no folder\n"


def test_a_link_that_leads_nowhere_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "a.key").symlink_to(tmp_path / "elsewhere")

    assert certs(folder, "--id", "a") == 1
    assert certs(folder, "--id", "a", "--force") == 0

    assert not (tmp_path / "elsewhere").exists()
    assert stat.S_IMODE((folder / "a.key").lstat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "at least one --id or --client is required"),
        (("--id", "../a"), "--id must match [A-Za-z0-9._-]{1,128}, got '../a'"),
        (("--id", ""), "--id is required"),
        (("--id", "ca"), "--id 'ca' is taken: each name may be given once"),
        (("--id", "a", "--client", "A"), "--client 'A' is taken: each name may be given once"),
        (("--id", "a", "--domain", "a/b"), "--domain must be a domain name"),
        (("--id", "a", "--days", "0"), "--days must be a whole number from 1 to 3650, got '0'"),
        (("--id", "a", "--days", "9" * 5000), "--days must be a whole number from 1 to 3650"),
        (("--id", "a", "--host", "a b"), "--host must be a host name or an IP address, got 'a b'"),
        (("--id", "a", "--host", "b.mesh.internal"), "stands for a collector of the domain mesh.internal"),
        (("--id", "a", "--id", "b/", "--days", "x"), "2 problems: "),
    ],
)
def test_wrong_arguments_are_one_error_and_write_nothing(
    folder: Path, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert certs(folder, *arguments) == 2

    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not folder.exists()


def test_an_empty_name_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert certs("", "--id", "a") == 2
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_that_makes_them_it_says_how_to_get_it(folder: Path) -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from collector_mesh.app.cli.main import main\n"
        f"sys.exit(main(['certs', {str(folder)!r}, '--id', 'a']))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == (
        "collector-mesh: error: certs needs the package cryptography: pip install 'collector-mesh[certs]'\n"
    )
    assert not folder.exists()
