"""A split of files in which no picture is on two sides.

What is divided are components of the same picture, whole; by their labels, and all files by the shares too. It depends
on files, labels, pairs and the seed alone, and not on any order in which they came.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from simd.cancelled import Cancelled
from simd.catalogue.catalogue import Catalogue
from simd.insight.labels.division import Division, Unit, divide
from simd.insight.labels.pictures import Pictures
from simd.insight.labels.scope import outermost
from simd.types import ImageFacts, ImageId, image_id_of
from simd.vectors.ids import pack_ids, unpack_ids

_PAGE = 1000
_ALL = 0
"""The number of the label that every file carries: all files are divided by the shares as well."""
_NONE = 1
"""The number of the label of the files without one."""


@dataclass(frozen=True, slots=True)
class Request:
    """How to divide.

    Attributes:
        shares: of each side, greater than 0; they are divided by their sum.
        within: only files at or below one of these absolute paths; none means all.
        labelled_only: only files whose image is labelled.
        seed: another one divides otherwise.
        keepers_only: only one file of each picture.
    """

    shares: Mapping[str, float]
    within: Sequence[bytes] = ()
    labelled_only: bool = False
    seed: int = 0
    keepers_only: bool = False


@dataclass(frozen=True, slots=True)
class SplitFile:
    """A file, by its absolute path, its image, its labels, and the side that it is on."""

    path: bytes
    image_id: ImageId
    labels: tuple[str, ...]
    side: str


@dataclass(frozen=True, slots=True)
class Count:
    """How many files of a label a side got, and how many it should have got to the last file; the label "" counts the
    files without one."""

    label: str
    side: str
    files: int
    wanted: float


@dataclass(frozen=True, slots=True, eq=False)
class _Files:
    """Files, ordered by path: a million of them are many objects, so these are columns."""

    paths: list[bytes]
    images: list[ImageId]
    labels: list[tuple[str, ...]]
    pictures: list[ImageId]
    """The first image of each one's component."""

    def only(self, numbers: Sequence[int]) -> _Files:
        """Some of them."""
        columns = (self.paths, self.images, self.labels, self.pictures)
        return _Files(*([column[number] for number in numbers] for column in columns))  # type: ignore[arg-type]

    def by_picture(self) -> dict[ImageId, list[int]]:
        """The numbers of each picture's files."""
        found: dict[ImageId, list[int]] = defaultdict(list)
        for number, picture in enumerate(self.pictures):
            found[picture].append(number)
        return found


class Split:
    """A split that was made.

    Args:
        files: what was divided.
        sides: of each file.
        counts: how each label came to be divided.
    """

    def __init__(self, files: _Files, sides: Sequence[str], counts: Sequence[Count]) -> None:
        self._files = files
        self._sides = sides
        self.counts = counts

    def __iter__(self) -> Iterator[SplitFile]:
        """The files, ordered by path."""
        files = self._files
        return map(SplitFile, files.paths, files.images, files.labels, self._sides)


def split(catalogue: Catalogue, pictures: Pictures, request: Request, cancelled: Cancelled) -> Split:
    """Divide files.

    Raises:
        Abandoned: nobody waits any more.
    """
    files = _read(catalogue, pictures, request.within, cancelled)
    if request.labelled_only:
        files = files.only([number for number, labels in enumerate(files.labels) if labels])
    if request.keepers_only:
        files = files.only(_keepers(catalogue, files))
    members = files.by_picture()
    # Ids are hashes, and so is this order of them.
    order = sorted(members, key=lambda picture: image_id_of(b"%d:%s" % (request.seed, picture)))
    numbers = {
        label: number for number, label in enumerate(sorted({one for kind in set(files.labels) for one in kind}), 2)
    }
    units = _units(files, (members[picture] for picture in order), numbers)
    total = sum(request.shares.values())
    shares = [share / total for share in request.shares.values()]
    division = divide(units, len(numbers) + 2, shares, cancelled.check)
    names = list(request.shares)
    sides = [""] * len(files.paths)
    for picture, side in zip(order, division.sides, strict=True):
        for number in members[picture]:
            sides[number] = names[side]
    return Split(files, sides, _counts(division, {"": _NONE, **numbers}, names))


def _read(catalogue: Catalogue, pictures: Pictures, within: Sequence[bytes], cancelled: Cancelled) -> _Files:
    found: list[tuple[bytes, ImageId]] = []
    for under in outermost(within) or [b""]:
        after = None
        while page := catalogue.files(after=after, limit=_PAGE, under=under):
            cancelled.check()
            found += [(file.path, file.image_id) for file in page]
            after = page[-1].key
    found.sort()
    images = [image_id for _, image_id in found]
    ids = pack_ids(images)
    labels = pictures.packed_labels()
    # The last one is that of -1: no labels.
    kinds = [*labels.kinds, ()]
    return _Files(
        [path for path, _ in found],
        images,
        [kinds[number] for number in labels.of(ids).tolist()],
        unpack_ids(pictures.components().first_of(ids)),
    )


def _keepers(catalogue: Catalogue, files: _Files) -> list[int]:
    """One file of each picture: the largest, of those the first."""
    several = [numbers for numbers in files.by_picture().values() if len(numbers) > 1]
    facts = catalogue.facts_of({files.images[number] for numbers in several for number in numbers})
    left_out: set[int] = set()
    for numbers in several:
        left_out.update(numbers)
        left_out.remove(max(numbers, key=lambda number: (_pixels(facts.get(files.images[number])), -number)))
    return [number for number in range(len(files.paths)) if number not in left_out]


def _pixels(facts: ImageFacts | None) -> int:
    return facts.width * facts.height if facts else 0


def _units(files: _Files, pictures: Iterable[Sequence[int]], numbers: Mapping[str, int]) -> list[Unit]:
    """What stays together. Most pictures have one file, labelled like many others: these share a unit."""
    shared: dict[tuple[str, ...], Unit] = {}
    units: list[Unit] = []
    for members in pictures:
        if len(members) == 1:
            labels = files.labels[members[0]]
            units.append(shared.get(labels) or shared.setdefault(labels, _unit([labels], numbers)))
        else:
            units.append(_unit([files.labels[number] for number in members], numbers))
    return units


def _unit(labels: Sequence[tuple[str, ...]], numbers: Mapping[str, int]) -> Unit:
    weights = Counter(numbers[label] for of_file in labels for label in of_file)
    weights[_ALL] = len(labels)
    weights[_NONE] = sum(not of_file for of_file in labels)
    return Unit(len(labels), {label: weight for label, weight in weights.items() if weight})


def _counts(division: Division, numbers: Mapping[str, int], names: Sequence[str]) -> list[Count]:
    return [
        Count(label, name, division.got[number][side], division.wanted[number][side])
        for label, number in numbers.items()
        if any(division.got[number])
        for side, name in enumerate(names)
    ]
