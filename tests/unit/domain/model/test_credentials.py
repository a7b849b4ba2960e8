"""Addresses as people write URLs are shown without the user and the password in them."""

import pytest

from collector_mesh.domain.model.texts import without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:secret@host:1/path", "http://***@host:1/path"),
        ("https://secret@host", "https://***@host"),
        ("got 'user:secret@host:1'", "got '***@host:1'"),
        ("dns:user:secret@host:1", "***@host:1"),
        ("--peer=user:secret@host", "--peer=***@host"),
        ("orders-1@host:50051", "orders-1@host:50051"),
        ("http://host/a:b@c", "http://host/a:b@c"),
        ("mail me@example.org: no", "mail me@example.org: no"),
        ("host:1", "host:1"),
    ],
)
def test_what_stands_before_the_host_is_left_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
