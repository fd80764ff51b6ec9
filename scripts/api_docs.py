"""Writes docs/api.md from the comments in the protos.

Reads a `FileDescriptorSet` with source info from stdin, as `protoc --include_source_info --descriptor_set_out` makes
it, and prints Markdown: what every file says, each service with its calls, then each message with its fields.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

Place = tuple[int, ...]
"""Where something is in a file: field numbers of descriptor.proto and positions, in turn."""

_SYNTAX: Place = (12,)
_MESSAGE, _SERVICE, _FIELD, _NESTED, _METHOD = 4, 6, 2, 3, 2

_HEAD = """\
# API

What the daemon answers over gRPC, package `simd.v1`. This page is made from the comments in [protos](../protos/simd/v1)
by `scripts/api-docs`; health (`grpc.health.v1`) and reflection are served as well. What a failed call carries is in
[errors.md](errors.md).

Health: all services are NOT_SERVING until the daemon has started. Once damage is known in what searches need,
`simd.v1.SearchService` and the server as a whole (the empty name) are NOT_SERVING; `simd.v1.IndexService`
and `simd.v1.InsightService` go on, and Status says what is damaged and what helps. Who watches is told within a second.
"""


def main() -> None:
    """Print the page."""
    files = FileDescriptorSet.FromString(sys.stdin.buffer.read())
    # What others build on comes first.
    ours = sorted(
        (file for file in files.file if file.package.startswith("simd.")),
        key=lambda file: any(name.startswith("simd/") for name in file.dependency),
    )
    lines = [_HEAD]
    for file in ours:
        lines += _file(file)
    print("\n".join(lines).rstrip())


def _file(file: FileDescriptorProto) -> Iterator[str]:
    comments = {tuple(at.path): _text(at.leading_comments) for at in file.source_code_info.location}
    detached = {
        tuple(at.path): [_text(one) for one in at.leading_detached_comments] for at in file.source_code_info.location
    }
    for text in (
        *detached.get(_SYNTAX, ()),
        *detached.get((2,), ()),
        comments.get(_SYNTAX, ""),
        comments.get((2,), ""),
    ):
        if text:
            yield f"{text}\n"
    for at, service in enumerate(file.service):
        yield from _service(service, (_SERVICE, at), comments)
    yield f"## Messages of {file.service[0].name}\n" if file.service else "## Messages\n"
    for at, message in enumerate(file.message_type):
        yield from _message(message, (_MESSAGE, at), comments)


def _service(service: ServiceDescriptorProto, place: Place, comments: Mapping[Place, str]) -> Iterator[str]:
    yield f"## {service.name}\n"
    yield f"{comments.get(place, '')}\n"
    for at, method in enumerate(service.method):
        yield f"### {service.name}.{method.name}\n"
        yield f"{_signature(method)}\n"
        yield f"{comments.get((*place, _METHOD, at), '')}\n"


def _signature(method: MethodDescriptorProto) -> str:
    given = ("stream of " if method.client_streaming else "") + _linked(method.input_type)
    got = ("stream of " if method.server_streaming else "") + _linked(method.output_type)
    return f"{given} → {got}"


def _message(message: DescriptorProto, place: Place, comments: Mapping[Place, str]) -> Iterator[str]:
    yield f"### {message.name}\n"
    yield f"{comments.get(place, '')}\n"
    if message.field:
        yield "| field | type | meaning |\n|---|---|---|"
        for at, field in enumerate(message.field):
            meaning = comments.get((*place, _FIELD, at), "").replace("\n", " ").replace("|", "\\|")
            yield f"| `{field.name}` = {field.number} | {_type(field, message)} | {meaning} |"
        yield ""


def _type(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    for nested in message.nested_type:
        if nested.options.map_entry and field.type_name.endswith(f".{message.name}.{nested.name}"):
            key, value = nested.field
            return f"map of {_plain(key)} to {_plain(value)}"
    repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
    if repeated:
        return f"repeated {_plain(field)}"
    if field.proto3_optional:
        return f"optional {_plain(field)}"
    if field.HasField("oneof_index"):
        return f"{_plain(field)}, one of `{message.oneof_decl[field.oneof_index].name}`"
    return _plain(field)


def _plain(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return _linked(field.type_name)
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _linked(name: str) -> str:
    """A message's name, with a link where this page has it."""
    short = name.removeprefix(".simd.v1.")
    return f"[{short}](#{short.lower()})" if short != name else f"`{name.removeprefix('.')}`"


def _text(comment: str) -> str:
    """A comment as Markdown: lines of a paragraph are joined, a status is set as code."""
    paragraphs = re.split(r"\n\s*\n", comment.strip())
    text = "\n\n".join(" ".join(line.strip() for line in paragraph.splitlines()) for paragraph in paragraphs)
    return re.sub(r"\b([A-Z][A-Z_]{6,})\b", r"`\1`", text)


if __name__ == "__main__":
    main()
