import datetime as dt
import os
import threading
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.services.certificates import HOUR, Authority

from collector_mesh import Tls, TlsError
from collector_mesh.adapters.grpc.certificates import Notice, ServerCertificates
from collector_mesh.adapters.grpc.validity import validity_of


class Told:
    def __init__(self) -> None:
        self.notices: list[tuple[Notice, str]] = []

    def __call__(self, notice: Notice, text: str) -> None:
        self.notices.append((notice, text))

    @property
    def kinds(self) -> list[Notice]:
        return [notice for notice, _ in self.notices]


def closed(tls: Tls) -> Tls:
    """The same, with a key that nobody else can read."""
    assert tls.key is not None
    tls.key.chmod(0o600)
    return tls


def shown(tls: Tls) -> tuple[ServerCertificates, Told]:
    told = Told()
    return ServerCertificates(tls, tell=told, on_handshake=lambda: None), told


def test_files_that_have_not_changed_are_no_news(tmp_path: Path) -> None:
    certificates, told = shown(closed(Authority(tmp_path).issue("a")))

    certificates.look()

    assert told.notices == []


def test_new_content_is_taken_up_though_the_file_is_as_old_as_the_one_before(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = closed(authority.issue("a"))
    assert tls.cert is not None
    certificates, told = shown(tls)
    before = tls.cert.stat()

    authority.issue("a")
    os.utime(tls.cert, ns=(before.st_atime_ns, before.st_mtime_ns))
    certificates.look()
    certificates.look()

    assert told.notices == [(Notice.RENEWED, str(tls.cert))]


def test_files_that_do_not_fit_are_told_each_time_and_left_alone_until_they_do(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = closed(authority.issue("a"))
    assert tls.cert is not None
    good = tls.cert.read_bytes()
    certificates, told = shown(tls)

    tls.cert.write_text("half a file")
    certificates.look()
    certificates.look()
    tls.cert.unlink()
    certificates.look()
    tls.cert.write_bytes(good)
    certificates.look()

    assert told.kinds == [Notice.UNUSABLE] * 3
    assert "are not a certificate and its key" in told.notices[1][1]
    assert told.notices[2][1] == f"cannot read {tls.cert}: No such file or directory"


def test_a_certificate_that_has_expired_is_told(tmp_path: Path) -> None:
    tls = closed(Authority(tmp_path).issue("a", lasts=-HOUR / 2))
    certificates, told = shown(tls)

    certificates.look()

    assert told.kinds == [Notice.EXPIRED]
    assert f"{tls.cert} has expired, at " in told.notices[0][1]


def test_a_certificate_that_is_not_good_yet_is_told(tmp_path: Path) -> None:
    certificates, told = shown(closed(Authority(tmp_path).issue("a", begins=HOUR / 2)))

    certificates.look()

    assert told.kinds == [Notice.EXPIRED]
    assert "a.crt is not good before " in told.notices[0][1]


@pytest.mark.parametrize(
    ("begins", "lasts"), [(-HOUR, -HOUR / 2), (HOUR / 2, HOUR)], ids=["expired", "not yet"]
)
def test_a_good_certificate_is_not_replaced_by_one_that_is_not_good_now(
    tmp_path: Path, begins: dt.timedelta, lasts: dt.timedelta
) -> None:
    authority = Authority(tmp_path)
    certificates, told = shown(closed(authority.issue("a")))

    authority.issue("a", begins=begins, lasts=lasts)
    certificates.look()
    certificates.look()
    authority.issue("a")
    certificates.look()

    assert told.kinds == [Notice.UNUSABLE, Notice.UNUSABLE, Notice.RENEWED]


def test_a_certificate_that_has_expired_is_replaced_by_whatever_fits(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificates, told = shown(closed(authority.issue("a", lasts=-HOUR / 2)))

    authority.issue("a", lasts=-HOUR / 4)
    certificates.look()

    assert told.kinds == [Notice.RENEWED, Notice.EXPIRED]


def test_files_behind_a_link_that_is_turned_are_taken_up_together(tmp_path: Path) -> None:
    for version in ("1", "2"):
        folder = tmp_path / version
        folder.mkdir()
        closed(Authority(folder).issue("a"))
    now = tmp_path / "now"
    now.symlink_to("1")
    tls = Tls(cert=now / "a.crt", key=now / "a.key", ca=now / "authority.pem")
    certificates, told = shown(tls)

    (tmp_path / "next").symlink_to("2")
    (tmp_path / "next").replace(now)
    certificates.look()

    assert told.notices == [(Notice.RENEWED, str(tls.cert))]


def test_a_key_that_everybody_can_read_from_some_time_on_is_told_then(tmp_path: Path) -> None:
    tls = closed(Authority(tmp_path).issue("a"))
    assert tls.key is not None
    certificates, told = shown(tls)

    tls.key.chmod(0o644)
    certificates.look()
    certificates.look()

    assert told.kinds == [Notice.EXPOSED]


def test_a_key_that_everybody_can_read_is_told_once(tmp_path: Path) -> None:
    tls = Authority(tmp_path).issue("a")
    assert tls.key is not None
    tls.key.chmod(0o644)
    certificates, told = shown(tls)

    certificates.look()

    assert told.notices == [(Notice.EXPOSED, f"{tls.key} can be read by every user of this machine")]


def test_a_listener_needs_a_certificate(tmp_path: Path) -> None:
    tls = attrs.evolve(Authority(tmp_path).issue("a"), cert=None, key=None)

    with pytest.raises(TlsError, match="needs a certificate and its key"):
        shown(tls)


def test_many_handshakes_at_once_take_new_files_up_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificates, told = shown(closed(authority.issue("a")))
    closed(authority.issue("a"))

    threads = [threading.Thread(target=certificates.look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told.kinds == [Notice.RENEWED]


def test_the_end_of_a_certificate_is_read_from_its_file(tmp_path: Path) -> None:
    tls = Authority(tmp_path).issue("a", lasts=HOUR)
    until = Authority.until(tls)

    assert tls.cert is not None
    validity = validity_of(tls.cert.read_bytes())
    assert validity is not None
    assert validity.ends == until
    assert validity.begins < until


@given(st.binary(max_size=200), st.integers(0, 600))
def test_what_is_no_certificate_has_no_end(noise: bytes, at: int) -> None:
    import base64

    body = base64.encodebytes(b"\x30\x82" + noise[: at % 50] + b"\x30\x82\x01" + noise)
    pem = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"

    assert validity_of(noise) is None
    assert validity_of(pem) is None
