"""When certificates are good, read from their files: the standard library does not tell."""

import datetime as dt

import attrs

from collector_mesh.adapters.grpc.der import fields_of, parts

_VALIDITY = 3
_UTC_TIME = 0x17


@attrs.frozen
class Validity:
    """From when until when a certificate is good, in seconds since the epoch."""

    begins: float
    ends: float

    @property
    def texts(self) -> tuple[str, str]:
        """The same for people."""
        return _text(self.begins), _text(self.ends)

    def problem(self, now: float) -> str:
        """What is wrong with it at a time; empty if nothing is."""
        if now < self.begins:
            return f"is not good before {_text(self.begins)}"
        return f"has expired, at {_text(self.ends)}" if self.ends < now else ""


def validity_of(pem: bytes) -> Validity | None:
    """When the first certificate of a file is good.

    None where the file has none, or one that cannot be read.
    """
    try:
        begins, ends = parts(fields_of(pem)[_VALIDITY][1])
        return Validity(_time(*begins), _time(*ends))
    except (ValueError, IndexError):
        return None


def _time(kind: int, content: bytes) -> float:
    text = content.decode("ascii")
    if kind == _UTC_TIME:  # two digits of the year, from 1950 to 2049
        text = ("20" if text[:2] < "50" else "19") + text
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()


def _text(time: float) -> str:
    return f"{dt.datetime.fromtimestamp(time, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
