"""Requests that nobody would send: random and mutated messages for every call that a server's reflection names.

The contract is learnt from the server, so a call that is added is fuzzed without a word here. Everything is drawn from
one seeded generator. Requests that could change what is indexed are only let through if they name what does not exist,
or lies in a scratch folder.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import DecodeError, Message
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

_NUMBERS = (0, 1, -1, 2, 10, 127, 128, 1000, 1001, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e38, 1e300, float("inf"), float("-inf"), float("nan"))
_WORDS = (
    "", "/", "//", "/..", "/.", ".", "..", "relative/path", "/etc/passwd", "/proc/self/environ", "/proc/self/fd/0",
    "/dev/zero", "/root", "/tmp", "%s%s%s%n", "'; DROP TABLE files; --", "\N{SNOWMAN}" * 50, "a\nERROR forged: line",
    "/a" * 3000, "x" * 70_000, "0" * 32, "g" * 32, "f" * 31, "MTox", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA==",
)  # fmt: skip
_BYTES = (b"", b"\0", b"\xff" * 100, b"/\xff\xfe", b"/a\0b", b"/" + b"a" * 5000)
_HARMLESS = {
    "Search",
    "BatchSearch",
    "Compare",
    "Status",
    "WatchStatus",
    "ListFiles",
    "ListErrors",
    "GetFile",
    "GetImage",
    "GetThumbnail",
}
"""What cannot change the index, whatever it is sent."""


@dataclass(frozen=True)
class Method:
    """A call of the contract."""

    name: str
    request: type[Message]

    @property
    def is_harmless(self) -> bool:
        """Whether it cannot change what is indexed."""
        return self.name.rsplit("/", 1)[1] in _HARMLESS


def contract(channel: grpc.Channel, metadata: Sequence[tuple[str, str]]) -> list[Method]:
    """Every call of every service, as the server itself describes them."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)

    def ask(**question: str) -> Any:
        request = reflection_pb2.ServerReflectionRequest(**question)
        (answer,) = stub.ServerReflectionInfo(iter([request]), metadata=metadata, timeout=30)
        return answer

    pool = descriptor_pool.DescriptorPool()
    known: set[str] = set()

    def learn(blobs: Sequence[bytes]) -> None:
        for blob in blobs:
            file = descriptor_pb2.FileDescriptorProto.FromString(blob)
            if file.name in known:
                continue
            known.add(file.name)
            for needed in file.dependency:
                learn(ask(file_by_filename=needed).file_descriptor_response.file_descriptor_proto)
            pool.Add(file)

    found = []
    for service in sorted(s.name for s in ask(list_services="").list_services_response.service):
        learn(ask(file_containing_symbol=service).file_descriptor_response.file_descriptor_proto)
        methods: Sequence[MethodDescriptor] = pool.FindServiceByName(service).methods
        found += [Method(f"/{service}/{m.name}", message_factory.GetMessageClass(m.input_type)) for m in methods]
    return found


