"""Certificates of an authority that exists for one test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM files."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates and writes them to a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._ca = trustme.CA()
        self.file = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, into: str | None = None) -> Identity:
        """A certificate for a host's name or address; `into` are the files' names, without which they are `name`."""
        issued = self._ca.issue_cert(name)
        made = Identity(self._directory / f"{into or name}.pem", self._directory / f"{into or name}.key")
        made.cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        made.key.write_bytes(issued.private_key_pem.bytes())
        made.key.chmod(0o600)
        return made
