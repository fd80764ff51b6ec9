"""`simctl search IMAGE...`: what looks like these files."""

from __future__ import annotations

import argparse
import sys

from simctl.answers import Match, SearchResult
from simctl.client import Client
from simctl.errors import EXIT_ERROR, EXIT_NOTHING_FOUND, EXIT_PARTLY_FAILED, DaemonUnreachable, SimctlError
from simctl.output import Output, counted, json_path, json_paths, json_text, printable

_MAX_BYTES = (1 << 31) - (1 << 20)
"""A protobuf message holds less than 2 GiB."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="an image file; - reads it from stdin")
    parser.add_argument("-k", "--limit", type=_count, default=10, metavar="N", help="how many matches at most (10)")
    parser.add_argument("--min-similarity", type=float, metavar="S", help="leave out what is less similar, -1 to 1")
    parser.add_argument("--path-prefix", metavar="DIR", help="only images under this directory")
    parser.add_argument("--exact", action="store_true", help="prove that nothing nearer was missed")
    parser.add_argument("--paths-only", action="store_true", help="print the first path of each match, nothing else")
    parser.add_argument("-0", "--null", action="store_true", help="with --paths-only: end each path with NUL")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number greater than 0")
    return number


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Search with every image in turn; one that fails does not stop the others."""
    documents: list[dict[str, object]] = []
    failures: list[SimctlError] = []
    found = 0
    for name in args.images:
        try:
            result = _search(name, args, client)
        except DaemonUnreachable:
            raise
        except SimctlError as error:
            failures.append(error)
            message = _message(name, error)
            output.error(message)
            documents.append({"query": json_text(name), "error": {"code": error.code, "message": message}})
            continue
        found += len(result.matches)
        documents.append(_document(name, result))
        if args.paths_only and not args.json:
            output.paths((match.path for match in result.matches), zero=args.null)
        elif not args.json:
            _print(name if len(args.images) > 1 else "", result, output)
    if args.json:
        output.json(documents[0] if len(documents) == 1 else documents)
    return _exit_code(len(args.images), failures, found)


def _exit_code(asked: int, failures: list[SimctlError], found: int) -> int:
    if failures and len(failures) < asked:
        return EXIT_PARTLY_FAILED
    if failures:
        return failures[0].exit_code if asked == 1 else EXIT_ERROR
    return 0 if found else EXIT_NOTHING_FOUND


def _search(name: str, args: argparse.Namespace, client: Client) -> SearchResult:
    return client.search(
        image=_read(name),
        limit=args.limit,
        min_similarity=args.min_similarity,
        path_prefix=args.path_prefix,
        exact=args.exact,
    )


def _message(name: str, error: SimctlError) -> str:
    """The daemon does not know the file's name; what failed here names it already."""
    return f"{_shown(name)}: {error}" if error.code else str(error)


def _shown(name: str) -> str:
    return "stdin" if name == "-" else name


def _read(name: str) -> bytes:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with open(name, "rb") as stream:
                data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SimctlError(f"cannot read {_shown(name)}: {error.strerror}") from error
    if not data or len(data) > _MAX_BYTES:
        what = f"has more than {_MAX_BYTES:,} bytes, which no request can carry" if data else "is empty"
        raise SimctlError(f"{_shown(name)} {what}")
    return data


def _document(name: str, result: SearchResult) -> dict[str, object]:
    return {
        "query": json_text(name),
        "matches": [_match(match) for match in result.matches],
        "searched": result.searched,
        "exact": result.exact,
        "took_ms": {stage: round(ms, 3) for stage, ms in result.took_ms.items()},
    }


def _match(match: Match) -> dict[str, object]:
    document = {
        **json_path(match.path),
        **json_paths(match.paths),
        "image_id": match.image_id,
        "distance": match.distance,
        "similarity": match.similarity,
        "width": match.width,
        "height": match.height,
    }
    if match.path_count > len(match.paths):
        document["path_count"] = match.path_count
    return document


def _print(name: str, result: SearchResult, output: Output) -> None:
    if name:
        output.line(output.style(printable(name), "bold"))
    sizes = [f"{m.width}x{m.height}" if m.width else "" for m in result.matches]
    width = max(map(len, sizes), default=0)
    rank_width = len(str(len(sizes)))
    for rank, (match, pixels) in enumerate(zip(result.matches, sizes, strict=True), 1):
        start = f"{rank:>{rank_width}}  {_percent(match):>7}  {pixels:>{width}}  "
        output.line(start + output.style(printable(match.path), "bold"))
        also = [path for path in match.paths if path != match.path]
        for path in also:
            output.line(output.style(f"{'also at ':>{len(start)}}{printable(path)}", "dim"))
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


def _percent(match: Match) -> str:
    """Similarity for people: 100 % is kept for what is the same."""
    percent = match.similarity * 100
    return "100 %" if match.distance == 0 else f"{min(percent, 99.9):.1f} %"
