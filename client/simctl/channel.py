"""The connection to the daemon: in the clear or encrypted, with a token or without.

A unix socket is spoken to in the clear, and so is a port on loopback unless an authority or a certificate is given. Any
other host always gets TLS, so that neither pictures nor a token ever cross a network in the clear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import grpc

from simctl.address import is_loopback, uri_of
from simctl.errors import EXIT_USAGE, SimctlError

_VARIABLES = {
    "tls_ca": "SIMD_TLS_CA",
    "tls_cert": "SIMD_CLIENT_CERT",
    "tls_key": "SIMD_CLIENT_KEY",
    "token_file": "SIMD_TOKEN_FILE",
}


OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A proxy of the environment is for the network, not for this machine.
    ("grpc.enable_http_proxy", 0),
    # `wait` tries again and again while the daemon starts.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    # So long one attempt may take, whatever its name says: a daemon may be far away, and a call has its own deadline.
    ("grpc.min_reconnect_backoff_ms", 20_000),
)
"""Of every channel to a daemon."""


@dataclass(frozen=True, slots=True)
class Security:
    """PEM files and a token's file, each None if it is not needed.

    Args:
        tls_ca: the authority that signed the daemon's certificate; None means those that the system trusts.
        tls_cert: a certificate for a daemon that asks for one.
        tls_key: its private key.
        token_file: the first line that is a token is the caller's; empty lines and those that begin with # are none.
    """

    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    token_file: str | None = None

    def completed(self, environ: Mapping[str, str]) -> Security:
        """With what the environment says where nothing was given."""
        return Security(**{name: getattr(self, name) or environ.get(key) or None for name, key in _VARIABLES.items()})


def connect(address: str, security: Security) -> grpc.Channel:
    """A channel to the daemon.

    Raises:
        SimctlError: a file cannot be read, or the certificate has no key.
    """
    credentials = encryption(address, security)
    if credentials is not None:
        channel = grpc.secure_channel(address, credentials, options=OPTIONS)
    else:
        channel = grpc.insecure_channel(uri_of(address), options=OPTIONS)
    sent = headers(security)
    return grpc.intercept_channel(channel, _Bearer(sent)) if sent else channel


def encryption(address: str, security: Security) -> grpc.ChannelCredentials | None:
    """What encrypts the connection to an address; None where it is in the clear.

    Raises:
        SimctlError: as `connect`.
    """
    return _credentials(security) if _is_encrypted(address, security) else None


def headers(security: Security) -> tuple[tuple[str, str], ...]:
    """What every call is sent with: the token, as its file has it now.

    Raises:
        SimctlError: the file cannot be read, or holds no token.
    """
    if security.token_file is None:
        return ()
    return (("authorization", f"Bearer {_token(security.token_file)}"),)


def _is_encrypted(address: str, security: Security) -> bool:
    if address.startswith("unix:"):
        return False
    host = address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    return bool(security.tls_ca or security.tls_cert) or not is_loopback(host)


def _credentials(security: Security) -> grpc.ChannelCredentials:
    if bool(security.tls_cert) != bool(security.tls_key):
        raise SimctlError("a client's certificate and its key go together: tls_cert and tls_key", exit_code=EXIT_USAGE)
    return grpc.ssl_channel_credentials(
        root_certificates=_read(security.tls_ca),
        private_key=_read(security.tls_key),
        certificate_chain=_read(security.tls_cert),
    )


def _token(path: str) -> str:
    text = (_read(path) or b"").decode("ascii", "replace")
    lines = (line.strip() for line in text.splitlines())
    token = next((line for line in lines if line and not line.startswith("#")), "")
    if not token or not all("!" <= letter <= "~" for letter in token):
        raise SimctlError(f"{path} holds no token", exit_code=EXIT_USAGE)
    return token


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise SimctlError(f"cannot read {path}: {error.strerror}", exit_code=EXIT_USAGE) from error


class _Details(NamedTuple):
    """gRPC asks for these attributes and has no public class with them."""

    method: str
    timeout: float | None
    metadata: Sequence[tuple[str, str | bytes]] | None
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class _Bearer(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Sends headers with every call."""

    def __init__(self, headers: Sequence[tuple[str, str]]) -> None:
        self._headers = headers

    def _sent(self, continuation: Callable[..., Any], details: Any, requests: Any) -> Any:
        metadata = [*(details.metadata or ()), *self._headers]
        return continuation(
            _Details(
                details.method,
                details.timeout,
                metadata,
                details.credentials,
                details.wait_for_ready,
                details.compression,
            ),
            requests,
        )

    intercept_unary_unary: Any = _sent
    intercept_unary_stream: Any = _sent
    intercept_stream_unary: Any = _sent
    intercept_stream_stream: Any = _sent
