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
_DESCRIPTOR = struct.Struct("=i")
_TIMEVAL = struct.Struct("@ll")
_SEND_BUFFER = 208 << 10
"""The kernel wakes the receiver for each half of twice as much: a picture of 224 x 224 arrives at once."""


class ChannelClosed(Exception):
    """The other end is gone."""


class ChannelGarbled(Exception):
    """The other end sent something that is no message, or one larger than was agreed."""


@dataclass(frozen=True, slots=True)
class Message:
    """A header of plain JSON values, bytes, and maybe an open file, which is whoever receives it to close."""

    header: dict[str, Any]
    body: bytes
    file: int | None = None


class Channel:
    """One end of a connected stream socket. One thread at a time may send, and one may receive.

    The kernel keeps the time limits (SO_RCVTIMEO, SO_SNDTIMEO of socket(7)) and gathers a message before it wakes who
    waits for it: with Python's own limits each part of it would cost two system calls and two changes of threads.

    Args:
        connected: the socket.
        takes_files: whether files that the other end sends are taken; the kernel closes them otherwise.
    """

    def __init__(self, connected: socket.socket, *, takes_files: bool = False) -> None:
        self._socket = connected
        self._takes_files = takes_files
        self._limits: dict[int, float | None] = {}
        connected.setblocking(True)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    def send(
        self,
        header: Mapping[str, Any],
        body: bytes | memoryview = b"",
        timeout: float | None = None,
        file: int | None = None,
    ) -> None:
        """Send one message, with an open file if one is given; it stays open here.

        Raises:
            ChannelClosed: the other end is gone.
            TimeoutError: it did not take the message within `timeout` seconds.
        """
        text = json.dumps(header).encode()
        text += b" " * (-(_FRAME.size + len(text)) % _BLOCK)
        view = memoryview(body).cast("B")
        left = _countdown(timeout)
        parts = [memoryview(_FRAME.pack(len(text), len(view)) + text), view]
        with_it = [] if file is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _DESCRIPTOR.pack(file))]
        while parts:
            self._limit(socket.SO_SNDTIMEO, left())
            try:
                sent = self._socket.sendmsg(parts, with_it)
            except BlockingIOError:
                continue
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            with_it = []
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][sent:]

    def receive(self, timeout: float | None = None, max_body: int = 1 << 40) -> Message:
        """Wait for one message and read it whole.

        Args:
            timeout: seconds it may take; None is for ever.
            max_body: bytes that the body may have.

        Raises:
            ChannelClosed: the other end is gone.
            ChannelGarbled: what came is not a message, or its body is larger than `max_body` bytes.
            TimeoutError: the message was not complete within `timeout` seconds.
        """
        left = _countdown(timeout)
        block, file = self._first_block(left)
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
        return Message(header, body, file)

    def close(self) -> None:
        """Close this end; the other end sees the end of the stream."""
        self._socket.close()

    def _first_block(self, left: Callable[[], float | None]) -> tuple[bytes, int | None]:
        """It brings the file, if one comes."""
        if not self._takes_files:
            return self._read(_BLOCK, left), None
        self._limit(socket.SO_RCVTIMEO, left())
        try:
            part, files, _, _ = socket.recv_fds(self._socket, _BLOCK, 1, socket.MSG_WAITALL | socket.MSG_CMSG_CLOEXEC)
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        if len(part) < _BLOCK:
            raise ChannelClosed("end of stream")
        return part, files[0] if files else None

    def _read(self, count: int, left: Callable[[], float | None]) -> bytes:
        parts: list[bytes] = []
        while count:
            self._limit(socket.SO_RCVTIMEO, left())
            try:
                # Mostly all of it at once, and then nothing has to be copied.
                part = self._socket.recv(count, socket.MSG_WAITALL)
            except BlockingIOError:
                continue
            except OSError as error:
                raise ChannelClosed(str(error)) from error
            if not part:
                raise ChannelClosed("end of stream")
            parts.append(part)
            count -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _limit(self, which: int, seconds: float | None) -> None:
        """Setting it is a system call, which a difference of a hundredth is not worth."""
        known = self._limits.get(which)
        if known == seconds or (known and seconds and 0.99 * known <= seconds <= known):
            return
        # The kernel takes 0 for no limit.
        microseconds = 0 if seconds is None else max(1, round(seconds * 1e6))
        self._socket.setsockopt(socket.SOL_SOCKET, which, _TIMEVAL.pack(*divmod(microseconds, 1_000_000)))
        self._limits[which] = seconds


def _countdown(timeout: float | None) -> Callable[[], float | None]:
    """Tells the seconds left of `timeout` from now on, None for ever; raises TimeoutError when there are none."""
    began = time.monotonic()

    def left() -> float | None:
        if timeout is None:
            return None
        seconds = began + timeout - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    return left
