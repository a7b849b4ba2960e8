"""Until when certificates are good, read from their files: the standard library does not tell."""

import datetime as dt

from collector_mesh.adapters.grpc.der import fields_of, parts

_VALIDITY = 3
_UTC_TIME = 0x17


def not_after(pem: bytes) -> float | None:
    """When the first certificate of a file has expired, in seconds since the epoch.

    None where the file has none, or one that cannot be read.
    """
    try:
        _, (kind, until) = parts(fields_of(pem)[_VALIDITY][1])
        text = until.decode("ascii")
        if kind == _UTC_TIME:  # two digits of the year, from 1950 to 2049
            text = ("20" if text[:2] < "50" else "19") + text
        return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()
    except (ValueError, IndexError):
        return None
