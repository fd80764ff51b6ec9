"""Searching on the page: what people give, what is shown of the answers, and what the address keeps of it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.daemon import PHOTOS
from tests.web.browser.conftest import OpenPage
from tests.web.browser.faults import Faults
from tests.web.browser.site import Site

pytestmark = [pytest.mark.model, pytest.mark.timeout(120)]

GIVE = """([data, name, kind]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  const event = kind === 'paste'
    ? new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true, cancelable: true})
    : new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true});
  document.getElementById('main').dispatchEvent(event);
}"""
"""What a browser does when somebody drops or pastes a file."""

FAILED = "answered 4|console error: Failed to load resource"
"""What the browser tells of an answer that is an error."""


def tiles(page: Page) -> Locator:
    """The pictures among the answers that are in the document."""
    return page.locator(".results .grid-tile")


def names(page: Page) -> list[str]:
    """The names of the answers that are in the document, in their order."""
    found = tiles(page).evaluate_all(
        """(all) => all.sort((a, b) => a.dataset.index - b.dataset.index)
                       .map((tile) => tile.querySelector('.name').textContent)"""
    )
    return [str(name) for name in found]


def image_of(page: Page, name: str) -> str:
    """The id of a picture of the collection."""
    files = page.request.get("/api/files?page_size=1000").json()["files"]
    return next(str(file["image_id"]) for file in files if file["path"].endswith(f"/{name}"))


def search_by(page: Page, name: str) -> None:
    """Look at the answers to a search by a picture of the collection."""
    page.goto(f"/?image_id={image_of(page, name)}")
    expect(tiles(page).first).to_be_visible()


def give(page: Page, file: Path, kind: str) -> None:
    """Drop or paste a file."""
    page.evaluate(GIVE, [base64.b64encode(file.read_bytes()).decode(), file.name, kind])


def test_a_click_on_a_picture_finds_its_copies(page: Page) -> None:
    page.goto("/")
    page.locator(f'.start .grid-tile[data-image="{image_of(page, "chelsea.jpg")}"] .picture').click()
    expect(page.get_by_role("heading", name="Looks the same")).to_be_visible()
    assert set(names(page)[:3]) == {"chelsea small.jpg", "chelsea cropped.jpg", "chelsea.png"}
    expect(page.locator(".query .name")).to_have_text("chelsea.jpg")
    expect(tiles(page).first).to_contain_text("%")
    expect(page.locator(".summary")).to_contain_text("like it")
    tiles(page).nth(1).locator(".picture").click()
    expect(page.locator(".query .name")).not_to_have_text("chelsea.jpg")
    page.go_back()
    expect(page.locator(".query .name")).to_have_text("chelsea.jpg")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_that_is_given_is_searched_by_and_outlasts_a_reload(page: Page, kind: str) -> None:
    page.goto("/")
    expect(page.get_by_role("button", name="Choose a picture")).to_be_visible()
    give(page, PHOTOS / "macaw.jpg", kind)
    expect(page.locator(".query .name")).to_have_text("macaw.jpg")
    expect(tiles(page).first).to_contain_text("100.0 %")
    assert "upload=" in page.url
    page.reload()
    expect(page.locator(".query .name")).to_have_text("macaw.jpg")
    expect(tiles(page).first).to_contain_text("100.0 %")
    page.go_back()
    expect(page.get_by_role("heading", name="Find pictures that look alike")).to_be_visible()


def test_a_picture_can_be_chosen(page: Page) -> None:
    page.goto("/")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Choose a picture").click()
    chosen.value.set_files(PHOTOS / "owl.jpg")
    expect(tiles(page).first).to_contain_text("100.0 %")


@pytest.mark.parametrize("view", ["Duplicates", "Status"])
def test_a_picture_is_searched_by_wherever_it_is_dropped(page: Page, view: str) -> None:
    page.goto("/")
    page.get_by_role("link", name=view, exact=True).click()
    expect(page.get_by_role("heading", name=view, exact=True)).to_be_visible()
    give(page, PHOTOS / "macaw.jpg", "drop")
    expect(page.locator(".query .name")).to_have_text("macaw.jpg")
    page.go_back()
    expect(page.get_by_role("heading", name=view, exact=True)).to_be_visible()


def test_a_picture_of_the_page_can_be_dropped_on_it(page: Page) -> None:
    search_by(page, "coffee.jpg")
    dragged = tiles(page).first
    image_id = dragged.get_attribute("data-image")
    dragged.locator(".picture").drag_to(page.locator(".query"))
    expect(page).to_have_url(re.compile(f"image_id={image_id}"))


def test_what_cannot_be_searched_by_is_said_in_a_sentence(page: Page, faults: Faults, tmp_path: Path) -> None:
    page.goto("/")
    expect(page.get_by_role("button", name="Choose a picture")).to_be_visible()
    page.evaluate(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(65 * 2 ** 20)], 'huge.jpg'));
          document.getElementById('main').dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, bubbles: true}));
        }"""
    )
    expect(page.locator("#toasts")).to_contain_text(re.compile(r"huge\.jpg has .* at most .* are taken"))
    faults.expect(FAILED)
    text = tmp_path / "notes.txt"
    text.write_text("no picture at all")
    give(page, text, "drop")
    expect(page.locator(".results").get_by_role("alert")).to_contain_text("image")
    page.get_by_role("link", name="Search by another picture").click()
    expect(page.get_by_role("button", name="Choose a picture")).to_be_visible()


