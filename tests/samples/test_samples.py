"""The sample photographs open, are small, and each has its author and licence in the table of samples/README.md."""

import re
from pathlib import Path

import pytest
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PHOTOS = sorted((SAMPLES / "photos").iterdir())
LICENCES = (
    "https://creativecommons.org/publicdomain/zero/1.0/",
    "https://creativecommons.org/publicdomain/mark/1.0/",
    "https://creativecommons.org/licenses/by/2.0/",
    "https://creativecommons.org/licenses/by/4.0/",
)
COLUMNS = 6
MOST_BYTES = 2_000_000
LONGEST_SIDE = 640


def rows() -> list[list[str]]:
    """Return the cells of every table row that names a file."""
    lines = (SAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]


def test_there_are_at_least_twenty_photos() -> None:
    assert len(PHOTOS) >= 20


def test_all_photos_together_are_under_two_megabytes() -> None:
    assert sum(photo.stat().st_size for photo in PHOTOS) < MOST_BYTES


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda photo: photo.name)
def test_photo_decodes_and_is_small(photo: Path) -> None:
    with Image.open(photo) as image:
        image.load()
        assert image.format == "JPEG"
        assert max(image.size) <= LONGEST_SIDE


def test_photos_and_table_name_the_same_files_once() -> None:
    assert sorted(row[0].strip("`") for row in rows()) == [photo.name for photo in PHOTOS]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0].strip("`"))
def test_row_is_full_and_links_an_allowed_licence(row: list[str]) -> None:
    assert len(row) == COLUMNS
    assert all(row)
    assert re.findall(r"\]\(([^()\s]+)\)", row[4])[0] in LICENCES
