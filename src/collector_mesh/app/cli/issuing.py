"""Certificates for development, in the form that proves the ids of collectors. Needs the package cryptography."""

import datetime as dt
import ipaddress
from collections.abc import Sequence

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_DAYS = 3650
_EARLIER = dt.timedelta(minutes=5)
"""The clocks of machines differ."""

_MAX_COMMON_NAME = 64


class UnusableError(ValueError):
    """An authority's files cannot be used; the text says why."""


@attrs.frozen
class Issued:
    """A certificate and its key, as PEM."""

    cert: bytes
    key: bytes


class Authority:
    """An authority for development: whoever has its key can be any collector of its domain.

    Args:
        certificate: its own.
        key: its key.
    """

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def made(cls, domain: str) -> tuple["Authority", Issued]:
        """A new one, for a trust domain."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, domain),
                x509.NameAttribute(NameOID.COMMON_NAME, "collector-mesh development authority"),
            ]
        )
        certificate = (
            _builder(name, name, key.public_key(), dt.timedelta(days=_AUTHORITY_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(of_authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key), Issued(_pem(certificate), _key_pem(key))

    @classmethod
    def loaded(cls, cert: bytes, key: bytes) -> "Authority":
        """One that was made before.

        Raises:
            UnusableError: these are no certificate of an authority and its key, or its time is over.
        """
        try:
            certificate = x509.load_pem_x509_certificate(cert)
            private = serialization.load_pem_private_key(key, password=None)
            constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        except x509.ExtensionNotFound:
            raise UnusableError("is no certificate of an authority") from None
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UnusableError(f"cannot be read: {error}") from error
        if not constraints.ca:
            raise UnusableError("is no certificate of an authority")
        if private.public_key() != certificate.public_key():
            raise UnusableError("is not the certificate of the key beside it")
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise UnusableError("is of another kind than this command makes")
        if certificate.not_valid_after_utc <= dt.datetime.now(dt.UTC):
            raise UnusableError(f"has ended on {certificate.not_valid_after_utc:%Y-%m-%d}")
        return cls(certificate, private)

    @property
    def domain(self) -> str:
        """The trust domain that it was made for; empty for one that was made elsewhere."""
        found = self._certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return str(found[0].value) if found else ""

    def issue(self, name: str, *, uri: str, hosts: Sequence[str], days: int) -> Issued:
        """A certificate for somebody who serves and calls.

        Args:
            name: for people.
            uri: who it is, `spiffe://DOMAIN/collector/ID`.
            hosts: names and IP addresses at which it is dialed.
            days: how long it lasts; not longer than the authority's own.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri), *map(_host, hosts)]
        common = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_MAX_COMMON_NAME])])
        left = self._certificate.not_valid_after_utc - dt.datetime.now(dt.UTC)
        certificate = (
            _builder(common, self._certificate.subject, key.public_key(), min(left, dt.timedelta(days=days)))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(of_authority=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        return Issued(_pem(certificate), _key_pem(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lasts: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + lasts)
    )


def _usage(*, of_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not of_authority,
        key_cert_sign=of_authority,
        crl_sign=of_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
