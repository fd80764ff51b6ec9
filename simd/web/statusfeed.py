"""How the daemon is, for everybody who looks: one stream from the daemon, however many look.

While somebody looks, what the daemon tells is passed on. A daemon that is gone is tried again, ever more seldom, and
meanwhile they are told why there is nothing newer. Who takes it slowly gets the newest and not all.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable

from simctl.errors import DaemonUnreachable, SimctlError

log = logging.getLogger(__name__)

Document = dict[str, object]

VIEWERS = 64
"""Browsers' windows that look at once."""
_BEAT_S = 15.0
"""How often something is sent where nothing changed: a connection that is gone is noticed, and a proxy waits on."""
_FIRST_WITHIN_S = 10.0
_SILENT_S = 60.0
"""After so long without a change the daemon is asked anew: one that hangs says nothing either."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 4.0


class StatusFeed:
    """Args:
    watch: the daemon's statuses, the first one at once; raises `SimctlError` when they end by an error.
    beat_s: seconds after which something is sent although nothing changed.
    """

    def __init__(self, watch: Callable[[], AsyncGenerator[Document]], beat_s: float = _BEAT_S) -> None:
        self._watch = watch
        self._beat_s = beat_s
        self._viewers = 0
        self._watching: asyncio.Task[None] | None = None
        self._newest = ""
        self._changed = asyncio.Event()
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """Whether as many look as may."""
        return self._viewers >= VIEWERS

    async def events(self) -> AsyncGenerator[str]:
        """Server-sent events: `status` with a status, `trouble` with why there is none, until it is closed."""
        self._viewers += 1
        if self._watching is None:
            self._newest = ""
            self._watching = asyncio.create_task(self._keep_watching())
        try:
            yield "retry: 1000\n\n"
            seen = ""
            while not self._is_closed:
                changed = self._changed
                if self._newest != seen:
                    seen = self._newest
                    yield seen
                    continue
                try:
                    async with asyncio.timeout(self._beat_s):
                        await changed.wait()
                except TimeoutError:
                    yield ": nothing new\n\n"
        finally:
            self._viewers -= 1
            if not self._viewers and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    def close(self) -> None:
        """End all events, now and from now on."""
        self._is_closed = True
        self._wake()

    async def _keep_watching(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                await self._pass_on()
                wait_s = _FIRST_WAIT_S
                continue
            except SimctlError as error:
                self._tell("trouble", error.document())
            except Exception:
                log.exception("the daemon's status cannot be passed on, which is tried again")
                bug = SimctlError("the page failed unexpectedly; its log has more", code="INTERNAL")
                self._tell("trouble", bug.document())
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _pass_on(self) -> None:
        """Tell what the daemon says, until it has said nothing for a while."""
        statuses = self._watch()
        within_s = _FIRST_WITHIN_S
        try:
            while True:
                async with asyncio.timeout(within_s):
                    self._tell("status", dict(await anext(statuses)))
                within_s = _SILENT_S
        except StopAsyncIteration:
            raise DaemonUnreachable("the daemon stops") from None
        except TimeoutError:
            if within_s == _FIRST_WITHIN_S:
                raise DaemonUnreachable(f"the daemon did not answer within {_FIRST_WITHIN_S:g} s") from None
        finally:
            await statuses.aclose()

    def _tell(self, name: str, document: object) -> None:
        self._newest = f"event: {name}\ndata: {json.dumps(document)}\n\n"
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
