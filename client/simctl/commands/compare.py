"""`simctl compare A B`: what two pictures are to each other, and how much they are alike."""

from __future__ import annotations

import argparse

from simctl.answers import Comparison, Levels, Verdict
from simctl.client import Client
from simctl.connection import Subject
from simctl.errors import EXIT_NOTHING_FOUND, SimctlError
from simctl.output import Output, json_text, percent
from simctl.picture import display_name, read
from simctl.similarity import similarity

TIERS = ("exact", "pixels", "near", "similar", "different")
"""What two pictures are to each other, the strongest first."""
_TIER_WORDS = {
    "exact": "the same bytes",
    "pixels": "the same pixels in another file",
    "near": "one picture, edited",
    "similar": "looks alike, and no more is known",
    "different": "different pictures",
}
_LOOKS = {
    "same": "looks like the same picture",
    "near": "looks nearly like the same picture",
    "similar": "looks similar",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("first", metavar="A", help="an image file; - reads it from stdin")
    parser.add_argument("second", metavar="B", help="another one")
    parser.add_argument(
        "--min-similarity",
        type=similarity,
        metavar="S",
        help="end with 4 if they are less similar than this: same, near, similar, a number of -1 to 1, or a percentage",
    )
    parser.add_argument(
        "--at-least",
        choices=TIERS[:-1],
        metavar="TIER",
        help="end with 4 if they are less to each other than this: exact (the same bytes), pixels (the same pixels in "
        "another container or with other metadata), near (one picture, edited), similar",
    )


def run(args: argparse.Namespace, client: Client, output: Output) -> int:
    """Compare, and say it by the exit code as well."""
    if args.first == args.second == "-":
        raise SimctlError("stdin holds one picture only; name the other one's file", exit_code=2)
    try:
        found = client.compare(Subject(image=read(args.first)), Subject(image=read(args.second)))
    except SimctlError as error:
        side, _, _ = error.field.partition(".")
        if side not in ("first", "second"):
            raise
        name = display_name(getattr(args, side))
        raise SimctlError(
            f"{name}: {error}", code=error.code, reason=error.reason, field=error.field, exit_code=error.exit_code
        ) from error
    least = _least(args.min_similarity, found.levels)
    is_enough = args.at_least is None or _reaches(found, args.at_least)
    if args.json:
        output.json(document(args.first, args.second, found))
    else:
        if found.tier in _TIER_WORDS:
            output.line(output.style(_summary(found), "bold"))
        same = ", the same bytes" if found.same else ""
        word = f"; {found.level}: {_LOOKS[found.level]}" if found.level in _LOOKS else ""
        output.line(f"{percent(found.distance, found.similarity)} similar, distance {found.distance:.4f}{same}{word}")
        if found.verdict:
            output.line(f"verified: {_judged(found.verdict)}")
    is_enough = is_enough and (least is None or found.similarity >= least)
    return 0 if is_enough else EXIT_NOTHING_FOUND


def document(first: str, second: str, found: Comparison) -> dict[str, object]:
    """A comparison as JSON has it; the pictures by their names."""
    return {
        "first": json_text(first),
        "second": json_text(second),
        "distance": found.distance,
        "similarity": found.similarity,
        "level": found.level,
        "same": found.same,
        "tier": found.tier,
        **({"verdict": found.verdict.document()} if found.verdict else {}),
    }


def _reaches(found: Comparison, wanted: str) -> bool:
    """Whether they are to each other what is asked for, or more."""
    if found.tier in TIERS:
        return TIERS.index(found.tier) <= TIERS.index(wanted)
    if found.levels is None and wanted != "similar":
        return False
    raise SimctlError(
        f"the daemon does not tell whether they are {wanted}: its model is not calibrated, or it is older than this "
        "command; give --min-similarity a number, -1 to 1"
    )


def _summary(found: Comparison) -> str:
    """What they are to each other, for a person."""
    assert found.tier is not None
    how = _how(found.verdict) if found.verdict and found.tier == "near" else []
    edits = f" ({', '.join(how)})" if how else ""
    return f"{found.tier}: {_TIER_WORDS[found.tier]}{edits}, similarity {percent(found.distance, found.similarity)}"


def _least(wanted: float | str | None, levels: Levels | None) -> float | None:
    """The least similarity that is asked for."""
    if not isinstance(wanted, str):
        return wanted
    if levels is None:
        raise SimctlError(
            f"the daemon's model is not calibrated, so {wanted} stands for no similarity; "
            "give --min-similarity a number, -1 to 1"
        )
    return float(getattr(levels, wanted))


def _judged(verdict: Verdict) -> str:
    """The verdict for a person."""
    if not verdict.same:
        return "not one picture"
    return ", ".join(["one picture", *_how(verdict), f"{verdict.share:.0%} of what was compared agrees"])


def _how(verdict: Verdict) -> list[str]:
    """What was done to one of them, for a person."""
    how = ["mirrored"] if verdict.mirrored else []
    return how + ([f"turned by {verdict.turned} degrees"] if verdict.turned else [])
