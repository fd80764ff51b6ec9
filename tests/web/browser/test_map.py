"""The map: it is there by itself, and what is on it is reached by pointer, by keys and by a line around it."""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.daemon import PHOTOS
from tests.web.browser import collection
from tests.web.browser.axe import complaints
from tests.web.browser.conftest import OpenPage
from tests.web.browser.site import Site

pytestmark = [pytest.mark.model, pytest.mark.timeout(180)]

PART = 0.96
"""What the whole map takes of the shorter edge of its room."""


def canvas(page: Page) -> Locator:
    """The map."""
    return page.get_by_role("application", name="Map of all pictures")


def look(page: Page, address: str = "/map") -> None:
    """Look at the map, once it is there."""
    page.goto(address)
    expect(page.locator(".map-state")).to_contain_text(re.compile(r"\d pictures?"), timeout=120_000)


def placed(page: Page) -> list[dict[str, Any]]:
    """All pictures on the map, as the page tells them."""
    everything = {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    headers = {"Origin": page.url.partition("/map")[0]}
    found: list[dict[str, Any]] = page.request.post("/api/map/selection", data=everything, headers=headers).json()[
        "places"
    ]
    return found


def pixel(page: Page, place: dict[str, Any]) -> tuple[float, float]:
    """Where a picture is in the window while the whole map is shown."""
    box = canvas(page).bounding_box()
    assert box is not None
    edge = PART * min(box["width"], box["height"])
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return middle[0] + (place["x"] - 0.5) * edge, middle[1] + (place["y"] - 0.5) * edge


def panel(page: Page, name: str | re.Pattern[str]) -> Locator:
    """A panel by its heading."""
    return page.get_by_role("region", name=name)


def name_of(place: dict[str, Any]) -> str:
    """The name of a picture's file."""
    return str(place["path"]).rpartition("/")[2]


def test_a_click_tells_of_a_picture_and_leads_on(page: Page) -> None:
    look(page)
    at = pixel(page, placed(page)[0])
    page.mouse.move(*at)
    expect(page.locator(".map-corner")).to_contain_text(" · ")
    name = (page.locator(".map-corner").text_content() or "").partition(" · ")[0]
    page.mouse.click(*at)
    told = panel(page, name)
    expect(told).to_contain_text("/root/")
    expect(page).to_have_url(re.compile("image=[0-9a-f]{32}"))
    image_id = page.url.partition("image=")[2]
    told.get_by_role("button", name="Large view").click()
    expect(page.get_by_role("dialog").get_by_role("heading", name=name)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    told.get_by_role("link", name="Search by this").click()
    expect(page).to_have_url(re.compile(rf"/\?image_id={image_id}"))
    expect(page.locator(".query .name")).to_have_text(name)
    page.go_back()
    expect(told).to_be_visible()
    page.keyboard.press("Escape")
    expect(told).to_be_hidden()
    expect(page).not_to_have_url(re.compile("image="))


def test_where_somebody_looks_and_by_what_is_in_the_address(page: Page) -> None:
    look(page)
    x, y = pixel(page, {"x": 0.5, "y": 0.5})
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    page.mouse.down()
    page.mouse.move(x - 40, y - 10, steps=4)
    page.mouse.up()
    page.get_by_role("combobox", name="Frames by").select_option("root")
    legend = page.get_by_role("region", name="Frames")
    expect(legend).to_contain_text(re.compile(r"/root\s*\d+"))
    expect(page).to_have_url(re.compile(r"x=0\.\d+&y=0\.\d+&z=[\d.]+&colour=root"))
    url = page.url
    page.reload()
    expect(legend).to_contain_text("/root")
    expect(page).to_have_url(url)
    page.get_by_role("button", name="Show all").click()
    expect(page).to_have_url(re.compile(r"/map\?colour=root$"))


def test_keys_go_from_picture_to_picture(page: Page) -> None:
    look(page)
    page.keyboard.press("ArrowRight")
    expect(canvas(page)).to_be_focused()
    spoken = page.locator(".map [aria-live=polite]")
    expect(spoken).to_contain_text("from the left")
    for key, axis, sign in (
        ("ArrowUp", "y", -1),
        ("ArrowDown", "y", 1),
        ("ArrowLeft", "x", -1),
        ("ArrowRight", "x", 1),
    ):
        before = spoken.text_content() or ""
        page.keyboard.press(key)
        expect(spoken).not_to_have_text(before)
        after = spoken.text_content() or ""
        if "There is no picture" not in after + before:
            assert sign * (_at(after, axis) - _at(before, axis)) >= 0
    page.keyboard.press("Enter")
    opened = page.locator(".map-panel h2:visible")
    expect(opened).to_be_focused()
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(canvas(page)).to_be_focused()
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile("z="))
    page.keyboard.press("0")
    expect(page).not_to_have_url(re.compile("z="))
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Select")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Enter")
    expect(panel(page, f"{len(placed(page))} pictures selected")).to_be_visible()


