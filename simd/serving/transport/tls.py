"""The server's certificate, and the authority whose clients it trusts.

A renewed certificate is taken up by the next connection: each one compares the files' stamps. A pair that does not fit,
as while one of the two files is being replaced, is logged, and the one before stays in use.
"""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from simd.errors import ConfigError
from simd.privatefile import read_private
from simd.types import Stamp

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the chain of certificates, its private key, and the authority of client certificates, if asked for."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    @property
    def certificates(self) -> list[Path]:
        """The files that hold certificates."""
        return [self.cert] if self.client_ca is None else [self.cert, self.client_ca]

    @classmethod
    def of(cls, cert: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
        """The files that three settings name; None if they name none.

        Raises:
            ConfigError: only some of them are set.
        """
        if cert is None and key is None and client_ca is None:
            return None
        if cert is None or key is None:
            missing = "tls_cert" if cert is None else "tls_key"
            raise ConfigError(f"TLS needs {missing} as well", field=missing, remedy="set tls_cert and tls_key")
        return cls(cert, key, client_ca)


class Tls:
    """Makes what gRPC needs of the files. Safe to use from any thread.

    Args:
        files: certificate, key, and the authority of clients.
        connected: called when a connection begins, before it is known who it is.

    Raises:
        ConfigError: a file cannot be read, others may read the key, or they are not a certificate and its key.
    """

    def __init__(self, files: TlsFiles, connected: Callable[[], None] = lambda: None) -> None:
        self._files = files
        self._connected = connected
        self._lock = threading.Lock()
        self._stamps = self._look()
        self._first = self._load()

    @property
    def asks_for_certificates(self) -> bool:
        """Whether clients must have a certificate."""
        return self._files.client_ca is not None

    def credentials(self) -> grpc.ServerCredentials:
        """For `add_secure_port`."""
        return grpc.dynamic_ssl_server_credentials(
            self._first,
            self._renewed,  # type: ignore[arg-type]  # the stubs do not know None, for no change
            require_client_authentication=self.asks_for_certificates,
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC for every connection: None if nothing has changed, or what came cannot be used."""
        self._connected()
        with self._lock:
            stamps = self._look()
            if stamps == self._stamps:
                return None
            self._stamps = stamps
        try:
            renewed = self._load()
        except ConfigError as error:
            log.warning("the certificate changed and cannot be used, the one before stays: %s", error)
            return None
        log.info("the certificate in %s was renewed", self._files.cert)
        return renewed

    def _look(self) -> tuple[Stamp | None, ...]:
        return tuple(Stamp.at(path) for path in (self._files.cert, self._files.key, self._files.client_ca) if path)

    def _load(self) -> grpc.ServerCertificateConfiguration:
        files = self._files
        key = read_private(files.key, "tls_key")
        cert = _read(files.cert, "tls_cert")
        authority = None if files.client_ca is None else _read(files.client_ca, "tls_client_ca")
        _check(files)
        return grpc.ssl_server_certificate_configuration([(key, cert)], authority)


def _check(files: TlsFiles) -> None:
    """gRPC says of files that it cannot use only that it could not bind."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password of its own it would ask the terminal for one.
        context.load_cert_chain(files.cert, files.key, password="")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise ConfigError(
            f"{files.cert} and {files.key} are not a certificate and its unencrypted private key in PEM: {_why(error)}",
            field="tls_cert",
        ) from error
    if files.client_ca is None:
        return
    try:
        context.load_verify_locations(files.client_ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"{files.client_ca} holds no certificate in PEM: {_why(error)}", field="tls_client_ca"
        ) from error


def _why(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", field=setting) from error
