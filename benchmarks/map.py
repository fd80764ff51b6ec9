"""The map of the page in a browser: its first view, frames a second while it is moved, and the browser's memory.

    python -m benchmarks.map --url http://127.0.0.1:8765 [--json FILE]

It is measured at a page that runs, such as `simd serve --http` over an index of which a map is laid out. A screen of
1280 x 800 is dragged about where every picture has a cell of its own, and enlarged and shrunk again by the wheel. The
clock is the browser's own, and there is no window. Memory is what the process that shows the page has for itself alone
(Linux, /proc/PID/smaps_rollup).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.browsing import Waits, browsing
from benchmarks.report import Row, arguments, publish

_WIDTH, _HEIGHT = 1280, 800
_MIDDLE = (_WIDTH / 2, _HEIGHT / 2)
_RUNS = 5
_MOVING_S = 10.0
_STEP = 12
_STEPS = 30
_WHEEL = 60
_TURNS = 60

_FIRST_VIEW = """async () => {
  const frame = () => new Promise((go) => requestAnimationFrame(go));
  const fetched = (part) => performance.getEntriesByType('resource').filter(({name}) => name.includes(part));
  const began = performance.now();
  document.querySelector('nav a[href="/map"]').click();
  let last = -1;
  // All tiles of the view are there when no other one was asked for and answered for some frames.
  for (let still = 0; still < 8 || last < 1; still++) {
    if (performance.now() > began + 30000) throw new Error('there is no map');
    await frame();
    const count = fetched('/tiles/').length;
    if (count !== last) [last, still] = [count, 0];
  }
  return Math.max(...fetched('/tiles/').map(({responseEnd}) => responseEnd)) - began;
}"""
_WATCH = """() => {
  window.frames_ = [];
  const next = (now) => {
    frames_.push(now);
    window.watching = requestAnimationFrame(next);
  };
  window.watching = requestAnimationFrame(next);
}"""
_WATCHED = "() => { cancelAnimationFrame(watching); return frames_; }"


def first_view_ms(browser: Browser, url: str) -> float:
    """From the click on the link to the last tile of the first view."""
    context = browser.new_context(base_url=url, viewport={"width": _WIDTH, "height": _HEIGHT})
    try:
        page = context.new_page()
        page.goto("/status")
        page.wait_for_selector("#pulse:not(:empty)")
        return float(page.evaluate(_FIRST_VIEW))
    finally:
        context.close()


def frames(page: Page, move: Callable[[int], None]) -> tuple[float, float]:
    """Frames a second while a page is moved, and the longest wait for one in milliseconds.

    Args:
        page: shows the map.
        move: is called with 0, 1, and so on.
    """
    page.evaluate(_WATCH)
    until, turn = time.monotonic() + _MOVING_S, 0
    while time.monotonic() < until:
        move(turn)
        turn += 1
    shown = page.evaluate(_WATCHED)
    waits = [after - before for before, after in pairwise(shown)]
    return len(waits) / sum(waits) * 1e3, max(waits)


def drag(page: Page, turn: int) -> None:
    """Drag the map, to and fro."""
    x, y = _MIDDLE
    page.mouse.move(x, y)
    page.mouse.down()
    sideways = _STEP if turn // 4 % 2 else -_STEP
    for step in range(_STEPS):
        page.mouse.move(x + sideways * step, y + step)
    page.mouse.up()


def wheel(page: Page, turn: int) -> None:
    """Enlarge the map, and shrink it again."""
    page.mouse.wheel(0, _WHEEL if turn // _TURNS % 2 else -_WHEEL)


def memory_mib(browser: Browser) -> float:
    """What the greatest of a browser's pages has for itself."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return max(_private_mib(int(one["id"])) for one in processes if one["type"] == "renderer")


def _private_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def main() -> None:
    """Measure."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--url", required=True, help="where the page is")
    given = parser.parse_args()
    with browsing() as browser:
        views = Waits([first_view_ms(browser, given.url) for _ in range(_RUNS + 1)][1:])
        page = browser.new_context(base_url=given.url, viewport={"width": _WIDTH, "height": _HEIGHT}).new_page()
        page.goto("/map")
        page.wait_for_selector(".map-controls:not([hidden])")
        found = page.request.get("/api/map").json()
        page.mouse.move(*_MIDDLE)
        zoomed, longest_zoomed = frames(page, lambda turn: wheel(page, turn))
        page.goto(f"/map?x=0.5&y=0.5&z={found['levels']}")
        page.wait_for_selector(".map-controls:not([hidden])")
        panned, longest_panned = frames(page, lambda turn: drag(page, turn))
        memory = memory_mib(browser)
    rows: list[Row] = [
        views.row("first view"),
        {"what": "panned", "frames_per_s": panned, "max_ms": longest_panned},
        {"what": "zoomed", "frames_per_s": zoomed, "max_ms": longest_zoomed},
    ]
    figures = {
        "images": float(found["images"]),
        "first_view_p50_ms": views.p50,
        "panned_frames_per_s": panned,
        "zoomed_frames_per_s": zoomed,
        "memory_mib": memory,
    }
    publish("map", rows, figures, given.json)


if __name__ == "__main__":
    main()
