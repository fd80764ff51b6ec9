"""The page in a thread of this process, as `simd web` serves it, and a client of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import httpx

from simd.web.server import Options, page

_WITHIN_S = 20.0


@contextmanager
def served(options: Options) -> Iterator[httpx.Client]:
    """Serve; the client follows no redirects, trusts every certificate, and asks in a proxy's place."""
    reading, writing = os.pipe()
    url: Future[str] = Future()
    with ThreadPoolExecutor(1) as thread:
        serving = thread.submit(lambda: asyncio.run(page(options, url.set_result, reading)))
        both: list[Future[Any]] = [url, serving]
        try:
            wait(both, _WITHIN_S, FIRST_COMPLETED)
            if serving.done():
                serving.result()
            base = f"http://{options.http}" if options.proxy else url.result(0)
            with httpx.Client(base_url=base, verify=False, timeout=_WITHIN_S, trust_env=False) as client:
                yield client
        finally:
            os.close(writing)
            serving.exception(_WITHIN_S)
            os.close(reading)
    serving.result()
