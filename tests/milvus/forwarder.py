"""Connections passed on to somewhere else, until that is cut."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Lock, Thread


class Forwarder:
    """Whoever connects to a bound socket talks to what `connect` gives, or is hung up on where that fails."""

    def __init__(self, listening: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._listening = listening
        self._connect = connect
        self._lock = Lock()
        self._cut = False
        self._open: set[socket.socket] = set()
        listening.listen(128)
        Thread(target=self._accept, name="forwarder", daemon=True).start()

    def heal(self) -> None:
        """Pass connections on again."""
        with self._lock:
            self._cut = False

    def cut(self) -> None:
        """Hang up on everybody, and on whoever connects from now on. The address stays taken."""
        with self._lock:
            self._cut = True
            for connection in self._open:
                _shut(connection)

    def close(self) -> None:
        """Cut, and give the address back."""
        self.cut()
        _shut(self._listening)
        self._listening.close()

    def _accept(self) -> None:
        # That there is nothing to accept any more is an error.
        with suppress(OSError):
            while True:
                near = self._listening.accept()[0]
                try:
                    far = self._connect()
                except OSError:
                    near.close()
                else:
                    self._join(near, far)

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        with self._lock:
            if self._cut:
                near.close()
                far.close()
                return
            self._open |= {near, far}
        ways = [
            Thread(target=self._pass_on, args=way, name="forwarder", daemon=True) for way in ((near, far), (far, near))
        ]
        Thread(target=self._end, args=(ways, near, far), name="forwarder", daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while read := source.recv(1 << 16):
                target.sendall(read)
        _shut(source)
        _shut(target)

    def _end(self, ways: list[Thread], near: socket.socket, far: socket.socket) -> None:
        for way in ways:
            way.start()
        for way in ways:
            way.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()


def _shut(connection: socket.socket) -> None:
    # The other side may have been first.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
