"""X.509 certificates on the curve that DDS Security 1.1 (9.3.1) names, and documents signed as S/MIME."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority of one keystore: it names nodes and signs what they may do.

    Args:
        name: its common name.
        begin: from when its certificates are valid, UTC without a zone.
        end: until when.
    """

    def __init__(self, name: str, begin: datetime.datetime, end: datetime.datetime) -> None:
        self._name, self._begin, self._end = _named(name), begin, end
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._certify(self._name, self._key.public_key(), authority=True)

    @property
    def certificate(self) -> bytes:
        """Its own certificate, PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        """Its private key, PEM; who has it can make nodes of this keystore."""
        return _pem(self._key)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """A certificate for the common name ``name`` and its private key, both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._certify(_named(name), key.public_key(), authority=False)
        return certificate.public_bytes(serialization.Encoding.PEM), _pem(key)

    def sign(self, document: bytes) -> bytes:
        """``document`` as clear-signed S/MIME, the form that DDS Security 1.1 (9.4.1.1) asks for."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(document)
        builder = builder.add_signer(self._certificate, self._key, hashes.SHA256())
        options = [pkcs7.PKCS7Options.Text, pkcs7.PKCS7Options.DetachedSignature]
        return builder.sign(serialization.Encoding.SMIME, options)

    def _certify(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, authority: bool
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number())
        builder = builder.not_valid_before(self._begin).not_valid_after(self._end)
        basic = x509.BasicConstraints(ca=authority, path_length=1 if authority else None)
        return builder.add_extension(basic, critical=authority).sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
