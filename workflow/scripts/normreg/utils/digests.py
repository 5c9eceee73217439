"""The checksum of states, kernels, data sets and downloaded files: SHA-256."""

import hashlib


def sha256(*chunks: bytes) -> str:
    """The digest of all chunks, one after another, in hexadecimal."""
    sha = hashlib.sha256()
    for chunk in chunks:
        sha.update(chunk)
    return sha.hexdigest()
