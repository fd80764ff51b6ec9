"""What a person waits for on the page, measured in a browser: the first paint, and a grid after a click on a picture.

The clock is the browser's own. A grid is painted when the first `GRID` of its thumbnails are decoded and two frames
have passed since. Each run has a context of its own, which has nothing in its cache.
"""

from __future__ import annotations

import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

GRID = 50
SCREEN: ViewportSize = {"width": 2560, "height": 1440}
"""On which about 25 photographs are seen at once; the page has as many ready below them, so there are about 50."""
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_WITHIN_MS = 60_000

_FIRST_PAINT = """() => new Promise((found) => {
  new PerformanceObserver((list) => {
    const [entry] = list.getEntriesByName('first-contentful-paint');
    if (entry) found(entry.startTime);
  }).observe({type: 'paint', buffered: true});
})"""

_ALL_COMPLETE = "() => [...document.querySelectorAll('figure.grid-tile img')].every((image) => image.complete)"

_PAINTED = """
async function painted(images) {
  for (const image of images) {
    while (!image.complete) await new Promise((go) => { image.onload = image.onerror = go; });
    if (!image.naturalWidth) throw new Error(`no picture: ${image.src}`);
  }
  await Promise.all(images.map((image) => image.decode()));
  await frame();
  await frame();
}
const frame = () => new Promise((go) => requestAnimationFrame(go));
"""

_CLICK = (
    """async ([image, count]) => {"""
    + _PAINTED
    + """
  const link = document.querySelector(`figure.grid-tile[data-image="${image}"] a.picture`);
  const all = () => [...document.querySelectorAll('figure.grid-tile')];
  const tiles = () => all().sort((a, b) => a.dataset.index - b.dataset.index);
  const pictures = (some) => some.map((tile) => tile.querySelector('img'));
  const began = performance.now();
  link.click();
  while (link.isConnected || !location.search.includes(image) || !tiles().length) {
    if (performance.now() > began + 30000) throw new Error(`no answer at ${location}`);
    await frame();
  }
  const answered = performance.now() - began;
  const first = tiles().slice(0, count);
  const seen = first.filter((tile) => tile.getBoundingClientRect().top < innerHeight);
  await painted(pictures(seen));
  const seenAfter = performance.now() - began;
  await painted(pictures(first));
  return {
    ms: performance.now() - began, answered_ms: answered, seen_ms: seenAfter, seen: seen.length,
    ids: first.map((tile) => tile.dataset.image), urls: pictures(first).map((image) => image.src),
    markup: first.map((tile) => tile.outerHTML),
  };
}"""
)

_INSERT = (
    """async (markup) => {"""
    + _PAINTED
    + """
  const began = performance.now();
  const grid = document.createElement('div');
  grid.className = 'grid';
  grid.innerHTML = markup.join('');
  document.getElementById('main').replaceChildren(grid);
  await painted([...grid.querySelectorAll('img')]);
  return performance.now() - began;
}"""
)


@dataclass(slots=True)
class Waits:
    """Milliseconds of several runs."""

    taken: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.taken)

    def row(self, what: str, **more: float) -> dict[str, str | int | float]:
        """A line of the table."""
        return {"what": what, "p50_ms": self.p50, "max_ms": max(self.taken), "runs": len(self.taken), **more}


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid after a click.

    Attributes:
        ms: until `GRID` pictures, or all that there are, were painted; `seen_ms` until those that are seen were, and
            `answered_ms` until the answer was there.
        seen: how many are seen without scrolling.
        ids, urls, markup: of the pictures.
        fetched: thumbnails that were asked for meanwhile.
    """

    ms: float
    seen_ms: float
    answered_ms: float
    seen: int
    ids: Sequence[str]
    urls: Sequence[str]
    markup: Sequence[str]
    fetched: int = 0


class Visitor:
    """A person with a browser.

    Args:
        browser: theirs.
        url: of the page, or of what stands in its place.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url

    def first_paint_ms(self) -> float:
        """From asking for the page to the first of its content."""
        with self._page("/") as page:
            return float(page.evaluate(_FIRST_PAINT))

    def insert_ms(self, path: str, markup: Sequence[str]) -> float:
        """From having the markup of a grid to its being painted."""
        with self._page(path) as page:
            return float(page.evaluate(_INSERT, list(markup)))

    def click(self, image_id: str, place: int, before: Callable[[], None] = lambda: None) -> Grid:
        """Search by an image, and once that is painted click on an answer.

        Args:
            image_id: of the image.
            place: of the answer.
            before: called before the click.
        """
        with self._page(f"/?image_id={image_id}") as page:
            page.wait_for_selector(f'figure.grid-tile[data-index="{place}"] a.picture')
            page.wait_for_function(_ALL_COMPLETE)
            answer = page.get_attribute(f'figure.grid-tile[data-index="{place}"]', "data-image")
            # Pictures that were answers before would not be asked for.
            page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
            before()
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url) if "/api/thumbnails/" in request.url else None)
            grid = Grid(**page.evaluate(_CLICK, [answer, GRID]))
            return replace(grid, fetched=len(asked))

    @contextmanager
    def _page(self, path: str) -> Iterator[Page]:
        context = self._browser.new_context(base_url=self._url, viewport=SCREEN)
        context.set_default_timeout(_WITHIN_MS)
        try:
            page = context.new_page()
            page.goto(path, wait_until="load")
            yield page
        finally:
            context.close()


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window."""
    program = os.environ.get("SIMD_BROWSER") or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise SystemExit("there is no browser; scripts/browser installs one")
    with sync_playwright() as playwright:
        switches = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=switches)
        try:
            yield browser
        finally:
            browser.close()
