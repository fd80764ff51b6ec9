"""`simctl duplicates`: files that are the same picture, which of them stays, and why."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from simctl.client import Client
from simctl.duplicates import shown
from simctl.duplicates.grouped import TIERS, DuplicateGroup, DuplicateOptions, FolderOverlap, GroupPage
from simctl.errors import EXIT_NOTHING_FOUND
from simctl.output import Output, counted, json_path, printable, size
from simctl.similarity import number

_SHOWN_GROUPS, _SHOWN_MEMBERS = 50, 20
"""What a person is shown if nothing is said; programs are told everything."""

_MOST = 1000
"""Groups, members or folders in one answer."""

_LEFT_OUT = {
    "flat": "blank or nearly so",
    "tiny": "very small",
    "no_features": "without details to compare",
}
_REMEDY = (
    "so near copies of them are not found. For these install the extra `verify` where the daemon is "
    "(pip install 'simd-images[verify]') and set verify = \"pairs\""
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    scope = parser.add_argument_group("which files")
    scope.add_argument("paths", nargs="*", metavar="PATH", help="only files at or below these paths; else all")
    scope.add_argument(
        "--between", action="store_true", help="only copies below more than one PATH; without any, in several roots"
    )
    scope.add_argument(
        "--against", action="append", default=[], metavar="DIR", help="only copies of what is below DIR, which stays"
    )
    scope.add_argument("--across-folders", action="store_true", help="leave out copies in the folder of the keeper")
    scope.add_argument("--tier", action="append", default=[], choices=TIERS, help="only these; may be repeated")
    scope.add_argument("--min-similarity", type=number, metavar="S", help="a number of -1 to 1, or a percentage")
    scope.add_argument("--max-similarity", type=number, metavar="S", help="leave out what is more similar")
    scope.add_argument("--include-decided", action="store_true", help="also what was decided with simctl decide")
    stays = parser.add_argument_group("which of them stay")
    stays.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="RULES",
        help="what chooses the keeper, separated by commas: path:GLOB, labelled, companions, resolution, format, size, "
        "oldest; the first that tells two files apart decides",
    )
    stays.add_argument(
        "--reference", action="append", default=[], metavar="DIR", help="what is below DIR stays; may be repeated"
    )
    shown = parser.add_argument_group("what is shown")
    shown.add_argument("--plan", metavar="FILE", help="write what a clean-up would do, for simctl apply; .sh: a script")
    shown.add_argument("--wait", action="store_true", help="wait until all pictures were looked at for copies")
    shown.add_argument(
        "--contradictions", action="store_true", help="instead: copies that are not labelled alike, by simctl labels"
    )
    shown.add_argument("--folders", action="store_true", help="which folder is contained in which other")
    shown.add_argument("--min-share", type=number, default=0.5, metavar="S", help="with --folders: at least (50%%)")
    shown.add_argument("--limit", type=_count, metavar="N", help=f"so many groups ({_SHOWN_GROUPS}; programs get all)")
    shown.add_argument("--members", type=_count, metavar="N", help=f"so many copies of each ({_SHOWN_MEMBERS})")
    shown.add_argument("--paths-only", action="store_true", help="print the paths that would go, nothing else")
    shown.add_argument("-0", "--null", action="store_true", help="with --paths-only: end each path with NUL")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number greater than 0")
    return count


def options_of(args: argparse.Namespace) -> DuplicateOptions:
    """Which files are looked at, and which of them stay."""
    return DuplicateOptions(
        within=args.paths,
        between=args.between,
        against=args.against,
        across_folders=args.across_folders,
        reference=args.reference,
        tiers=args.tier,
        keep=[rule.strip() for rules in args.keep for rule in rules.split(",")],
        min_similarity=args.min_similarity,
        max_similarity=args.max_similarity,
        include_decided=args.include_decided,
    )


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """List them, as they come, or do what is asked for instead."""
    if args.wait:
        client.wait_for_pairs(lambda left: output.progress(f"{left:,} pictures to look at"), timeout=args.timeout)
        output.clear()
    if args.folders:
        return _folders(args, client, output)
    if args.contradictions:
        return _contradictions(args, client, output)
    listing = _Listing(args, client)
    if args.plan:
        return _plan(args, listing, output)
    _list(args, listing, output)
    return 0 if listing.told else EXIT_NOTHING_FOUND


def _list(args: argparse.Namespace, listing: _Listing, output: Output) -> None:
    if args.json:
        _one_document(listing, output)
        return
    if args.jsonl:
        for group in listing.groups():
            output.json(shown.document(group))
    elif args.paths_only:
        output.paths((path for group in listing.groups() for path in shown.going(group)), zero=args.null)
    else:
        for group in listing.groups():
            shown.show(group, output)
    _summary(listing, output.note if args.jsonl or args.paths_only else output.line, output)


def _plan(args: argparse.Namespace, listing: _Listing, output: Output) -> int:
    from simctl.duplicates import proposing

    code = proposing.propose(args.plan, listing.groups(), output, json=args.json)
    if listing.page and listing.page.pending:
        output.note(_pending(listing.page.pending))
    if listing.page and listing.page.host:
        output.note(_of_one(listing.page.host))
    return code


class _Listing:
    """The groups that are to be shown, read page by page.

    Attributes:
        told: how many groups there were up to now.
        page: the last page, None before the first one.
    """

    def __init__(self, args: argparse.Namespace, client: Client) -> None:
        self.told = 0
        self.page: GroupPage | None = None
        self._client = client
        self._options = options_of(args)
        for_people = not (args.json or args.jsonl or args.paths_only or args.plan)
        self._limit = args.limit or (_SHOWN_GROUPS if for_people else None)
        self._members = args.members or (_SHOWN_MEMBERS if for_people else None)

    def groups(self) -> Iterator[DuplicateGroup]:
        """Each as soon as it is known."""
        pages = self._client.duplicate_pages(
            self._options, page_size=min(self._limit or _MOST, _MOST), member_limit=min(self._members or _MOST, _MOST)
        )
        for page in pages:
            self.page = page
            for group in page.groups:
                if self.told == self._limit:
                    return
                whole = self._whole(group)
                if whole is not None:
                    self.told += 1
                    yield whole

    def _whole(self, group: DuplicateGroup) -> DuplicateGroup | None:
        """The group with as many members as are wanted; None if there is none any more."""
        if self._members is not None and self._members <= _MOST:
            return group
        whole = self._client.whole_group(group, self._options)
        return whole and replace(whole, members=whole.members[: self._members])


def _one_document(listing: _Listing, output: Output) -> None:
    # As text they take a tenth of the memory; nothing is written before all is there, so that an error is told alone.
    groups = ", ".join([json.dumps(shown.document(group)) for group in listing.groups()])
    page = listing.page
    assert page is not None
    about = json.dumps(
        {
            "total": page.total,
            "reclaimable_bytes": page.reclaimable_bytes,
            "left_out": page.left_out,
            "pending": page.pending,
            **({"host": page.host} if page.host else {}),
        }
    )
    output.line(f'{{"groups": [{groups}], {about[1:]}')


def _summary(listing: _Listing, say: Callable[[str], None], output: Output) -> None:
    page = listing.page
    assert page is not None
    shown = f"; {listing.told:,} of them shown, --limit N shows more" if listing.told < page.total else ""
    found = counted(page.total, "group")
    say(f"{found}, {size(page.reclaimable_bytes)} to free{shown}" if page.total else "no duplicates")
    said = [
        f"{counted(count, 'picture')} {_LEFT_OUT.get(why, why)}"
        for why, count in page.left_out.items()
        if why != "not_verified"
    ]
    if said:
        say(f"not looked at for near copies: {', '.join(said)}")
    if unverified := page.left_out.get("not_verified"):
        say(output.style(f"{counted(unverified, 'picture is', 'pictures are')} not verified, {_REMEDY}", "yellow"))
    if page.pending:
        say(_pending(page.pending))
    if page.host:
        say(_of_one(page.host))


def _pending(count: int) -> str:
    was = counted(count, "picture was", "pictures were")
    return f"{was} not looked at yet; there may be more copies, and --wait waits for them"


def _of_one(host: str) -> str:
    return f"this is about the files on {host} alone; copies on other hosts are not looked at"


def _contradictions(args: argparse.Namespace, client: Client, output: Output) -> int:
    from simctl.duplicates import contradictory

    found = client.contradictions(
        within=args.paths,
        between=args.between,
        against=args.against,
        across_folders=args.across_folders,
        tiers=args.tier,
        member_limit=min(args.members or (_SHOWN_MEMBERS if not (args.json or args.jsonl) else _MOST), _MOST),
    )
    return contradictory.show(islice(found, args.limit), output, json=args.json, jsonl=args.jsonl)


def _folders(args: argparse.Namespace, client: Client, output: Output) -> int:
    found = client.folder_overlaps(options_of(args), min_share=args.min_share, limit=args.limit or _MOST)
    if args.json:
        output.json({"folders": [_folder(overlap) for overlap in found]})
    elif args.jsonl:
        for overlap in found:
            output.json(_folder(overlap))
    elif args.paths_only:
        output.paths((overlap.folder for overlap in found), zero=args.null)
    else:
        for overlap in found:
            share = f"{overlap.shared / overlap.files:.0%}"
            output.line(
                f"{share:>4} of {counted(overlap.files, 'file')} in {output.style(printable(overlap.folder), 'bold')} "
                f"{'is' if overlap.files == 1 else 'are'} in {printable(overlap.other)} too"
            )
        output.line(output.style(counted(len(found), "pair of folders", "pairs of folders"), "dim"))
    return 0 if found else EXIT_NOTHING_FOUND


def _folder(overlap: FolderOverlap) -> dict[str, object]:
    return {
        **json_path(overlap.folder, "folder"),
        **json_path(overlap.other, "other"),
        "files": overlap.files,
        "shared": overlap.shared,
        "share": overlap.shared / overlap.files,
    }
