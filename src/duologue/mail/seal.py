"""What a mail says is sealed while it waits: a copy of the table, or a backup of it, holds no code."""

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from uuid import UUID

import msgspec

__all__ = ["BrokenSealError", "Seal"]

NONCE_BYTES = 12
PURPOSE = b"duologue mail outbox 1"


class BrokenSealError(Exception):
    """Sealed with a secret we do not have, or changed since, or moved to another row."""


class Seal:
    """AES-256-GCM under keys derived from secrets; bound to the row's id, recipient and template."""

    def __init__(self, secret: str, previous: Sequence[str] = ()) -> None:
        """Seal with `secret`; open with it and with `previous` ones."""
        self._secrets = (secret, *previous)

    @cached_property
    def _keys(self) -> list[bytes]:
        return [_derive(secret) for secret in self._secrets]

    def close(self, row_id: UUID, recipient: str, template: str, params: Mapping[str, str]) -> bytes:
        """The nonce and the sealed parameters."""
        # Imported here and below: the import takes 30 ms, which the start of the server need not wait for.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        plain = msgspec.json.encode(dict(params))
        return nonce + AESGCM(self._keys[0]).encrypt(nonce, plain, _bound_to(row_id, recipient, template))

    def open(self, row_id: UUID, recipient: str, template: str, sealed: bytes) -> dict[str, str]:
        """The parameters; raises `BrokenSealError`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, box = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        for key in self._keys:
            try:
                plain = AESGCM(key).decrypt(nonce, box, _bound_to(row_id, recipient, template))
            except (InvalidTag, ValueError):
                continue
            return msgspec.json.decode(plain, type=dict[str, str])
        raise BrokenSealError


def _derive(secret: str) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())


def _bound_to(row_id: UUID, recipient: str, template: str) -> bytes:
    return msgspec.json.encode([row_id.hex, recipient, template])
