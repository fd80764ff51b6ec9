"""The log of calls that were refused or failed, and of connections without calls.

Anyone who can reach the daemon can cause log lines, so each kind, which is a reason and a caller's host, has a line at
once and then one a minute.

gRPC reports no TLS handshake that fails, nor with whom. What can be seen is that a connection began, as the
certificate is asked for, and that no call came from a caller who was not there before. So handshakes that failed are
counted together with connections that were only opened, as by a port scan, and are logged after a minute or two.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from collections import OrderedDict

from simd.errors import SimdError, reason_of
from simd.seldom import Seldom
from simd.serving.transport.callers import host_of

log = logging.getLogger(__name__)

_CALLERS = 10_000
"""Connections that are remembered; one that calls again after as many others counts as a new one."""


class CallLog:
    """Counts and logs. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._seldom = Seldom(log)
        # Without it a number would confirm a guess of the words.
        self._key = secrets.token_bytes(16)
        self._lock = threading.Lock()
        self._callers: OrderedDict[str, None] = OrderedDict()
        self._connections = self._silent = 0

    def refused(self, error: SimdError, method: str, peer: str) -> None:
        """A call was refused before its request was read."""
        reason, host = reason_of(type(error)), host_of(peer)
        self._seldom.tell(logging.WARNING, (reason, host), f"{method} from {host} was refused: {reason}: {error}")

    def client_error(self, error: SimdError, method: str, peer: str) -> None:
        """A call failed by its caller's fault."""
        reason, host = reason_of(type(error)), host_of(peer)
        self._seldom.tell(logging.INFO, (reason, host, method), f"{method} from {host}: {reason}: {error}")

    def server_error(self, error: SimdError, method: str, peer: str) -> str:
        """A call failed by the daemon's fault. Returns the incident's number, under which the log has it.

        What fails in the same words has the same number, so that one line is enough for many calls.
        """
        reason = reason_of(type(error))
        said = f"{method} {reason} {error}".encode("utf-8", "replace")
        number = hashlib.blake2b(said, digest_size=4, key=self._key).hexdigest()
        text = f"{method} from {host_of(peer)} failed ({number}): {reason}: {error}"
        self._seldom.tell(logging.ERROR, number, text)
        return number

    def connected(self) -> None:
        """A connection over TLS begins."""
        with self._lock:
            self._connections += 1

    def called(self, peer: str) -> None:
        """A call came; `peer` is one connection of a caller, as gRPC names it."""
        if peer.startswith("unix"):
            return
        with self._lock:
            if peer not in self._callers:
                self._silent -= 1
            self._callers[peer] = None
            self._callers.move_to_end(peer)
            if len(self._callers) > _CALLERS:
                self._callers.popitem(last=False)

    def flush(self) -> None:
        """Log what was counted since the last time."""
        self._seldom.flush()
        with self._lock:
            # Those that began since the last time may still call.
            silent = max(0, self._silent)
            self._silent = self._connections + min(0, self._silent)
            self._connections = 0
        if silent:
            log.warning(
                "%d connections over TLS brought no call: the handshake failed, as with a certificate that the other "
                "side does not trust, or nobody asked anything; gRPC does not tell which, nor who it was",
                silent,
            )