def test_the_browser_keeps_the_last_twenty(page: Page) -> None:
    page.goto("/")
    given = page.evaluate(
        """async () => {
          const {Uploads} = await import('/static/js/shell/uploads.js');
          const uploads = new Uploads();
          return Array.from({length: 22}, (_, at) => uploads.add(new Blob(['picture']), `${at}.jpg`));
        }"""
    )
    page.wait_for_function(
        """async (given) => {
          const {Uploads} = await import('/static/js/shell/uploads.js');
          const found = await Promise.all(given.map((id) => new Uploads().find(id)));
          return found.map(Boolean).join() === given.map((_, at) => at >= 2).join();
        }""",
        arg=given,
    )


def test_an_upload_that_is_gone_says_so(page: Page) -> None:
    page.goto("/?upload=0123456789abcdef")
    expect(page.locator(".results").get_by_role("alert")).to_contain_text("not kept in this browser any more")


def test_an_image_that_is_not_known_says_so(page: Page, faults: Faults) -> None:
    faults.expect(FAILED)
    page.goto(f"/?image_id={'0' * 32}")
    expect(page.locator(".results").get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_the_slider_hides_what_is_less_similar_at_once(page: Page) -> None:
    search_by(page, "owl.jpg")
    before = len(names(page))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/search" in request.url else None)
    page.get_by_role("button", name="near", exact=True).click()
    expect(tiles(page)).not_to_have_count(before)
    assert all("owl" in name for name in names(page))
    expect(page).to_have_url(re.compile(r"min=0\.\d+"))
    page.reload()
    expect(tiles(page).first).to_be_visible()
    assert all("owl" in name for name in names(page))
    asked.clear()
    page.get_by_role("button", name="Show all").click()
    expect(page).not_to_have_url(re.compile("min="))
    assert len(names(page)) == before
    assert asked == []


def test_answers_are_limited_to_a_folder(page: Page, site: Site) -> None:
    search_by(page, "chelsea.jpg")
    folder = page.get_by_role("combobox", name="Folder")
    folder.fill(f"{site.root}/copies/")
    folder.press("Enter")
    expect(page).to_have_url(re.compile("prefix="))
    expect(page.get_by_role("button", name="Only the folder").filter(visible=True)).to_have_count(0)
    copies = set(names(page))
    assert "chelsea small.jpg" in copies and "china small.jpg" in copies and "coffee.jpg" not in copies
    page.go_back()
    expect(folder).to_have_value("")
    tile = tiles(page).filter(has_text="chelsea small.jpg")
    tile.hover()
    tile.get_by_role("button", name="Only the folder").click()
    expect(folder).to_have_value(f"{site.root}/copies")


def test_copies_can_be_counted_instead_of_shown(page: Page) -> None:
    search_by(page, "chelsea.jpg")
    with page.expect_response(re.compile(r"/api/search.*group=1")):
        page.get_by_label("Each picture once").check()
    expect(page).to_have_url(re.compile("group=1"))
    expect(tiles(page).filter(has_text="copies").first).to_be_visible()


def test_a_part_of_the_picture_is_searched_by(page: Page) -> None:
    search_by(page, "coffee.jpg")
    picture = page.locator(".query-frame")
    box = picture.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    with page.expect_response(re.compile(r"/api/search.*region=")) as asked:
        page.mouse.up()
    x, y, width, height = map(float, re.findall(r"region=([^&]+)", asked.value.url.replace("%2C", ","))[0].split(","))
    assert (x, y, width, height) == pytest.approx((0.2, 0.2, 0.5, 0.6), abs=0.03)
    expect(page).to_have_url(re.compile("region="))
    expect(page.locator(".region-box")).to_be_visible()
    page.reload()
    expect(page.locator(".region-box")).to_be_visible()
    page.get_by_role("button", name="Search by all of it").click()
    expect(page.locator(".region-box")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("region="))


def test_a_part_is_chosen_by_keys(page: Page) -> None:
    search_by(page, "coffee.jpg")
    page.locator(".query-frame").focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(r"region=0\.27%2C0\.25%2C0\.5%2C0\.52"))
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("region="))


