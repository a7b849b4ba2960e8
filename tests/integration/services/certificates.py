"""Certificates for one test."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from collector_mesh import Tls

HOUR = dt.timedelta(hours=1)


def identity_of(collector_id: str) -> str:
    """What stands for a collector in its certificate."""
    return f"spiffe://mesh.test/collector/{collector_id}"


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca = folder / f"{name}.pem"
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            # Without these Python 3.13 trusts nobody.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(_SIGNS, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        identity: str | None = None,
        host: str = "localhost",
        others: Sequence[str] = (),
        lasts: dt.timedelta = HOUR,
        begins: dt.timedelta = -HOUR,
    ) -> Tls:
        """Write a certificate and its key, over earlier ones of the same name; mutual TLS with both.

        The name is the common name; the identity and others, and the host unless it is empty, are subject
        alternative names: those with `://` are URIs. It begins and ends after so long from now.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        texts = [*((host,) if host else ()), *((identity,) if identity is not None else ()), *others]
        names: list[x509.GeneralName] = [
            x509.UniformResourceIdentifier(text) if "://" in text else x509.DNSName(text) for text in texts
        ]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, lasts, begins)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = builder.add_extension(authority, critical=False).sign(self._key, hashes.SHA256())
        cert_file, key_file = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return Tls(cert=cert_file, key=key_file, ca=self.ca)

    @staticmethod
    def until(tls: Tls) -> float:
        """When a certificate ends, in seconds since the epoch."""
        assert tls.cert is not None
        return x509.load_pem_x509_certificate(tls.cert.read_bytes()).not_valid_after_utc.timestamp()

    def collector(self, name: str, *, host: str = "localhost", lasts: dt.timedelta = HOUR) -> Tls:
        """The same for a collector, whose id the certificate names."""
        return self.issue(name, identity=identity_of(name), host=host, lasts=lasts)

    def server(self, name: str) -> Tls:
        """The same for a server that asks its callers for none."""
        return attrs.evolve(self.issue(name), ca=None)

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        lasts: dt.timedelta = HOUR,
        begins: dt.timedelta = -HOUR,
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + lasts)
        )


def flags(tls: Tls) -> list[str]:
    """The same for a command."""
    return [
        *("--tls-cert", str(tls.cert)),
        *("--tls-key", str(tls.key)),
        *(("--tls-ca", str(tls.ca)) if tls.ca is not None else ()),
    ]
