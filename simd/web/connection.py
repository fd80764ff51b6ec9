"""A browser's connection: one that says nothing, or takes too long to say what it asks, is ended.

Each counts among those that there may be, so somebody who only holds many would keep all others out.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """uvicorn's, with an end."""

    ask_within_s: ClassVar[float] = 15.0
    """How long it may take to say what it asks, after it was made or after it has begun to say it."""

    _asking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As asyncio has it."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """As asyncio has it."""
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio has it."""
        if self._asking is not None:
            self._asking.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        is_asking = self.cycle is None or self.cycle.response_complete
        if is_asking and self._asking is None:
            self._asking = self.loop.call_later(self.ask_within_s, self.transport.close)
        elif not is_asking and self._asking is not None:
            self._asking.cancel()
            self._asking = None
