import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from simd.v1 import search_service_pb2 as _search_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AddRequest(_message.Message):
    __slots__ = ("paths", "paths_bytes")
    PATHS_FIELD_NUMBER: _ClassVar[int]
    PATHS_BYTES_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    paths_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, paths: _Optional[_Iterable[str]] = ..., paths_bytes: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AddResponse(_message.Message):
    __slots__ = ("added", "unchanged", "rejected", "queued")
    ADDED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    added: int
    unchanged: int
    rejected: _containers.RepeatedCompositeFieldContainer[RejectedFile]
    queued: int
    def __init__(self, added: _Optional[int] = ..., unchanged: _Optional[int] = ..., rejected: _Optional[_Iterable[_Union[RejectedFile, _Mapping]]] = ..., queued: _Optional[int] = ...) -> None: ...

class RejectedFile(_message.Message):
    __slots__ = ("path", "path_bytes", "reason", "detail")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    path: str
    path_bytes: bytes
    reason: str
    detail: str
    def __init__(self, path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class RemoveRequest(_message.Message):
    __slots__ = ("paths", "paths_bytes", "image_ids")
    PATHS_FIELD_NUMBER: _ClassVar[int]
    PATHS_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    paths_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, paths: _Optional[_Iterable[str]] = ..., paths_bytes: _Optional[_Iterable[bytes]] = ..., image_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class RemoveResponse(_message.Message):
    __slots__ = ("files", "images", "missing", "missing_bytes")
    FILES_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    MISSING_BYTES_FIELD_NUMBER: _ClassVar[int]
    files: int
    images: int
    missing: _containers.RepeatedScalarFieldContainer[str]
    missing_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, files: _Optional[int] = ..., images: _Optional[int] = ..., missing: _Optional[_Iterable[str]] = ..., missing_bytes: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ScanRequest(_message.Message):
    __slots__ = ("paths", "paths_bytes", "retry_rejected", "confirm_deletes", "explain")
    PATHS_FIELD_NUMBER: _ClassVar[int]
    PATHS_BYTES_FIELD_NUMBER: _ClassVar[int]
    RETRY_REJECTED_FIELD_NUMBER: _ClassVar[int]
    CONFIRM_DELETES_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    paths: _containers.RepeatedScalarFieldContainer[str]
    paths_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    retry_rejected: bool
    confirm_deletes: bool
    explain: bool
    def __init__(self, paths: _Optional[_Iterable[str]] = ..., paths_bytes: _Optional[_Iterable[bytes]] = ..., retry_rejected: _Optional[bool] = ..., confirm_deletes: _Optional[bool] = ..., explain: _Optional[bool] = ...) -> None: ...

class ScanResponse(_message.Message):
    __slots__ = ("seen", "changed", "deleted", "offline", "offline_bytes", "explanations")
    SEEN_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATIONS_FIELD_NUMBER: _ClassVar[int]
    seen: int
    changed: int
    deleted: int
    offline: _containers.RepeatedScalarFieldContainer[str]
    offline_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    explanations: _containers.RepeatedCompositeFieldContainer[Explanation]
    def __init__(self, seen: _Optional[int] = ..., changed: _Optional[int] = ..., deleted: _Optional[int] = ..., offline: _Optional[_Iterable[str]] = ..., offline_bytes: _Optional[_Iterable[bytes]] = ..., explanations: _Optional[_Iterable[_Union[Explanation, _Mapping]]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("path", "path_bytes", "indexed", "reason", "detail")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    INDEXED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    path: str
    path_bytes: bytes
    indexed: bool
    reason: str
    detail: str
    def __init__(self, path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., indexed: _Optional[bool] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("ready", "detail", "images", "files", "pending", "failed", "failed_by_reason", "paused", "scanning", "images_per_s", "roots", "model", "device", "index", "version", "uptime_s", "model_switch", "eta_s", "paused_until_time", "files_decided", "problems", "thread_failures", "uptime", "time_left", "jobs", "replica")
    class FailedByReasonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class ThreadFailuresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    READY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    FAILED_BY_REASON_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    SCANNING_FIELD_NUMBER: _ClassVar[int]
    IMAGES_PER_S_FIELD_NUMBER: _ClassVar[int]
    ROOTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    MODEL_SWITCH_FIELD_NUMBER: _ClassVar[int]
    ETA_S_FIELD_NUMBER: _ClassVar[int]
    PAUSED_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    FILES_DECIDED_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    THREAD_FAILURES_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    TIME_LEFT_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    detail: str
    images: int
    files: int
    pending: int
    failed: int
    failed_by_reason: _containers.ScalarMap[str, int]
    paused: bool
    scanning: bool
    images_per_s: float
    roots: _containers.RepeatedCompositeFieldContainer[RootStatus]
    model: ModelStatus
    device: DeviceStatus
    index: IndexStatus
    version: str
    uptime_s: float
    model_switch: ModelSwitch
    eta_s: float
    paused_until_time: _timestamp_pb2.Timestamp
    files_decided: int
    problems: _containers.RepeatedScalarFieldContainer[str]
    thread_failures: _containers.ScalarMap[str, int]
    uptime: _duration_pb2.Duration
    time_left: _duration_pb2.Duration
    jobs: _containers.RepeatedCompositeFieldContainer[JobStatus]
    replica: ReplicaStatus
    def __init__(self, ready: _Optional[bool] = ..., detail: _Optional[str] = ..., images: _Optional[int] = ..., files: _Optional[int] = ..., pending: _Optional[int] = ..., failed: _Optional[int] = ..., failed_by_reason: _Optional[_Mapping[str, int]] = ..., paused: _Optional[bool] = ..., scanning: _Optional[bool] = ..., images_per_s: _Optional[float] = ..., roots: _Optional[_Iterable[_Union[RootStatus, _Mapping]]] = ..., model: _Optional[_Union[ModelStatus, _Mapping]] = ..., device: _Optional[_Union[DeviceStatus, _Mapping]] = ..., index: _Optional[_Union[IndexStatus, _Mapping]] = ..., version: _Optional[str] = ..., uptime_s: _Optional[float] = ..., model_switch: _Optional[_Union[ModelSwitch, _Mapping]] = ..., eta_s: _Optional[float] = ..., paused_until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., files_decided: _Optional[int] = ..., problems: _Optional[_Iterable[str]] = ..., thread_failures: _Optional[_Mapping[str, int]] = ..., uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., time_left: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., jobs: _Optional[_Iterable[_Union[JobStatus, _Mapping]]] = ..., replica: _Optional[_Union[ReplicaStatus, _Mapping]] = ...) -> None: ...

class ReplicaStatus(_message.Message):
    __slots__ = ("address", "host", "state", "detail", "outbox", "outbox_age", "images", "images_of_all", "searched")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_AGE_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    IMAGES_OF_ALL_FIELD_NUMBER: _ClassVar[int]
    SEARCHED_FIELD_NUMBER: _ClassVar[int]
    address: str
    host: str
    state: str
    detail: str
    outbox: int
    outbox_age: _duration_pb2.Duration
    images: int
    images_of_all: int
    searched: bool
    def __init__(self, address: _Optional[str] = ..., host: _Optional[str] = ..., state: _Optional[str] = ..., detail: _Optional[str] = ..., outbox: _Optional[int] = ..., outbox_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., images: _Optional[int] = ..., images_of_all: _Optional[int] = ..., searched: _Optional[bool] = ...) -> None: ...

class JobStatus(_message.Message):
    __slots__ = ("name", "done", "total", "unit", "start_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    done: int
    total: int
    unit: str
    start_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., unit: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WatchStatusRequest(_message.Message):
    __slots__ = ("min_interval",)
    MIN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    min_interval: _duration_pb2.Duration
    def __init__(self, min_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchStatusResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: StatusResponse
    def __init__(self, status: _Optional[_Union[StatusResponse, _Mapping]] = ...) -> None: ...

class PauseRequest(_message.Message):
    __slots__ = ("duration",)
    DURATION_FIELD_NUMBER: _ClassVar[int]
    duration: _duration_pb2.Duration
    def __init__(self, duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PauseResponse(_message.Message):
    __slots__ = ("until_time",)
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    until_time: _timestamp_pb2.Timestamp
    def __init__(self, until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ResumeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeResponse(_message.Message):
    __slots__ = ("was_paused",)
    WAS_PAUSED_FIELD_NUMBER: _ClassVar[int]
    was_paused: bool
    def __init__(self, was_paused: _Optional[bool] = ...) -> None: ...

class RootStatus(_message.Message):
    __slots__ = ("path", "path_bytes", "online", "watching", "files", "last_scan_time", "detail")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    WATCHING_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    LAST_SCAN_TIME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    path: str
    path_bytes: bytes
    online: bool
    watching: str
    files: int
    last_scan_time: _timestamp_pb2.Timestamp
    detail: str
    def __init__(self, path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., online: _Optional[bool] = ..., watching: _Optional[str] = ..., files: _Optional[int] = ..., last_scan_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., detail: _Optional[str] = ...) -> None: ...

class ModelStatus(_message.Message):
    __slots__ = ("name", "dimension", "fingerprint", "licence", "levels")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    name: str
    dimension: int
    fingerprint: str
    licence: str
    levels: _search_service_pb2.Levels
    def __init__(self, name: _Optional[str] = ..., dimension: _Optional[int] = ..., fingerprint: _Optional[str] = ..., licence: _Optional[str] = ..., levels: _Optional[_Union[_search_service_pb2.Levels, _Mapping]] = ...) -> None: ...

class ModelSwitch(_message.Message):
    __slots__ = ("from_model", "to_model", "done", "total", "unreachable", "detail")
    FROM_MODEL_FIELD_NUMBER: _ClassVar[int]
    TO_MODEL_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    from_model: str
    to_model: str
    done: int
    total: int
    unreachable: int
    detail: str
    def __init__(self, from_model: _Optional[str] = ..., to_model: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., unreachable: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...

class DeviceStatus(_message.Message):
    __slots__ = ("device", "engine", "reason")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    device: str
    engine: str
    reason: str
    def __init__(self, device: _Optional[str] = ..., engine: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class IndexStatus(_message.Message):
    __slots__ = ("kind", "vectors", "dead", "disk_bytes", "details")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    vectors: int
    dead: int
    disk_bytes: int
    details: _containers.ScalarMap[str, int]
    def __init__(self, kind: _Optional[str] = ..., vectors: _Optional[int] = ..., dead: _Optional[int] = ..., disk_bytes: _Optional[int] = ..., details: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ListErrorsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "path_prefix", "path_prefix_bytes")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_BYTES_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    path_prefix: str
    path_prefix_bytes: bytes
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., path_prefix: _Optional[str] = ..., path_prefix_bytes: _Optional[bytes] = ...) -> None: ...

class FileError(_message.Message):
    __slots__ = ("path", "path_bytes", "reason", "detail", "size", "modified_time", "failed_time")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_TIME_FIELD_NUMBER: _ClassVar[int]
    FAILED_TIME_FIELD_NUMBER: _ClassVar[int]
    path: str
    path_bytes: bytes
    reason: str
    detail: str
    size: int
    modified_time: _timestamp_pb2.Timestamp
    failed_time: _timestamp_pb2.Timestamp
    def __init__(self, path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., size: _Optional[int] = ..., modified_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failed_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListErrorsResponse(_message.Message):
    __slots__ = ("errors", "next_page_token", "total", "total_size")
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    errors: _containers.RepeatedCompositeFieldContainer[FileError]
    next_page_token: str
    total: int
    total_size: int
    def __init__(self, errors: _Optional[_Iterable[_Union[FileError, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total: _Optional[int] = ..., total_size: _Optional[int] = ...) -> None: ...

class ListFilesRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "path_prefix", "path_prefix_bytes")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_BYTES_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    path_prefix: str
    path_prefix_bytes: bytes
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., path_prefix: _Optional[str] = ..., path_prefix_bytes: _Optional[bytes] = ...) -> None: ...

class FileInfo(_message.Message):
    __slots__ = ("path", "path_bytes", "image_id", "size", "modified_time", "width", "height", "format", "animated")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_TIME_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ANIMATED_FIELD_NUMBER: _ClassVar[int]
    path: str
    path_bytes: bytes
    image_id: str
    size: int
    modified_time: _timestamp_pb2.Timestamp
    width: int
    height: int
    format: str
    animated: bool
    def __init__(self, path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., image_id: _Optional[str] = ..., size: _Optional[int] = ..., modified_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., format: _Optional[str] = ..., animated: _Optional[bool] = ...) -> None: ...

class ListFilesResponse(_message.Message):
    __slots__ = ("files", "next_page_token", "total_size")
    FILES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[FileInfo]
    next_page_token: str
    total_size: int
    def __init__(self, files: _Optional[_Iterable[_Union[FileInfo, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class GetFileRequest(_message.Message):
    __slots__ = ("path", "path_bytes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: str
    path_bytes: bytes
    def __init__(self, path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ...) -> None: ...

class GetFileResponse(_message.Message):
    __slots__ = ("file", "error")
    FILE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    file: FileInfo
    error: FileError
    def __init__(self, file: _Optional[_Union[FileInfo, _Mapping]] = ..., error: _Optional[_Union[FileError, _Mapping]] = ...) -> None: ...

class GetImageRequest(_message.Message):
    __slots__ = ("image_id",)
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    def __init__(self, image_id: _Optional[str] = ...) -> None: ...

class ImageInfo(_message.Message):
    __slots__ = ("image_id", "path", "path_bytes", "paths", "paths_bytes", "path_count", "size", "width", "height", "format", "animated")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    PATHS_BYTES_FIELD_NUMBER: _ClassVar[int]
    PATH_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    ANIMATED_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    path: str
    path_bytes: bytes
    paths: _containers.RepeatedScalarFieldContainer[str]
    paths_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    path_count: int
    size: int
    width: int
    height: int
    format: str
    animated: bool
    def __init__(self, image_id: _Optional[str] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., paths: _Optional[_Iterable[str]] = ..., paths_bytes: _Optional[_Iterable[bytes]] = ..., path_count: _Optional[int] = ..., size: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., format: _Optional[str] = ..., animated: _Optional[bool] = ...) -> None: ...

class GetImageResponse(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: ImageInfo
    def __init__(self, image: _Optional[_Union[ImageInfo, _Mapping]] = ...) -> None: ...

class CompactRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CompactResponse(_message.Message):
    __slots__ = ("before", "after")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    before: IndexStatus
    after: IndexStatus
    def __init__(self, before: _Optional[_Union[IndexStatus, _Mapping]] = ..., after: _Optional[_Union[IndexStatus, _Mapping]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("bytes_checked", "bytes_total", "done", "problems", "problem_count")
    BYTES_CHECKED_FIELD_NUMBER: _ClassVar[int]
    BYTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_COUNT_FIELD_NUMBER: _ClassVar[int]
    bytes_checked: int
    bytes_total: int
    done: bool
    problems: _containers.RepeatedScalarFieldContainer[str]
    problem_count: int
    def __init__(self, bytes_checked: _Optional[int] = ..., bytes_total: _Optional[int] = ..., done: _Optional[bool] = ..., problems: _Optional[_Iterable[str]] = ..., problem_count: _Optional[int] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("model", "total", "images")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    model: ModelStatus
    total: int
    images: _containers.RepeatedCompositeFieldContainer[ExportedImage]
    def __init__(self, model: _Optional[_Union[ModelStatus, _Mapping]] = ..., total: _Optional[int] = ..., images: _Optional[_Iterable[_Union[ExportedImage, _Mapping]]] = ...) -> None: ...

class ExportedImage(_message.Message):
    __slots__ = ("image_id", "path", "path_bytes", "paths", "paths_bytes", "path_count", "vector")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    PATHS_BYTES_FIELD_NUMBER: _ClassVar[int]
    PATH_COUNT_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    path: str
    path_bytes: bytes
    paths: _containers.RepeatedScalarFieldContainer[str]
    paths_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    path_count: int
    vector: _search_service_pb2.Vector
    def __init__(self, image_id: _Optional[str] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., paths: _Optional[_Iterable[str]] = ..., paths_bytes: _Optional[_Iterable[bytes]] = ..., path_count: _Optional[int] = ..., vector: _Optional[_Union[_search_service_pb2.Vector, _Mapping]] = ...) -> None: ...

class RebuildReplicaRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RebuildReplicaResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DropReplicaRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DropReplicaResponse(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: int
    def __init__(self, removed: _Optional[int] = ...) -> None: ...
