"""How one picture is laid on another: what is the same lies on itself, whatever was done to one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browser.site import Site

pytestmark = pytest.mark.timeout(120)

Point = tuple[float, float]
Change = Callable[[Point], Point]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page without a daemon: the modules are all that is needed of it."""
    site = Site()
    try:
        site.start_web()
        page = browser.new_page(base_url=site.url)
        page.goto("/static/icon.svg")
        yield page
    finally:
        site.close()


def aligned(page: Page, first: Any, second: Any, verdict: Any) -> list[Point]:
    """Where the corners of the second picture are in the first one, as parts of its width and height."""
    found: list[Point] = page.evaluate(
        """async ([first, second, verdict]) => {
            const {alignment, box, corners, mapped} = await import('/static/js/compare/align.js');
            const map = alignment(first, second, verdict);
            const {width, height} = box(first);
            return corners(box(second)).map((corner) => mapped(map, corner)).map(([x, y]) => [x / width, y / height]);
        }""",
        [first, second, verdict],
    )
    return found


def size(width: int, height: int) -> dict[str, int]:
    return {"width": width, "height": height}


CORNERS: tuple[Point, ...] = ((0, 0), (1, 0), (1, 1), (0, 1))
CHANGES: dict[str, Change] = {
    "half the pixels": lambda p: p,
    "cut": lambda p: (0.2 + 0.6 * p[0], 0.1 + 0.5 * p[1]),
    "mirrored": lambda p: (1 - p[0], p[1]),
    "turned": lambda p: (p[1], 1 - p[0]),
    "mirrored, turned and cut": lambda p: (0.1 + 0.8 * p[1], 0.2 + 0.7 * p[0]),
    "seen from aside": lambda p: (p[0] / (1 + 0.4 * p[0]), (p[1] + 0.1 * p[0]) / (1 + 0.4 * p[0])),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_region_lays_the_second_picture_where_it_belongs(page: Page, change: Change) -> None:
    region: tuple[Point, ...] = ((0.1, 0.2), (0.9, 0.1), (0.8, 0.9), (0.2, 0.7))
    verdict = {"region": {"first": [change(point) for point in region], "second": region}}
    found = aligned(page, size(4000, 3000), size(500, 400), verdict)
    for corner, at in zip(CORNERS, found, strict=True):
        assert at == pytest.approx(change(corner), abs=0.02)


@pytest.mark.parametrize(
    ("second", "verdict", "expected"),
    [
        (size(40, 30), None, CORNERS),
        (size(0, 0), None, None),
        (size(800, 600), {"mirrored": True}, ((1, 0), (0, 0), (0, 1), (1, 1))),
        # Turning the second by 90 degrees clockwise gives the first: its upper left corner is on the right there.
        (size(300, 400), {"turned": 90}, ((1, 0), (1, 1), (0, 1), (0, 0))),
        (size(400, 300), {"turned": 180}, ((1, 1), (0, 1), (0, 0), (1, 0))),
        # Another shape is not stretched: a square lies in the middle.
        (size(300, 300), None, ((0.125, 0), (0.875, 0), (0.875, 1), (0.125, 1))),
        # A region without an area says nothing.
        (size(400, 300), {"region": {"first": [[0, 0]] * 4, "second": [[0.5, 0.5]] * 4}}, CORNERS),
    ],
)
def test_without_a_region_whole_pictures_lie_on_each_other(
    page: Page, second: Any, verdict: Any, expected: tuple[Point, ...] | None
) -> None:
    found = aligned(page, size(400, 300), second, verdict)
    for at, corner in zip(found, expected or found, strict=True):
        assert at == pytest.approx(corner, abs=1e-6)


@pytest.mark.parametrize(("pane", "is_side"), [(0, True), (1, True), (0, False)])
def test_what_is_under_the_pointer_stays_there(page: Page, pane: int, is_side: bool) -> None:
    # Mirrored and turned, with half the pixels: what is at 30, -20 from a pane's middle, before and after.
    moved = page.evaluate(
        """async ([pane, isSide]) => {
            const {Lens} = await import('/static/js/compare/lens.js');
            const {inverse, mapped} = await import('/static/js/compare/align.js');
            const lens = new Lens();
            lens.align({width: 400, height: 300}, {width: 150, height: 200}, {mirrored: true, turned: 90});
            lens.through({width: 500, height: 400}, isSide);
            const under = (offset) => mapped(inverse(lens.placements()[pane].map), [250 + offset[0], 200 + offset[1]]);
            const before = under([30, -20]);
            lens.approach(3, [30, -20], pane);
            const zoomed = under([30, -20]);
            lens.drag(-40, 25, pane);
            return [before, zoomed, under([-10, 5])];
        }""",
        [pane, is_side],
    )
    before, zoomed, dragged = moved
    assert zoomed == pytest.approx(before, abs=1e-6)
    assert dragged == pytest.approx(before, abs=1e-6)
