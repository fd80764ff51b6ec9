"""`simctl search IMAGE...`: what looks like these files."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from simctl.answers import Match, SearchResult
from simctl.client import Client
from simctl.connection import Subject
from simctl.errors import EXIT_ERROR, EXIT_NOTHING_FOUND, EXIT_PARTLY_FAILED, DaemonUnreachable, SimctlError
from simctl.output import Output, counted, json_path, json_paths, json_text, percent, printable
from simctl.picture import display_name, read
from simctl.searching import Region
from simctl.similarity import similarity

_PATIENCE_S = 60.0
"""How long one search of many may take, if nothing was said."""

_ONE_BY_ONE = ("RESOURCE_EXHAUSTED", "UNIMPLEMENTED")
"""What ends a stream, and says nothing of the searches in it: one was too big for a request, or the daemon is old."""

_SAME = {"exact": "same bytes", "pixels": "same pixels", "near": "same picture, edited"}
"""What is said of a match that was found before to be the picture that is asked for."""

_LEAST_SIDE, _ROUNDING = 0.001, 1e-6
"""How narrow or low a region may be, and how far off its edges."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="an image file; - reads it from stdin")
    parser.add_argument("-k", "--limit", type=_count, default=10, metavar="N", help="how many matches at most (10)")
    parser.add_argument(
        "--min-similarity",
        type=similarity,
        metavar="S",
        help="leave out what is less similar: same, near, similar, a number of -1 to 1, or a percentage",
    )
    parser.add_argument("--path-prefix", metavar="DIR", help="only images under this directory")
    parser.add_argument("--exact", action="store_true", help="prove that nothing nearer was missed")
    parser.add_argument("--group", action="store_true", help="tell each picture once, and how many copies of it match")
    parser.add_argument(
        "--region",
        type=_region,
        metavar="X,Y,W,H",
        help="look for this part of the picture only: left and upper edge, width and height, each 0 to 1, as parts of "
        "the picture's width and height",
    )
    parser.add_argument("--paths-only", action="store_true", help="print the first path of each match, nothing else")
    parser.add_argument("-0", "--null", action="store_true", help="with --paths-only: end each path with NUL")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number greater than 0")
    return number


