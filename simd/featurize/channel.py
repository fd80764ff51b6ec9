"""Messages between a process and its child over a socket: a JSON header and a body of raw bytes.

Frame: header length (u32, little-endian), body length (u64), header, body. The header ends in spaces, so that it and
the lengths before it fill whole blocks: most headers then come with their lengths in one read. There is no pickle in
it, because a child that decodes hostile images may be taken over, and its parent must not run what it sends.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_FRAME = struct.Struct("<IQ")
_BLOCK = 128
_MAX_HEADER = 1 << 16


class ChannelClosed(Exception):
    """The other end is gone."""


class ChannelGarbled(Exception):
    """The other end sent something that is no message, or one larger than was agreed."""


@dataclass(frozen=True, slots=True)
class Message:
    """A header of plain JSON values, and bytes."""

    header: dict[str, Any]
    body: bytearray


class Channel:
    """One end of a connected stream socket. One thread at a time may send, and one may receive."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    def send(self, header: Mapping[str, Any], body: bytes | memoryview = b"", timeout: float | None = None) -> None:
        """Send one message.

        Raises:
            ChannelClosed: the other end is gone.
            TimeoutError: it did not take the message within `timeout` seconds.
        """
        text = json.dumps(header).encode()
        text += b" " * (-(_FRAME.size + len(text)) % _BLOCK)
        view = memoryview(body).cast("B")
        self._set_timeout(timeout)
        try:
            self._socket.sendall(_FRAME.pack(len(text), len(view)) + text)
            if view:
                self._socket.sendall(view)
        except TimeoutError:
            raise
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(
        self, timeout: float | None = None, max_body: int = 1 << 40, excused: Callable[[], float] = lambda: 0.0
    ) -> Message:
        """Wait for one message and read it whole.

        Args:
            timeout: seconds it may take; None is for ever.
            max_body: bytes that the body may have.
            excused: so many seconds since the call do not count; asked when the others are over.

        Raises:
            ChannelClosed: the other end is gone.
            ChannelGarbled: what came is not a message, or its body is larger than `max_body` bytes.
            TimeoutError: the message was not complete within `timeout` seconds.
        """
        began = time.monotonic()

        def left() -> float | None:
            if timeout is None:
                return None
            seconds = began + timeout - time.monotonic()
            return seconds if seconds > 0 else seconds + excused()

        block = self._read(_BLOCK, left)
        header_length, body_length = _FRAME.unpack_from(block)
        more = _FRAME.size + header_length - _BLOCK
        if more < 0 or header_length > _MAX_HEADER or body_length > max_body:
            raise ChannelGarbled(f"a message of {header_length} + {body_length} bytes")
        text = block[_FRAME.size :] + self._read(more, left)
        body = self._read(body_length, left)
        try:
            header = json.loads(text.decode())
        except (ValueError, RecursionError) as error:
            raise ChannelGarbled("the header is not JSON") from error
        if not isinstance(header, dict):
            raise ChannelGarbled("the header is not a JSON object")
        return Message(header, body)

    def close(self) -> None:
        """Close this end; the other end sees the end of the stream."""
        self._socket.close()

    def _read(self, count: int, left: Callable[[], float | None]) -> bytearray:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            remaining = left()
            if remaining is not None and remaining <= 0:
                raise TimeoutError
            self._set_timeout(remaining)
            try:
                got = self._socket.recv_into(view)
            except TimeoutError:
                continue
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            if got == 0:
                raise ChannelClosed("end of stream")
            view = view[got:]
        return buffer

    def _set_timeout(self, seconds: float | None) -> None:
        """Setting it is a system call, which a difference of a hundredth is not worth."""
        known = self._socket.gettimeout()
        if known != seconds and not (known and seconds and 0.99 * known <= seconds <= known):
            self._socket.settimeout(seconds)
