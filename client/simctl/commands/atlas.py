"""`simctl atlas`: the map of all images: how it is, a picture of it, a table of it."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import time
from collections.abc import Iterable, Iterator

from simctl.atlas.mapped import AtlasPlace, AtlasStatus
from simctl.client import Client
from simctl.errors import EXIT_NOTHING_FOUND, EXIT_USAGE, SimctlError
from simctl.output import Output, counted, json_path, json_text, moment, printable
from simctl.wholefile import whole_file

_PICTURES = (".png", ".webp")
_TABLES = (".csv", ".json")
_SIZES = (256, 512, 1024, 2048, 4096)
_EVERY = 1000
"""Images between two words about how far it is."""
_READING_S = 0.5


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write a picture of the whole map (.png, .webp), or where each image is on it (.csv, .json)",
    )
    parser.add_argument(
        "--size",
        type=int,
        choices=_SIZES,
        default=_SIZES[-1],
        help="the edge of the picture in pixels, at most; a picture on it has 32, so a larger one shows more "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--colour", choices=("root", "label", "tier"), default="", help="what pictures are framed by; else by nothing"
    )
    parser.add_argument("--path-prefix", metavar="DIR", help="only images with a file here; of .csv and .json")
    parser.add_argument("--lay-out", action="store_true", help="have the whole map laid out anew, in the background")
    parser.add_argument("--wait", action="store_true", help="wait until every searchable image is on it")


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Tell how it is, or write it."""
    suffix = os.path.splitext(args.out or "")[1].lower()
    if args.out and suffix not in (*_PICTURES, *_TABLES):
        output.error(f"{args.out} is none of {', '.join((*_PICTURES, *_TABLES))}: its name says what is written")
        return EXIT_USAGE
    if args.path_prefix and suffix not in _TABLES:
        output.error("--path-prefix is for --out FILE.csv and FILE.json")
        return EXIT_USAGE
    if args.lay_out:
        client.lay_out_atlas()
    if args.wait:
        _wait(client, output)
    if not args.out:
        _tell(client.atlas(args.colour), args.json, output)
        return 0
    written = _draw(args, suffix, client, output) if suffix in _PICTURES else _list(args, suffix, client, output)
    return 0 if written else EXIT_NOTHING_FOUND


def _wait(client: Client, output: Output) -> None:
    """Return when the map is whole.

    Raises:
        SimctlError: there will be none.
    """
    while not (status := client.atlas()).settled:
        if status.state == "off" or (status.state == "none" and not status.pending and not status.total):
            raise SimctlError(f"there is no map: {status.detail or 'there are no images'}")
        output.progress(", ".join(_progress(status)))
        time.sleep(_READING_S)
    output.clear()


def _tell(status: AtlasStatus, is_json: bool, output: Output) -> None:
    if is_json:
        output.json(document(status))
        return
    states = {"ready": "ready", "none": "none yet", "laying_out": "being laid out", "off": "off"}
    output.line(f"map      {output.style(states.get(status.state, status.state), 'bold')}")
    if status.state == "ready":
        output.line(f"images   {status.images:,}, {status.added:,} of them added since it was laid out")
    if status.laid_out is not None:
        output.line(f"laid out {moment(status.laid_out)}")
    if progress := _progress(status):
        output.line(f"now      {', '.join(progress)}")
    for colour in status.colours:
        name = printable(colour.name) if colour.name else "without a frame"
        output.line(f"{colour.colour or '':<8} {name}: {counted(colour.images, 'image')}")
    if status.detail:
        output.line(output.style(printable(status.detail), "yellow"))


def _progress(status: AtlasStatus) -> list[str]:
    under_way = [f"laying out, {status.done / status.total:.0%} done"] if status.total else []
    return [*under_way, f"{counted(status.pending, 'image')} to be put on it"] if status.pending else under_way


def _draw(args: argparse.Namespace, suffix: str, client: Client, output: Output) -> int:
    tile = client.atlas_tile(size=args.size, format=suffix[1:], colour=args.colour)
    images = sum(cell.images for cell in tile.cells)
    if not tile.data:
        output.error("there is nothing on the map")
        return 0
    with whole_file(args.out) as picture:
        picture.write(tile.data)
    if args.json:
        output.json({"file": json_text(args.out), "images": images, "shown": len(tile.cells), "size": tile.size})
    else:
        what = counted(images, "image")
        shown = what if images == len(tile.cells) else f"{len(tile.cells):,} of {what}, one for each cell"
        output.line(f"{printable(args.out)}: {tile.size} x {tile.size} pixels, {shown}")
    return images


def _list(args: argparse.Namespace, suffix: str, client: Client, output: Output) -> int:
    counting = _Counting(client.atlas_places(path_prefix=args.path_prefix), output)
    with whole_file(args.out) as table:
        for text in _csv(counting) if suffix == ".csv" else _json(counting):
            table.write(os.fsencode(text))
    output.clear()
    if args.json:
        output.json({"file": json_text(args.out), "images": counting.count})
    else:
        output.line(f"{printable(args.out)}: {counted(counting.count, 'image')}")
    return counting.count


class _Counting:
    """Counts the places that go by, and tells on the terminal."""

    def __init__(self, places: Iterable[AtlasPlace], output: Output) -> None:
        self._places = places
        self._output = output
        self.count = 0

    def __iter__(self) -> Iterator[AtlasPlace]:
        for place in self._places:
            self.count += 1
            if self.count % _EVERY == 0:
                self._output.progress(counted(self.count, "image"))
            yield place


def _csv(places: Iterable[AtlasPlace]) -> Iterator[str]:
    yield "path,image_id,x,y,labels\n"
    for place in places:
        text = io.StringIO()
        row = (place.path, place.image_id, f"{place.x:.9g}", f"{place.y:.9g}", ";".join(place.labels))
        # A return alone is not quoted by itself.
        write = csv.writer(
            text, lineterminator="\n", quoting=csv.QUOTE_ALL if "\r" in place.path else csv.QUOTE_MINIMAL
        )
        write.writerow(row)
        yield text.getvalue()


def _json(places: Iterable[AtlasPlace]) -> Iterator[str]:
    """One document, written as the places come: they may be too many to be held."""
    yield '{"places": [\n'
    for number, place in enumerate(places):
        yield ("," if number else "") + json.dumps(place_document(place)) + "\n"
    yield "]}\n"


def place_document(place: AtlasPlace) -> dict[str, object]:
    """An image on the map as JSON has it."""
    about = {"image_id": place.image_id, "x": place.x, "y": place.y, "labels": list(place.labels)}
    return {**json_path(place.path), **about}


def document(status: AtlasStatus) -> dict[str, object]:
    """How the map is, as JSON has it."""
    return {
        "state": status.state,
        "detail": status.detail,
        "revision": status.revision,
        "images": status.images,
        "pending": status.pending,
        "added": status.added,
        "side": status.side,
        "levels": status.levels,
        "laid_out": status.laid_out,
        "done": status.done,
        "total": status.total,
        "colours": [{"colour": one.colour, "name": one.name, "images": one.images} for one in status.colours],
    }
