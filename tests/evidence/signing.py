"""Pictures with Content Credentials, signed by a certificate authority that the tests make for themselves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import c2pa  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@dataclass(frozen=True)
class Authority:
    """A root that vouches for one signer. ``chain``: signer and root, PEM; ``root`` and ``key`` as well."""

    chain: str
    root: str
    key: bytes


def authority(organization: str, ends: datetime | None = None) -> Authority:
    """A root and a signer of that name whose certificate ends then, by default in a year."""
    now = datetime.now(UTC)
    ends = ends or now + timedelta(days=365)
    begins = min(now, ends) - timedelta(days=400)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name(f"{organization} Root")
    root = (
        _builder(issuer, issuer, root_key.public_key(), begins, now + timedelta(days=4000))
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(_usage(sign=False), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _builder(_name(organization), issuer, key.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(_usage(sign=True), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
        .sign(root_key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pems = [certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in (leaf, root)]
    return Authority("".join(pems), pems[1], secret)


def sign(
    picture: bytes,
    by: Authority,
    actions: Sequence[Mapping[str, Any]],
    parent: bytes | None = None,
    component: bytes | None = None,
    remote: str | None = None,
    mime: str = "image/jpeg",
) -> bytes:
    """The picture with a manifest of these actions; ``parent`` and ``component`` are pictures that it was made from."""
    manifest = {
        "claim_generator_info": [{"name": "UnFake tests", "version": "1"}],
        "title": "picture",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": list(actions)}}] if actions else [],
    }
    info = c2pa.C2paSignerInfo(b"es256", by.chain.encode(), by.key, None)
    settings = {"verify": {"verify_after_sign": False}, "builder": {"thumbnail": {"enabled": False}}}
    out = io.BytesIO()
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(manifest, context=context) as builder,
    ):
        for relation, inner in (("parentOf", parent), ("componentOf", component)):
            if inner is not None:
                builder.add_ingredient({"title": relation, "relationship": relation}, mime, io.BytesIO(inner))
        if remote:
            builder.set_remote_url(remote)
            builder.set_no_embed()
        builder.sign(signer, mime, io.BytesIO(picture), out)
    return out.getvalue()


def created(source_type: str, **more: Any) -> dict[str, Any]:
    """The action that made a picture."""
    return {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE + source_type, **more}


def _name(organization: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, organization),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not sign,
        crl_sign=not sign,
        encipher_only=False,
        decipher_only=False,
    )