class Fuzzer:
    """Makes requests.

    Args:
        seed: the same one makes the same requests.
        words: more texts to put into fields: paths, ids, tokens of the server.
        blobs: more bytes: images, whole and broken.
        plausible: values that make sense, by the name of a field, so that some requests go the whole way.
        scratch: the folder that requests may change.
        indexed: image ids that must stay.
    """

    def __init__(
        self,
        seed: int,
        *,
        words: Sequence[str],
        blobs: Sequence[bytes],
        plausible: Mapping[str, Sequence[object]],
        scratch: str,
        indexed: Sequence[str],
    ) -> None:
        self._random = random.Random(seed)
        self._words = (*_WORDS, *words, *(f"{scratch}/{name}" for name in ("", "a.jpg", "missing.png", "sub/b.png")))
        self._blobs = (*_BYTES, *blobs)
        self._plausible = plausible
        self._sense = 0.0
        self._fullness = 0.0
        self._scratch = os.fsencode(scratch) + b"/"
        self._indexed = set(indexed)

    def request(self, method: Method) -> bytes:
        """The bytes of a request that may be sent."""
        while True:
            self._sense = self._random.choice((0.0, 0.9, 1.0))
            self._fullness = self._random.choice((0.2, 0.4, 0.9))
            message = self._message(method.request(), 0)
            data = message.SerializeToString()
            if self._random.random() < 0.3:
                data = self._mutated(data)
            if method.is_harmless or self._may_be_sent(method, data):
                return data

    def choice(self, *choices: Any) -> Any:
        """One of them."""
        return self._random.choice(choices)

    def chance(self, probability: float) -> bool:
        """Yes, so often."""
        return self._random.random() < probability

    def _may_be_sent(self, method: Method, data: bytes) -> bool:
        try:
            message = method.request.FromString(data)
        except DecodeError:
            return True
        values = [v for field, v in message.ListFields() if field.is_repeated for v in v_list(v)]
        values += [v for field, v in message.ListFields() if not field.is_repeated]
        return all(self._is_safe(value) for value in values)

    def _is_safe(self, value: object) -> bool:
        if isinstance(value, str):
            if value.lower() in self._indexed:
                return False
            value = value.encode()
        if not isinstance(value, bytes) or not value.startswith(b"/") or b"\0" in value:
            return True
        path = os.path.abspath(value) + b"/"
        return path.startswith(self._scratch) or not os.path.lexists(path.rstrip(b"/") or b"/")

    def _message(self, message: Message, depth: int) -> Message:
        kind: Any = message.DESCRIPTOR
        oneofs = {oneof.name: self._random.choice(oneof.fields).name for oneof in kind.oneofs}
        for field in kind.fields:
            of = field.containing_oneof
            wanted = oneofs[of.name] == field.name if of else self.chance(self._fullness)
            if depth > 4 or not wanted:
                continue
            if field.is_repeated:
                self._repeated(message, field, depth)
            elif field.type == FieldDescriptor.TYPE_MESSAGE:
                self._message(getattr(message, field.name), depth + 1)
            else:
                setattr(message, field.name, self._scalar(field))
        return message

    def _repeated(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return
        values = getattr(message, field.name)
        numeric = field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE)
        for _ in range(self._random.choice((0, 5, 512, 512) if numeric else (0, 1, 2, 5))):
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                self._message(values.add(), depth + 1)
            else:
                values.append(self._scalar(field))

    def _scalar(self, field: FieldDescriptor) -> object:
        sensible = self._plausible.get(field.name.removesuffix("_bytes"))
        if sensible and self.chance(self._sense):
            value = self._random.choice(sensible)
            is_bytes = field.type == FieldDescriptor.TYPE_BYTES
            return value.encode() if is_bytes and isinstance(value, str) else value
        makers: dict[int, Callable[[], object]] = {
            FieldDescriptor.CPPTYPE_STRING: self._text_or_bytes(field),
            FieldDescriptor.CPPTYPE_BOOL: lambda: self.chance(0.5),
            FieldDescriptor.CPPTYPE_FLOAT: lambda: _fits_float(self._number(_FLOATS, self._random.uniform(-2, 2))),
            FieldDescriptor.CPPTYPE_DOUBLE: lambda: self._number(_FLOATS, self._random.uniform(-2, 2)),
            FieldDescriptor.CPPTYPE_ENUM: lambda: self._random.choice((0, 1, 2, 99)),
            FieldDescriptor.CPPTYPE_INT32: lambda: self._integer(-(2**31), 2**31),
            FieldDescriptor.CPPTYPE_INT64: lambda: self._integer(-(2**63), 2**63),
            FieldDescriptor.CPPTYPE_UINT32: lambda: self._integer(0, 2**32),
            FieldDescriptor.CPPTYPE_UINT64: lambda: self._integer(0, 2**64),
        }
        return makers[field.cpp_type]()

    def _text_or_bytes(self, field: FieldDescriptor) -> Callable[[], object]:
        if field.type == FieldDescriptor.TYPE_STRING:
            return lambda: self._random.choice(self._words)
        return lambda: self._random.choice((*self._blobs, self._mutated(self._random.choice(self._blobs))))

    def _number(self, edges: Sequence[float], otherwise: float) -> float:
        return self._random.choice(edges) if self.chance(0.2) else otherwise

    def _integer(self, low: int, high: int) -> int:
        return self._random.choice([n for n in _NUMBERS if low <= n < high])

    def _mutated(self, data: bytes) -> bytes:
        """Some bytes changed, cut out, doubled or added."""
        changed = bytearray(data)
        for _ in range(self._random.choice((1, 1, 2, 8))):
            at = self._random.randrange(len(changed) + 1)
            match self._random.randrange(4):
                case 0 if at < len(changed):
                    changed[at] = self._random.randrange(256)
                case 1:
                    del changed[at : at + self._random.choice((1, 4, 1000))]
                case 2:
                    changed[at:at] = changed[at : at + 100]
                case _:
                    changed[at:at] = self._random.randbytes(self._random.choice((1, 8)))
        return bytes(changed)


def v_list(values: Any) -> Iterator[object]:
    """The values of a repeated field or of a map."""
    return iter(values.values() if hasattr(values, "values") else values)


def _fits_float(value: float) -> float:
    """As near as float32 comes to it."""
    try:
        narrow: float = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return float("inf")
    return narrow
