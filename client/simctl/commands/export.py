"""`simctl export`: every image's embedding and paths, for other programs.

By default a JSON document a line, in the order of the image ids: image_id, path, paths, and vector, the base64 of
float32 in little-endian order. `--json` puts the same into one document; `--npz` writes NumPy arrays.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Iterator

from simctl.client import Client
from simctl.contents import Export, ExportedImage
from simctl.output import Output, counted, json_path, json_paths

_EVERY = 500
"""Images between two words about how far it is."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--npz",
        metavar="FILE",
        help="write NumPy arrays instead: image_ids, paths (the first of each, as bytes), vectors (float32), model, "
        "fingerprint",
    )


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Copy them, as they come."""
    export = client.export()
    images = _with_progress(export, output)
    if args.npz:
        from simctl.npz import write

        count = write(args.npz, export, images)
        if args.json:
            output.json({"file": args.npz, **_about(export), "count": count})
        else:
            output.line(f"{counted(count, 'image')} in {args.npz}")
    elif args.json:
        _one_document(export, images, output)
    else:
        for image in images:
            output.json(_document(image))
    return 0


def _with_progress(export: Export, output: Output) -> Iterator[ExportedImage]:
    """The images, with how far it is on the terminal."""
    for number, image in enumerate(export.images):
        if number % _EVERY == 0:
            output.progress(f"{number:,} of {counted(export.total, 'image')}")
        yield image
    output.clear()


def _one_document(export: Export, images: Iterator[ExportedImage], output: Output) -> None:
    """Written as the images come: they may be too many to be held."""
    head = json.dumps(_about(export))
    output.line(f'{head[:-1]}, "images": [')
    for number, image in enumerate(images):
        output.line(("," if number else "") + json.dumps(_document(image)))
    output.line("]}")


def _about(export: Export) -> dict[str, object]:
    return {"model": export.model, "fingerprint": export.fingerprint, "dimension": export.dimension}


def _document(image: ExportedImage) -> dict[str, object]:
    document: dict[str, object] = {"image_id": image.image_id, **json_path(image.path), **json_paths(image.paths)}
    if image.path_count > len(image.paths):
        document["path_count"] = image.path_count
    return {**document, "vector": base64.b64encode(image.vector_bytes()).decode("ascii")}
