from google.protobuf import any_pb2 as _any_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Vector(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("image", "path", "path_bytes", "image_id", "vector", "limit", "min_similarity", "path_prefix", "path_prefix_bytes", "exact", "min_level", "group", "region")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MIN_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    MIN_LEVEL_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    path: str
    path_bytes: bytes
    image_id: str
    vector: Vector
    limit: int
    min_similarity: float
    path_prefix: str
    path_prefix_bytes: bytes
    exact: bool
    min_level: str
    group: bool
    region: Box
    def __init__(self, image: _Optional[bytes] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., image_id: _Optional[str] = ..., vector: _Optional[_Union[Vector, _Mapping]] = ..., limit: _Optional[int] = ..., min_similarity: _Optional[float] = ..., path_prefix: _Optional[str] = ..., path_prefix_bytes: _Optional[bytes] = ..., exact: _Optional[bool] = ..., min_level: _Optional[str] = ..., group: _Optional[bool] = ..., region: _Optional[_Union[Box, _Mapping]] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    width: float
    height: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ..., width: _Optional[float] = ..., height: _Optional[float] = ...) -> None: ...

class Levels(_message.Message):
    __slots__ = ("same", "near", "similar")
    SAME_FIELD_NUMBER: _ClassVar[int]
    NEAR_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_FIELD_NUMBER: _ClassVar[int]
    same: float
    near: float
    similar: float
    def __init__(self, same: _Optional[float] = ..., near: _Optional[float] = ..., similar: _Optional[float] = ...) -> None: ...

class Match(_message.Message):
    __slots__ = ("image_id", "path", "paths", "distance", "similarity", "width", "height", "path_bytes", "paths_bytes", "path_count", "verdict", "level", "copies", "tier", "host")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    PATHS_BYTES_FIELD_NUMBER: _ClassVar[int]
    PATH_COUNT_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    COPIES_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    path: str
    paths: _containers.RepeatedScalarFieldContainer[str]
    distance: float
    similarity: float
    width: int
    height: int
    path_bytes: bytes
    paths_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    path_count: int
    verdict: Verdict
    level: str
    copies: int
    tier: str
    host: str
    def __init__(self, image_id: _Optional[str] = ..., path: _Optional[str] = ..., paths: _Optional[_Iterable[str]] = ..., distance: _Optional[float] = ..., similarity: _Optional[float] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., path_bytes: _Optional[bytes] = ..., paths_bytes: _Optional[_Iterable[bytes]] = ..., path_count: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., level: _Optional[str] = ..., copies: _Optional[int] = ..., tier: _Optional[str] = ..., host: _Optional[str] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("same", "share", "mirrored", "turned", "region")
    SAME_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    MIRRORED_FIELD_NUMBER: _ClassVar[int]
    TURNED_FIELD_NUMBER: _ClassVar[int]
    REGION_FIELD_NUMBER: _ClassVar[int]
    same: bool
    share: float
    mirrored: bool
    turned: int
    region: Region
    def __init__(self, same: _Optional[bool] = ..., share: _Optional[float] = ..., mirrored: _Optional[bool] = ..., turned: _Optional[int] = ..., region: _Optional[_Union[Region, _Mapping]] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("first", "second")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    first: _containers.RepeatedCompositeFieldContainer[Point]
    second: _containers.RepeatedCompositeFieldContainer[Point]
    def __init__(self, first: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., second: _Optional[_Iterable[_Union[Point, _Mapping]]] = ...) -> None: ...

class Point(_message.Message):
    __slots__ = ("x", "y")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ...) -> None: ...

class Took(_message.Message):
    __slots__ = ("decode_ms", "featurize_ms", "search_ms", "total_ms")
    DECODE_MS_FIELD_NUMBER: _ClassVar[int]
    FEATURIZE_MS_FIELD_NUMBER: _ClassVar[int]
    SEARCH_MS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MS_FIELD_NUMBER: _ClassVar[int]
    decode_ms: float
    featurize_ms: float
    search_ms: float
    total_ms: float
    def __init__(self, decode_ms: _Optional[float] = ..., featurize_ms: _Optional[float] = ..., search_ms: _Optional[float] = ..., total_ms: _Optional[float] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("matches", "searched", "exact", "took", "host", "fallback")
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    SEARCHED_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    TOOK_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    matches: _containers.RepeatedCompositeFieldContainer[Match]
    searched: int
    exact: bool
    took: Took
    host: str
    fallback: str
    def __init__(self, matches: _Optional[_Iterable[_Union[Match, _Mapping]]] = ..., searched: _Optional[int] = ..., exact: _Optional[bool] = ..., took: _Optional[_Union[Took, _Mapping]] = ..., host: _Optional[str] = ..., fallback: _Optional[str] = ...) -> None: ...

class BatchSearchRequest(_message.Message):
    __slots__ = ("tag", "search")
    TAG_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    tag: int
    search: SearchRequest
    def __init__(self, tag: _Optional[int] = ..., search: _Optional[_Union[SearchRequest, _Mapping]] = ...) -> None: ...

class BatchSearchResponse(_message.Message):
    __slots__ = ("tag", "found", "failure")
    TAG_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    tag: int
    found: SearchResponse
    failure: Failure
    def __init__(self, tag: _Optional[int] = ..., found: _Optional[_Union[SearchResponse, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "message", "details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    details: _containers.RepeatedCompositeFieldContainer[_any_pb2.Any]
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[_any_pb2.Any, _Mapping]]] = ...) -> None: ...

class Subject(_message.Message):
    __slots__ = ("image", "path", "path_bytes", "image_id", "vector")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    path: str
    path_bytes: bytes
    image_id: str
    vector: Vector
    def __init__(self, image: _Optional[bytes] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., image_id: _Optional[str] = ..., vector: _Optional[_Union[Vector, _Mapping]] = ...) -> None: ...

class CompareRequest(_message.Message):
    __slots__ = ("first", "second")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    first: Subject
    second: Subject
    def __init__(self, first: _Optional[_Union[Subject, _Mapping]] = ..., second: _Optional[_Union[Subject, _Mapping]] = ...) -> None: ...

class CompareResponse(_message.Message):
    __slots__ = ("distance", "similarity", "same", "verdict", "level", "levels", "tier")
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    SAME_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    distance: float
    similarity: float
    same: bool
    verdict: Verdict
    level: str
    levels: Levels
    tier: str
    def __init__(self, distance: _Optional[float] = ..., similarity: _Optional[float] = ..., same: _Optional[bool] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., level: _Optional[str] = ..., levels: _Optional[_Union[Levels, _Mapping]] = ..., tier: _Optional[str] = ...) -> None: ...