def test_a_line_around_pictures_selects_them(page: Page) -> None:
    look(page)
    place = placed(page)[0]
    x, y = pixel(page, place)
    page.keyboard.down("Shift")
    page.mouse.move(x - 8, y - 8)
    page.mouse.down()
    for right, down in ((8, -8), (8, 8), (-8, 8), (-8, -8)):
        page.mouse.move(x + right, y + down, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    selected = panel(page, "1 picture selected")
    expect(selected.get_by_role("button", name=f"Show {name_of(place)}")).to_be_visible()
    for button, name, said in (
        ("Save the paths", "pictures.txt", f"{place['path']}\n"),
        ("Save as CSV", "pictures.csv", f"path,image_id,x,y,labels\n{place['path']},{place['image_id']},"),
    ):
        with page.expect_download() as saved:
            selected.get_by_role("button", name=button).click()
        assert saved.value.suggested_filename == name
        assert saved.value.path().read_text().startswith(said)
    page.keyboard.press("Escape")
    expect(selected).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_on_a_small_screen_as_well(open_page: OpenPage, site: Site, scheme: str) -> None:
    page = open_page(site, viewport={"width": 320, "height": 560}, color_scheme=scheme, has_touch=True)
    look(page, "/map?colour=tier")
    expect(page.get_by_role("region", name="Frames")).to_be_visible()
    page.touchscreen.tap(*pixel(page, max(placed(page), key=lambda one: float(one["y"]))))
    expect(page.locator(".map-panel:visible").get_by_role("link", name="Search by this")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert complaints(page) == []


def test_what_comes_and_what_is_labelled_is_seen_without_a_reload(own_site: Site, open_page: OpenPage) -> None:
    for name in ("coffee.jpg", "owl.jpg", "chelsea.jpg"):
        shutil.copy2(PHOTOS / name, own_site.root)
    own_site.daemon.settings["SIMD_ATLAS"] = "auto"
    own_site.start()
    page = open_page(own_site)
    look(page, "/map?colour=label")
    expect(page.locator(".map-state")).to_contain_text("3 pictures", timeout=60_000)
    collection.scatter(own_site.root / "new", 1)
    expect(page.locator(".map-state")).to_contain_text("4 pictures", timeout=60_000)
    page.keyboard.press("l")
    page.keyboard.press("Enter")
    selected = panel(page, "4 pictures selected")
    selected.get_by_role("combobox", name="Label").fill("seen")
    page.keyboard.press("Enter")
    expect(selected).to_contain_text("4 pictures are labelled seen.")
    expect(page.get_by_role("region", name="Frames")).to_contain_text(re.compile(r"seen\s*4"))
    assert {tuple(one["labels"]) for one in placed(page)} == {("seen",)}


def _at(spoken: str, axis: str) -> int:
    """The percentage of a place that is told."""
    found = re.search(rf"(\d+) % from the {'left' if axis == 'x' else 'top'}", spoken)
    assert found is not None
    return int(found[1])
