"""Make page-search.jpg, page-duplicates.jpg, page-next.jpg, page-map.jpg and page-status.jpg in docs/images.

They have 1280 by 800 pixels, and 120 kB at most.

    scripts/screenshots [NAME...]

With names, such as `status`, only those. `scripts/screenshots` starts this with the browser in SIMD_BROWSER.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Page, expect, sync_playwright

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE), str(HERE / "client")]

from simctl.client import Client  # noqa: E402
from simctl.labels.labelled import LabelRow  # noqa: E402

from tests.web.browser import collection  # noqa: E402
from tests.web.browser.site import Site  # noqa: E402
from tests.web.browser.waiting import until  # noqa: E402

IMAGES = HERE / "docs" / "images"
MOST_BYTES = 120_000
NEW = 1500
"""Pictures that are being indexed on the picture of the status."""
WALKS = 400
"""More pictures on the picture of the map."""

LABELS = {
    "chelsea.jpg": "cat", "jaguars.jpg": "cat", "macaw.jpg": "bird", "duck.jpg": "bird", "flower.jpg": "plant",
    "mountains.jpg": "landscape", "china.jpg": "building", "brick.jpg": "texture", "horses.jpg": "horse",
}  # fmt: skip
"""On the picture of what to label next, by the names of photographs."""

_TILES = "performance.getEntriesByType('resource').filter(({name}) => name.includes('/tiles/')).length"
_LOADED = """[...document.images]
  .filter((image) => image.getBoundingClientRect().top < innerHeight)
  .every((image) => image.complete && image.naturalWidth > 0)"""


def search(page: Page, site: Site) -> None:
    """What looks like a cat that has copies."""
    best = site.daemon.search(site.root / "photos" / "chelsea.jpg")["matches"][0]
    page.goto(f"/?image_id={best['image_id']}")
    expect(page.get_by_role("figure").first).to_be_visible()


def duplicates(page: Page, site: Site) -> None:
    """The groups, once all pairs are found."""
    site.daemon.until(lambda: _asked(site, "/api/duplicates")["pending"] == 0, "all pairs")
    page.goto("/duplicates")
    expect(page.locator("article img").first).to_be_visible()


def suggestions(page: Page, site: Site) -> None:
    """What to label next, once some pictures are labelled."""
    site.daemon.until(lambda: _asked(site, "/api/duplicates")["pending"] == 0, "all pairs")
    with Client(site.daemon.address) as client:
        client.import_labels(LabelRow((label,), str(site.root / "photos" / name)) for name, label in LABELS.items())
    page.goto("/next?limit=20")
    expect(page.locator(".next-nearest img").first).to_be_visible()
    page.keyboard.press("ArrowRight")


def map_(page: Page, site: Site) -> None:
    """The map, once all pictures are on it, with what is known of one."""
    collection.scatter(site.root / "walks", WALKS)

    def is_laid_out() -> bool:
        found = _asked(site, "/api/map")
        return int(str(found["images"])) > WALKS and found["pending"] == found["total"] == 0

    site.daemon.until(is_laid_out, "the map")
    best = site.daemon.search(site.root / "photos" / "coffee.jpg")["matches"][0]
    page.goto(f"/map?image={best['image_id']}")
    expect(page.locator(".map-panel img").first).to_be_visible()
    # A canvas does not tell what is drawn on it.
    page.wait_for_function(f"() => {_TILES} > 4")


def status(page: Page, site: Site) -> None:
    """Indexing, a good part of the way."""
    collection.scatter(site.root / "holidays", NEW)
    page.goto("/status")
    bar = page.get_by_role("progressbar", name="Files looked at")
    until(page, lambda: bar.evaluate("(bar) => bar.max > 1000 && bar.value / bar.max > 0.4"), "a good part", 120)


PICTURES: dict[str, Callable[[Page, Site], None]] = {
    "search": search,
    "duplicates": duplicates,
    "next": suggestions,
    "map": map_,
    "status": status,
}


def main(names: list[str]) -> None:
    """Make them."""
    site = Site()
    site.daemon.settings["SIMD_ATLAS"] = "auto"
    expect.set_options(timeout=60_000)
    switches = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["SIMD_BROWSER"], args=switches)
        try:
            site.daemon.root = site.daemon.work / "Pictures"
            site.daemon.roots = [site.root]
            collection.write(site.root)
            (site.root / "copies" / collection.HOSTILE).unlink()
            site.start()
            context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
            context.set_default_timeout(60_000)
            for name in names or PICTURES:
                page = context.new_page()
                PICTURES[name](page, site)
                until(page, lambda page=page: page.evaluate(_LOADED), "its pictures", 60)  # type: ignore[misc]
                print(_kept(page, IMAGES / f"page-{name}.jpg"))
        finally:
            browser.close()
            site.close()


def _kept(page: Page, path: Path) -> str:
    """Keep what a page shows, as good as there is room for."""
    for quality in range(90, 20, -10):
        data = page.screenshot(type="jpeg", quality=quality)
        if len(data) <= MOST_BYTES:
            path.write_bytes(data)
            return f"{path.relative_to(HERE)}: {len(data):,} bytes, quality {quality}"
    raise SystemExit(f"{path.name} has more than {MOST_BYTES:,} bytes even at a quality of {quality}")


def _asked(site: Site, path: str) -> dict[str, object]:
    with urlopen(site.url + path) as answer:
        found: dict[str, object] = json.load(answer)
        return found


if __name__ == "__main__":
    main(sys.argv[1:])