def _region(text: str) -> Region:
    try:
        x, y, width, height = (float(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not four numbers such as 0.25,0,0.5,1") from None
    if not all(map(math.isfinite, (x, y, width, height))) or min(x, y) < 0 or min(width, height) < _LEAST_SIDE:
        raise argparse.ArgumentTypeError(
            f"{text} is no part of a picture: X and Y are 0 at least, W and H are {_LEAST_SIDE} at least"
        )
    if max(x + width, y + height) > 1 + _ROUNDING:
        raise argparse.ArgumentTypeError(f"{text} reaches beyond the picture: X + W <= 1 and Y + H <= 1")
    return x, y, width, height


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Search with every image; one that fails does not stop the others."""
    documents: list[dict[str, object]] = []
    failures: list[SimctlError] = []
    found = 0
    elsewhere: Counter[str] = Counter()
    fallbacks: dict[str, None] = {}
    for name, result in _results(args, client):
        if isinstance(result, SimctlError):
            failures.append(result)
            output.error(_message(name, result))
        else:
            found += len(result.matches)
            elsewhere.update(match.host for match in result.matches if not result.is_here(match))
            fallbacks |= {result.fallback: None} if result.fallback else {}
        if args.json:
            documents.append(document(name, result))
        elif args.jsonl:
            output.json(document(name, result))
            output.flush()
        elif isinstance(result, SimctlError):
            continue
        elif args.paths_only:
            output.paths((match.path for match in result.matches if result.is_here(match)), zero=args.null)
        else:
            _print(name if len(args.images) > 1 else "", result, output)
    if args.json:
        output.json(documents[0] if len(documents) == 1 else documents)
    if args.paths_only and elsewhere:
        are = counted(elsewhere.total(), "match on another host is", "matches on other hosts are")
        output.note(f"{are} left out: {', '.join(sorted(elsewhere))}")
    for fallback in fallbacks:
        output.note(f"only the daemon's own images were searched: {fallback}")
    return _exit_code(len(args.images), failures, found)


def _exit_code(asked: int, failures: list[SimctlError], found: int) -> int:
    if failures and len(failures) < asked:
        return EXIT_PARTLY_FAILED
    if failures:
        return failures[0].exit_code if asked == 1 else EXIT_ERROR
    return 0 if found else EXIT_NOTHING_FOUND


def _results(args: argparse.Namespace, client: Client) -> Iterator[tuple[str, SearchResult | SimctlError]]:
    """What became of each image, in their order."""
    names: list[str] = args.images
    if len(names) == 1:
        yield names[0], _alone(names[0], args, client)
        return
    done: dict[int, SearchResult | SimctlError] = {}
    following, ended = 0, None
    try:
        for at, outcome in _together(args, client):
            done[at] = outcome
            while following in done:
                yield names[following], done.pop(following)
                following += 1
    except DaemonUnreachable:
        raise
    except SimctlError as error:
        ended = error
    for at in range(following, len(names)):
        if at not in done:
            done[at] = ended if ended and ended.code not in _ONE_BY_ONE else _alone(names[at], args, client)
        yield names[at], done[at]


def _together(args: argparse.Namespace, client: Client) -> Iterator[tuple[int, SearchResult | SimctlError]]:
    """What became of the images, by their places, in one stream."""
    sent: list[int] = []
    unreadable: dict[int, SimctlError] = {}

    def subjects() -> Iterator[Subject]:
        for at, name in enumerate(args.images):
            try:
                data = read(name)
            except SimctlError as error:
                unreadable[at] = error
                continue
            sent.append(at)
            yield Subject(image=data)

    timeout = args.timeout or _PATIENCE_S * len(args.images)
    for answer in client.batch_search(subjects(), timeout=timeout, **_how(args)):
        yield sent[answer.number], answer.outcome
    yield from unreadable.items()


def _alone(name: str, args: argparse.Namespace, client: Client) -> SearchResult | SimctlError:
    try:
        return client.search(image=read(name), **_how(args))
    except DaemonUnreachable:
        raise
    except SimctlError as error:
        return error


def _how(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "limit": args.limit,
        "min_similarity": args.min_similarity,
        "path_prefix": args.path_prefix,
        "exact": args.exact,
        "group": args.group,
        "region": args.region,
    }


def _message(name: str, error: SimctlError) -> str:
    """The daemon does not know the file's name; what failed here names it already."""
    return f"{display_name(name)}: {error}" if error.code else str(error)


def document(name: str, result: SearchResult | SimctlError) -> dict[str, object]:
    """What became of a search as JSON has it."""
    if isinstance(result, SimctlError):
        return {"query": json_text(name), "error": {**result.document(), "message": _message(name, result)}}
    return {
        "query": json_text(name),
        "matches": [_match(match) for match in result.matches],
        "searched": result.searched,
        "exact": result.exact,
        "took_ms": {stage: round(ms, 3) for stage, ms in result.took_ms.items()},
        **({"host": result.host} if result.host else {}),
        **({"fallback": result.fallback} if result.fallback else {}),
    }


def _match(match: Match) -> dict[str, object]:
    document: dict[str, object] = {
        **json_path(match.path),
        **json_paths(match.paths),
        "image_id": match.image_id,
        "distance": match.distance,
        "similarity": match.similarity,
        "level": match.level,
        "tier": match.tier,
        "width": match.width,
        "height": match.height,
        "copies": match.copies,
    }
    if match.path_count > len(match.paths):
        document["path_count"] = match.path_count
    if match.host:
        document["host"] = match.host
    if match.verdict:
        document |= {"verified": match.verdict.same, "verdict": match.verdict.document()}
    return document


def _print(name: str, result: SearchResult, output: Output) -> None:
    if name:
        output.line(output.style(printable(name), "bold"))
    sizes = [f"{m.width}x{m.height}" if m.width else "" for m in result.matches]
    width = max(map(len, sizes), default=0)
    rank_width = len(str(len(sizes)))
    word_width = max((len(match.level) + 2 for match in result.matches if match.level), default=0)
    for rank, (match, pixels) in enumerate(zip(result.matches, sizes, strict=True), 1):
        alike = f"{percent(match.distance, match.similarity):>7}  {match.level or '':<{word_width}}"
        start = f"{rank:>{rank_width}}  {alike}{pixels:>{width}}  "
        host = "" if result.is_here(match) else f"{match.host}:"
        mark = f"  {_SAME[match.tier]}" if match.tier in _SAME else ""
        mark += "  verified" if match.verdict and match.verdict.same and not mark else ""
        mark += f"  +{counted(match.copies, 'copy', 'copies')}" if match.copies else ""
        output.line(start + output.style(printable(host + match.path), "bold") + mark)
        also = [path for path in match.paths if path != match.path]
        for path in also:
            output.line(output.style(f"{'also at ':>{len(start)}}{printable(host + path)}", "dim"))
        more = match.path_count - 1 - len(also)
        if more > 0:
            output.line(output.style(f"{'':{len(start)}}and {counted(more, 'more place')}", "dim"))
    took = result.took_ms
    stages = ", ".join(f"{stage} {took[stage]:.1f}" for stage in ("decode", "featurize", "search") if took[stage])
    what = counted(len(result.matches), "match", "matches") if result.matches else "nothing similar"
    among = f"{what} among {counted(result.searched, 'image')}{', exact' if result.exact else ''}"
    output.line(output.style(f"{among}, {took['total']:.1f} ms ({stages})", "dim"))
    if name:
        output.line()