def test_a_search_that_failed_is_done_again_when_the_daemon_is_back(
    own_site: Site, open_page: OpenPage, faults: Faults
) -> None:
    faults.expect("503|502|console error|request failed")
    (own_site.root / "owl.jpg").write_bytes((PHOTOS / "owl.jpg").read_bytes())
    (own_site.root / "coffee.jpg").write_bytes((PHOTOS / "coffee.jpg").read_bytes())
    page = open_page(own_site.start())
    page.goto("/")
    expect(page.locator(".start .grid-tile")).to_have_count(2)
    own_site.stop_daemon()
    page.locator(".start .grid-tile .picture").first.click()
    expect(page.locator(".results").get_by_role("alert")).to_be_visible()
    own_site.start_daemon()
    expect(tiles(page)).to_have_count(1)
    expect(page.locator(".results").get_by_role("alert")).to_have_count(0)


def test_a_long_search_tells_for_how_long_and_ends_where_another_begins(page: Page) -> None:
    search_by(page, "chelsea.jpg")
    held: list[Route] = []
    page.route(re.compile("/api/search.*group=1"), lambda route: held.append(route))
    page.get_by_label("Each picture once").check()
    expect(page.locator(".results")).to_contain_text(re.compile(r"Searching: \d+ s so far"))
    expect(tiles(page).first).to_be_visible()
    with page.expect_event("requestfailed", lambda request: "group=1" in request.url):
        page.get_by_label("Each picture once").uncheck()
    expect(page.locator(".results")).not_to_contain_text("Searching")
    assert len(held) == 1


def test_more_are_asked_for_where_there_are_more(page: Page) -> None:
    page.goto(f"/?image_id={image_of(page, 'chelsea.jpg')}&limit=5")
    expect(tiles(page)).to_have_count(4)
    with page.expect_response(re.compile("/api/search.*limit=1000")):
        page.get_by_role("button", name="Show up to 1,000").click()
    expect(tiles(page).nth(10)).to_be_visible()
    page.go_back()
    expect(tiles(page)).to_have_count(4)


def test_a_folder_is_found_by_a_part_of_its_name(page: Page, site: Site) -> None:
    search_by(page, "chelsea.jpg")
    folder = page.get_by_role("combobox", name="Folder")
    folder.fill("copi")
    folder.press("Enter")
    expect(folder).to_have_value(f"{site.root}/copies")


def test_names_are_text(page: Page) -> None:
    search_by(page, "macaw.jpg")
    expect(tiles(page).filter(has_text="<img src=x onerror=alert(1)>.jpg")).to_be_visible()
