"""Duplicates by keyboard: looked at, decided, accepted into a plan, downloaded, and applied as chosen."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from simctl.client import Client
from simctl.duplicates.grouped import Decision

from tests.e2e.daemon import PHOTOS
from tests.web.browser import collection
from tests.web.browser.conftest import OpenPage
from tests.web.browser.site import Site

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

NEAR = ("china", "coffee", "macaw", "owl")
"""Photographs with a smaller copy in the folder `copies`."""
EXACT = ("bison", "duck", "kitten")
"""Photographs with two more files of the same bytes."""
LATIN = b"m\xfchle.jpg"


def fill(root: Path) -> None:
    """Seven groups: four of edited pictures, three of files with the same bytes, one of these of five files."""
    for folder in ("photos", "copies", "backup"):
        (root / folder).mkdir()
    for name in NEAR:
        shutil.copy2(PHOTOS / f"{name}.jpg", root / "photos")
        with Image.open(PHOTOS / f"{name}.jpg") as image:
            image.resize((image.width // 2, image.height // 2)).save(root / "copies" / f"{name}-small.jpg")
    for name in EXACT:
        for folder in ("photos", "backup"):
            shutil.copy2(PHOTOS / f"{name}.jpg", root / folder)
    shutil.copy2(os.fsencode(PHOTOS / "duck.jpg"), os.fsencode(root / "backup") + b"/" + LATIN)


@pytest.fixture(scope="module")
def copies() -> Iterator[Site]:
    """A page over these groups; what its tests decide they take back."""
    made = Site()
    try:
        fill(made.root)
        made.start()
        made.daemon.simctl("duplicates", "--wait")
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def undecided(copies: Site) -> Iterator[None]:
    """What a test decides is taken back at its end."""
    yield
    with Client(copies.daemon.address) as client:
        client.decide([Decision("forget", one.image_ids) for one in client.decisions()])


@pytest.fixture
def page(open_page: OpenPage, copies: Site) -> Page:
    opened = open_page(copies, accept_downloads=True)
    opened.goto("/duplicates")
    expect(groups(opened)).to_have_count(7)
    return opened


def groups(page: Page) -> Locator:
    return page.locator("article.group")


def current(page: Page) -> Locator:
    return page.locator("article.group[aria-current]")


def plan(page: Page) -> Locator:
    return page.get_by_role("complementary", name="The plan")


def go_to(page: Page, name: str) -> Locator:
    """Go by the arrow keys to the group in which a file of that name stays."""
    wanted = groups(page).filter(has=page.locator(".copy.keeper .copy-name").get_by_text(name, exact=True))
    expect(wanted).to_have_count(1)
    place = "(group) => [...group.parentElement.children].indexOf(group)"
    steps = wanted.evaluate(place) - current(page).evaluate(place)
    for _ in range(abs(steps)):
        page.keyboard.press("ArrowDown" if steps > 0 else "ArrowUp")
    expect(wanted).to_have_attribute("aria-current", "true")
    return current(page)


def kept(page: Page, key: str) -> None:
    """Press a key and wait until the reader is led on to another group."""
    before = current(page).element_handle()
    page.keyboard.press(key)
    page.wait_for_function("([a, b]) => document.querySelector(b) !== a", arg=[before, "article.group[aria-current]"])


def downloaded(page: Page, to: Path) -> Any:
    with page.expect_download() as download:
        plan(page).get_by_role("button", name="Download the plan").press("Enter")
    download.value.save_as(to)
    return json.loads(to.read_text())


def test_a_plan_is_made_by_keyboard_and_applied_as_chosen(page: Page, copies: Site, tmp_path: Path) -> None:
    # Accepted as proposed.
    go_to(page, "china.jpg")
    kept(page, "a")
    expect(plan(page)).to_contain_text("Plan: 1 group")
    # Another picture stays than the rules say: the daemon keeps that decision.
    go_to(page, "coffee.jpg")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    expect(current(page).locator(".copy.keeper .copy-name")).to_have_text("coffee-small.jpg")
    expect(current(page)).to_contain_text("you said that it stays")
    kept(page, "a")
    # Another file with the same bytes stays.
    group = go_to(page, "bison.jpg")
    chosen = group.locator(".copy:not(.keeper) .path").inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    expect(group.locator(".copy.keeper .path")).to_have_text(chosen)
    kept(page, "a")
    # Not duplicates, and taken back; then skipped.
    group = go_to(page, "macaw.jpg")
    kept(page, "n")
    expect(page.locator("article[data-state=decided]")).to_contain_text("Not duplicates")
    assert len(copies.daemon.json("decide", "export")["decisions"]) == 2
    page.keyboard.press("u")
    expect(current(page)).to_contain_text("macaw.jpg")
    assert len(copies.daemon.json("decide", "export")["decisions"]) == 1
    kept(page, "s")
    expect(page.locator("article[data-state=skipped]")).to_have_count(1)
    # The rest of the same bytes in bulk.
    page.get_by_role("button", name="Accept all of these").press("Enter")
    expect(page.locator("article[data-state=accepted]")).to_have_count(5)

    # All of it outlasts a reload: what was said is not shown again, the plan is as it was.
    page.reload()
    expect(groups(page)).to_have_count(1)
    expect(current(page)).to_contain_text("owl.jpg")
    expect(plan(page)).to_contain_text("Plan: 5 groups")

    review = downloaded(page, tmp_path / "review.json")
    assert (len(review["groups"]), review["left_out"]) == (5, [])
    expect(plan(page)).to_contain_text("simctl apply review-")

    tree = tmp_path / "tree"
    shutil.copytree(copies.root, tree)
    text = (tmp_path / "review.json").read_text().replace(str(copies.root), str(tree))
    for group_of in (review := json.loads(text))["groups"]:
        for one in (group_of["keeper"], *group_of["members"]):
            one.pop("path_base64", None)
            one["path"] = one["path"].replace("m\ufffdhle", "duck again")
    os.rename(os.fsencode(tree / "backup") + b"/" + LATIN, tree / "backup" / "duck again.jpg")
    (tmp_path / "moved.json").write_text(json.dumps(review))
    done = copies.daemon.simctl("apply", str(tmp_path / "moved.json"), "--yes", "--move", str(tmp_path / "gone"))
    assert done.returncode == 0, done.stderr
    left = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    assert {"photos/china.jpg", "copies/coffee-small.jpg"} <= left
    assert not {"copies/china-small.jpg", "photos/coffee.jpg"} & left
    assert {"photos/macaw.jpg", "copies/macaw-small.jpg", "photos/owl.jpg", "copies/owl-small.jpg"} <= left
    assert f"{Path(chosen).name}/bison.jpg" in left
    for name in ("bison", "kitten", "duck"):
        assert len([path for path in left if name in path]) == 1
    assert len(left) == 9
    assert copies.daemon.simctl("undo", str(tmp_path / "moved.plan.json.undo.jsonl")).returncode == 0
    assert len([path for path in tree.rglob("*") if path.is_file()]) == 15


def test_a_name_that_is_not_utf8_survives(page: Page, copies: Site, tmp_path: Path) -> None:
    group = go_to(page, "duck.jpg")
    names = group.locator(".copy-name").all_inner_texts()
    at = names.index("m\ufffdhle.jpg")
    for _ in range(at):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    expect(group.locator(".copy.keeper .copy-name")).to_have_text("m\ufffdhle.jpg")
    kept(page, "a")
    downloaded(page, tmp_path / "review.json")
    done = copies.daemon.simctl("apply", str(tmp_path / "review.json"), "--dry-run", "--json")
    gone = [one["path"] for one in json.loads(done.stdout)["gone"]]
    assert sorted(gone) == [f"{copies.root}/backup/duck.jpg", f"{copies.root}/photos/duck.jpg"]


def test_pictures_are_compared_in_every_way(page: Page) -> None:
    go_to(page, "macaw.jpg")
    page.keyboard.press("c")
    compare = current(page).locator(".group-compare")
    expect(compare).to_be_visible()
    pictures = compare.locator("img")
    for picture in pictures.all():
        expect(picture).to_have_js_property("complete", value=True)
    expect(compare.get_by_role("button", name="Matching part")).to_be_visible()
    # One lies on the other: each corner of both on the same place, though one has half the pixels.
    page.keyboard.press("2")
    expect(compare).to_have_attribute("data-mode", "overlay")
    boxes = [picture.bounding_box() for picture in pictures.all()]
    assert boxes[0] and boxes[1]
    for key in ("x", "y", "width", "height"):
        assert abs(boxes[0][key] - boxes[1][key]) < 6
    # Zoomed together, and back.
    page.keyboard.press("+")
    zoomed = [picture.bounding_box() for picture in pictures.all()]
    assert all(
        now and before and now["width"] > before["width"] * 1.2 for now, before in zip(zoomed, boxes, strict=True)
    )
    page.keyboard.press("0")
    assert pictures.nth(0).bounding_box() == pytest.approx(boxes[0], abs=0.1)
    # The divider moves by keys.
    page.keyboard.press("3")
    divider = compare.get_by_role("slider", name="Divider between the pictures")
    divider.press("Home")
    expect(divider).to_have_attribute("aria-valuenow", "0")
    divider.press("ArrowRight")
    expect(divider).to_have_attribute("aria-valuenow", "2")
    # In turn by itself.
    page.keyboard.press("4")
    for state in ("hidden", "visible", "hidden"):
        expect(pictures.nth(0)).to_have_css("visibility", state)
    page.keyboard.press("c")
    expect(compare).to_be_hidden()


def test_nothing_blinks_by_itself_where_motion_is_not_wanted(open_page: OpenPage, copies: Site) -> None:
    page = open_page(copies, reduced_motion="reduce")
    page.goto("/duplicates?tier=near")
    expect(groups(page)).to_have_count(4)
    page.keyboard.press("4")
    pictures = current(page).locator(".group-compare img")
    expect(pictures.nth(1)).to_have_css("visibility", "hidden")
    page.keyboard.down(" ")
    expect(pictures.nth(1)).to_have_css("visibility", "visible")
    page.keyboard.up(" ")
    expect(pictures.nth(1)).to_have_css("visibility", "hidden")


def test_filters_are_in_the_address(page: Page, copies: Site) -> None:
    page.get_by_label("Kinds of copies").select_option("exact")
    expect(page).to_have_url(re.compile(r"/duplicates\?tier=exact$"))
    expect(groups(page)).to_have_count(3)
    page.get_by_label("Folder", exact=True).fill(f"{copies.root}/backup/")
    page.get_by_label("Folder", exact=True).press("Enter")
    expect(groups(page)).to_have_count(1)
    page.go_back()
    expect(groups(page)).to_have_count(3)
    expect(page.get_by_label("Folder", exact=True)).to_have_value("")


def test_what_was_accepted_and_is_gone_by_then_is_said(page: Page, copies: Site, tmp_path: Path) -> None:
    go_to(page, "china.jpg")
    kept(page, "a")
    go_to(page, "owl.jpg")
    kept(page, "a")
    said = [f"{copies.root}/photos/owl.jpg", f"{copies.root}/copies/owl-small.jpg"]
    copies.daemon.simctl("decide", "not-duplicates", *said)
    review = downloaded(page, tmp_path / "review.json")
    assert [Path(group["keeper"]["path"]).name for group in review["groups"]] == ["china.jpg"]
    expect(plan(page)).to_contain_text("1 group is not in it")
    expect(plan(page)).to_contain_text("Plan: 1 group")


def test_many_members_are_paged(own_site: Site, open_page: OpenPage) -> None:
    shutil.copy2(PHOTOS / "coffee.jpg", own_site.root / "kept.jpg")
    for number in range(60):
        shutil.copyfile(PHOTOS / "coffee.jpg", own_site.root / f"copy {number:02}.jpg")
    own_site.start()
    page = open_page(own_site)
    page.goto("/duplicates")
    expect(current(page)).to_contain_text("61 files")
    expect(current(page).locator(".copy")).to_have_count(25)
    for _ in range(25):
        page.keyboard.press("ArrowRight")
    expect(current(page)).to_contain_text("copies 25 to 48 of 60")
    page.keyboard.press("ArrowLeft")
    expect(current(page)).to_contain_text("copies 1 to 24 of 60")


def test_without_copies_the_page_says_so(own_site: Site, open_page: OpenPage) -> None:
    collection.scatter(own_site.root / "one", 1)
    own_site.start()
    page = open_page(own_site)
    page.goto("/duplicates")
    expect(page.get_by_text("No copies")).to_be_visible()
    # One more file is told, without a reload.
    [file] = (own_site.root / "one").iterdir()
    shutil.copyfile(file, own_site.root / "two.jpg")
    expect(groups(page)).to_have_count(1, timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_small_screen(open_page: OpenPage, copies: Site, scheme: str) -> None:
    page = open_page(copies, viewport={"width": 320, "height": 640}, color_scheme=scheme)
    page.goto("/duplicates")
    expect(groups(page)).to_have_count(7)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("c")
    expect(current(page).locator(".group-compare")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
