import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DuplicateOptions(_message.Message):
    __slots__ = ("within", "within_bytes", "between", "against", "against_bytes", "across_folders", "reference", "reference_bytes", "tiers", "keep", "min_similarity", "max_similarity", "include_decided")
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    WITHIN_BYTES_FIELD_NUMBER: _ClassVar[int]
    BETWEEN_FIELD_NUMBER: _ClassVar[int]
    AGAINST_FIELD_NUMBER: _ClassVar[int]
    AGAINST_BYTES_FIELD_NUMBER: _ClassVar[int]
    ACROSS_FOLDERS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    KEEP_FIELD_NUMBER: _ClassVar[int]
    MIN_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    MAX_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_DECIDED_FIELD_NUMBER: _ClassVar[int]
    within: _containers.RepeatedScalarFieldContainer[str]
    within_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    between: bool
    against: _containers.RepeatedScalarFieldContainer[str]
    against_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    across_folders: bool
    reference: _containers.RepeatedScalarFieldContainer[str]
    reference_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    tiers: _containers.RepeatedScalarFieldContainer[str]
    keep: _containers.RepeatedScalarFieldContainer[str]
    min_similarity: float
    max_similarity: float
    include_decided: bool
    def __init__(self, within: _Optional[_Iterable[str]] = ..., within_bytes: _Optional[_Iterable[bytes]] = ..., between: _Optional[bool] = ..., against: _Optional[_Iterable[str]] = ..., against_bytes: _Optional[_Iterable[bytes]] = ..., across_folders: _Optional[bool] = ..., reference: _Optional[_Iterable[str]] = ..., reference_bytes: _Optional[_Iterable[bytes]] = ..., tiers: _Optional[_Iterable[str]] = ..., keep: _Optional[_Iterable[str]] = ..., min_similarity: _Optional[float] = ..., max_similarity: _Optional[float] = ..., include_decided: _Optional[bool] = ...) -> None: ...

class GroupMember(_message.Message):
    __slots__ = ("image_id", "path", "path_bytes", "tier", "similarity", "distance", "share", "mirrored", "turned", "width", "height", "format", "size", "modified_time", "animated", "labels", "goes", "why", "is_new", "companions", "companions_bytes")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    MIRRORED_FIELD_NUMBER: _ClassVar[int]
    TURNED_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MODIFIED_TIME_FIELD_NUMBER: _ClassVar[int]
    ANIMATED_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    GOES_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    IS_NEW_FIELD_NUMBER: _ClassVar[int]
    COMPANIONS_FIELD_NUMBER: _ClassVar[int]
    COMPANIONS_BYTES_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    path: str
    path_bytes: bytes
    tier: str
    similarity: float
    distance: float
    share: float
    mirrored: bool
    turned: int
    width: int
    height: int
    format: str
    size: int
    modified_time: _timestamp_pb2.Timestamp
    animated: bool
    labels: _containers.RepeatedScalarFieldContainer[str]
    goes: bool
    why: str
    is_new: bool
    companions: _containers.RepeatedScalarFieldContainer[str]
    companions_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, image_id: _Optional[str] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., tier: _Optional[str] = ..., similarity: _Optional[float] = ..., distance: _Optional[float] = ..., share: _Optional[float] = ..., mirrored: _Optional[bool] = ..., turned: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., format: _Optional[str] = ..., size: _Optional[int] = ..., modified_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., animated: _Optional[bool] = ..., labels: _Optional[_Iterable[str]] = ..., goes: _Optional[bool] = ..., why: _Optional[str] = ..., is_new: _Optional[bool] = ..., companions: _Optional[_Iterable[str]] = ..., companions_bytes: _Optional[_Iterable[bytes]] = ...) -> None: ...

class DuplicateGroup(_message.Message):
    __slots__ = ("group_id", "tier", "reason", "keeper", "members", "member_count", "worst_similarity", "reclaimable_bytes", "goes_count", "labels")
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    KEEPER_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    MEMBER_COUNT_FIELD_NUMBER: _ClassVar[int]
    WORST_SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    RECLAIMABLE_BYTES_FIELD_NUMBER: _ClassVar[int]
    GOES_COUNT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    group_id: str
    tier: str
    reason: str
    keeper: GroupMember
    members: _containers.RepeatedCompositeFieldContainer[GroupMember]
    member_count: int
    worst_similarity: float
    reclaimable_bytes: int
    goes_count: int
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, group_id: _Optional[str] = ..., tier: _Optional[str] = ..., reason: _Optional[str] = ..., keeper: _Optional[_Union[GroupMember, _Mapping]] = ..., members: _Optional[_Iterable[_Union[GroupMember, _Mapping]]] = ..., member_count: _Optional[int] = ..., worst_similarity: _Optional[float] = ..., reclaimable_bytes: _Optional[int] = ..., goes_count: _Optional[int] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class ListDuplicateGroupsRequest(_message.Message):
    __slots__ = ("options", "member_limit", "page_size", "page_token")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    MEMBER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    options: DuplicateOptions
    member_limit: int
    page_size: int
    page_token: str
    def __init__(self, options: _Optional[_Union[DuplicateOptions, _Mapping]] = ..., member_limit: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDuplicateGroupsResponse(_message.Message):
    __slots__ = ("groups", "next_page_token", "total_size", "left_out", "pending", "reclaimable_bytes", "host")
    class LeftOutEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    RECLAIMABLE_BYTES_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[DuplicateGroup]
    next_page_token: str
    total_size: int
    left_out: _containers.ScalarMap[str, int]
    pending: int
    reclaimable_bytes: int
    host: str
    def __init__(self, groups: _Optional[_Iterable[_Union[DuplicateGroup, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ..., left_out: _Optional[_Mapping[str, int]] = ..., pending: _Optional[int] = ..., reclaimable_bytes: _Optional[int] = ..., host: _Optional[str] = ...) -> None: ...

class GetGroupRequest(_message.Message):
    __slots__ = ("image_id", "path", "path_bytes", "options", "page_size", "page_token")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    path: str
    path_bytes: bytes
    options: DuplicateOptions
    page_size: int
    page_token: str
    def __init__(self, image_id: _Optional[str] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., options: _Optional[_Union[DuplicateOptions, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetGroupResponse(_message.Message):
    __slots__ = ("group", "next_page_token")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    group: DuplicateGroup
    next_page_token: str
    def __init__(self, group: _Optional[_Union[DuplicateGroup, _Mapping]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListFolderOverlapsRequest(_message.Message):
    __slots__ = ("options", "min_share", "limit")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    MIN_SHARE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    options: DuplicateOptions
    min_share: float
    limit: int
    def __init__(self, options: _Optional[_Union[DuplicateOptions, _Mapping]] = ..., min_share: _Optional[float] = ..., limit: _Optional[int] = ...) -> None: ...

class FolderOverlap(_message.Message):
    __slots__ = ("folder", "folder_bytes", "other", "other_bytes", "files", "shared")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    FOLDER_BYTES_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    OTHER_BYTES_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    folder: str
    folder_bytes: bytes
    other: str
    other_bytes: bytes
    files: int
    shared: int
    def __init__(self, folder: _Optional[str] = ..., folder_bytes: _Optional[bytes] = ..., other: _Optional[str] = ..., other_bytes: _Optional[bytes] = ..., files: _Optional[int] = ..., shared: _Optional[int] = ...) -> None: ...

class ListFolderOverlapsResponse(_message.Message):
    __slots__ = ("overlaps",)
    OVERLAPS_FIELD_NUMBER: _ClassVar[int]
    overlaps: _containers.RepeatedCompositeFieldContainer[FolderOverlap]
    def __init__(self, overlaps: _Optional[_Iterable[_Union[FolderOverlap, _Mapping]]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("kind", "image_ids", "paths", "paths_bytes", "decided_time")
    KIND_FIELD_NUMBER: _ClassVar[int]
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    PATHS_BYTES_FIELD_NUMBER: _ClassVar[int]
    DECIDED_TIME_FIELD_NUMBER: _ClassVar[int]
    kind: str
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    paths: _containers.RepeatedScalarFieldContainer[str]
    paths_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    decided_time: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[str] = ..., image_ids: _Optional[_Iterable[str]] = ..., paths: _Optional[_Iterable[str]] = ..., paths_bytes: _Optional[_Iterable[bytes]] = ..., decided_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DecideDuplicatesRequest(_message.Message):
    __slots__ = ("decisions",)
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    def __init__(self, decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ...) -> None: ...

class DecideDuplicatesResponse(_message.Message):
    __slots__ = ("changed",)
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    changed: int
    def __init__(self, changed: _Optional[int] = ...) -> None: ...

class ListDecisionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDecisionsResponse(_message.Message):
    __slots__ = ("decisions", "next_page_token")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[Decision]
    next_page_token: str
    def __init__(self, decisions: _Optional[_Iterable[_Union[Decision, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class LabelRow(_message.Message):
    __slots__ = ("path", "path_bytes", "image_id", "labels", "paths", "paths_bytes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    PATHS_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: str
    path_bytes: bytes
    image_id: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    paths: _containers.RepeatedScalarFieldContainer[str]
    paths_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., image_id: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., paths: _Optional[_Iterable[str]] = ..., paths_bytes: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ImportLabelsRequest(_message.Message):
    __slots__ = ("rows", "replace", "dry_run", "since_time")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[LabelRow]
    replace: bool
    dry_run: bool
    since_time: _timestamp_pb2.Timestamp
    def __init__(self, rows: _Optional[_Iterable[_Union[LabelRow, _Mapping]]] = ..., replace: _Optional[bool] = ..., dry_run: _Optional[bool] = ..., since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ImportLabelsResponse(_message.Message):
    __slots__ = ("by_path", "by_content", "unmatched", "unmatched_rows", "added", "removed", "imported_time")
    BY_PATH_FIELD_NUMBER: _ClassVar[int]
    BY_CONTENT_FIELD_NUMBER: _ClassVar[int]
    UNMATCHED_FIELD_NUMBER: _ClassVar[int]
    UNMATCHED_ROWS_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_TIME_FIELD_NUMBER: _ClassVar[int]
    by_path: int
    by_content: int
    unmatched: int
    unmatched_rows: _containers.RepeatedScalarFieldContainer[int]
    added: int
    removed: int
    imported_time: _timestamp_pb2.Timestamp
    def __init__(self, by_path: _Optional[int] = ..., by_content: _Optional[int] = ..., unmatched: _Optional[int] = ..., unmatched_rows: _Optional[_Iterable[int]] = ..., added: _Optional[int] = ..., removed: _Optional[int] = ..., imported_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExportLabelsRequest(_message.Message):
    __slots__ = ("path_prefix", "path_prefix_bytes", "page_size", "page_token")
    PATH_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    path_prefix: str
    path_prefix_bytes: bytes
    page_size: int
    page_token: str
    def __init__(self, path_prefix: _Optional[str] = ..., path_prefix_bytes: _Optional[bytes] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ExportLabelsResponse(_message.Message):
    __slots__ = ("rows", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[LabelRow]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[LabelRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CountLabelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LabelCount(_message.Message):
    __slots__ = ("label", "images")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    label: str
    images: int
    def __init__(self, label: _Optional[str] = ..., images: _Optional[int] = ...) -> None: ...

class CountLabelsResponse(_message.Message):
    __slots__ = ("labels", "images")
    LABELS_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    labels: _containers.RepeatedCompositeFieldContainer[LabelCount]
    images: int
    def __init__(self, labels: _Optional[_Iterable[_Union[LabelCount, _Mapping]]] = ..., images: _Optional[int] = ...) -> None: ...

class ClearLabelsRequest(_message.Message):
    __slots__ = ("path_prefix", "path_prefix_bytes", "image_ids", "all", "labels")
    PATH_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    path_prefix: str
    path_prefix_bytes: bytes
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    all: bool
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, path_prefix: _Optional[str] = ..., path_prefix_bytes: _Optional[bytes] = ..., image_ids: _Optional[_Iterable[str]] = ..., all: _Optional[bool] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class ClearLabelsResponse(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: int
    def __init__(self, removed: _Optional[int] = ...) -> None: ...

class ListContradictionsRequest(_message.Message):
    __slots__ = ("options", "differing_only", "member_limit", "page_size", "page_token")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    DIFFERING_ONLY_FIELD_NUMBER: _ClassVar[int]
    MEMBER_LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    options: DuplicateOptions
    differing_only: bool
    member_limit: int
    page_size: int
    page_token: str
    def __init__(self, options: _Optional[_Union[DuplicateOptions, _Mapping]] = ..., differing_only: _Optional[bool] = ..., member_limit: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Contradiction(_message.Message):
    __slots__ = ("group", "kind")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    group: DuplicateGroup
    kind: str
    def __init__(self, group: _Optional[_Union[DuplicateGroup, _Mapping]] = ..., kind: _Optional[str] = ...) -> None: ...

class ListContradictionsResponse(_message.Message):
    __slots__ = ("contradictions", "next_page_token", "total_size")
    CONTRADICTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    contradictions: _containers.RepeatedCompositeFieldContainer[Contradiction]
    next_page_token: str
    total_size: int
    def __init__(self, contradictions: _Optional[_Iterable[_Union[Contradiction, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class ListLeaksRequest(_message.Message):
    __slots__ = ("left", "left_bytes", "right", "right_bytes", "page_size", "page_token")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    LEFT_BYTES_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_BYTES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    left: str
    left_bytes: bytes
    right: str
    right_bytes: bytes
    page_size: int
    page_token: str
    def __init__(self, left: _Optional[str] = ..., left_bytes: _Optional[bytes] = ..., right: _Optional[str] = ..., right_bytes: _Optional[bytes] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class Leak(_message.Message):
    __slots__ = ("left", "right")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    left: GroupMember
    right: GroupMember
    def __init__(self, left: _Optional[_Union[GroupMember, _Mapping]] = ..., right: _Optional[_Union[GroupMember, _Mapping]] = ...) -> None: ...

class ListLeaksResponse(_message.Message):
    __slots__ = ("leaks", "next_page_token", "total_size")
    LEAKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    leaks: _containers.RepeatedCompositeFieldContainer[Leak]
    next_page_token: str
    total_size: int
    def __init__(self, leaks: _Optional[_Iterable[_Union[Leak, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total_size: _Optional[int] = ...) -> None: ...

class Share(_message.Message):
    __slots__ = ("name", "share")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    name: str
    share: float
    def __init__(self, name: _Optional[str] = ..., share: _Optional[float] = ...) -> None: ...

class SplitRequest(_message.Message):
    __slots__ = ("shares", "within", "within_bytes", "labelled_only", "seed", "keepers_only")
    SHARES_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    WITHIN_BYTES_FIELD_NUMBER: _ClassVar[int]
    LABELLED_ONLY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    KEEPERS_ONLY_FIELD_NUMBER: _ClassVar[int]
    shares: _containers.RepeatedCompositeFieldContainer[Share]
    within: _containers.RepeatedScalarFieldContainer[str]
    within_bytes: _containers.RepeatedScalarFieldContainer[bytes]
    labelled_only: bool
    seed: int
    keepers_only: bool
    def __init__(self, shares: _Optional[_Iterable[_Union[Share, _Mapping]]] = ..., within: _Optional[_Iterable[str]] = ..., within_bytes: _Optional[_Iterable[bytes]] = ..., labelled_only: _Optional[bool] = ..., seed: _Optional[int] = ..., keepers_only: _Optional[bool] = ...) -> None: ...

class SplitFile(_message.Message):
    __slots__ = ("path", "path_bytes", "share", "labels", "image_id")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    path: str
    path_bytes: bytes
    share: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    image_id: str
    def __init__(self, path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., share: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., image_id: _Optional[str] = ...) -> None: ...

class ShareCount(_message.Message):
    __slots__ = ("label", "share", "files", "wanted")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    label: str
    share: str
    files: int
    wanted: float
    def __init__(self, label: _Optional[str] = ..., share: _Optional[str] = ..., files: _Optional[int] = ..., wanted: _Optional[float] = ...) -> None: ...

class SplitResponse(_message.Message):
    __slots__ = ("files", "counts")
    FILES_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[SplitFile]
    counts: _containers.RepeatedCompositeFieldContainer[ShareCount]
    def __init__(self, files: _Optional[_Iterable[_Union[SplitFile, _Mapping]]] = ..., counts: _Optional[_Iterable[_Union[ShareCount, _Mapping]]] = ...) -> None: ...

class SuggestRequest(_message.Message):
    __slots__ = ("limit", "strategy", "path_prefix", "path_prefix_bytes", "skip_ids", "watch")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_BYTES_FIELD_NUMBER: _ClassVar[int]
    SKIP_IDS_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    limit: int
    strategy: str
    path_prefix: str
    path_prefix_bytes: bytes
    skip_ids: _containers.RepeatedScalarFieldContainer[str]
    watch: bool
    def __init__(self, limit: _Optional[int] = ..., strategy: _Optional[str] = ..., path_prefix: _Optional[str] = ..., path_prefix_bytes: _Optional[bytes] = ..., skip_ids: _Optional[_Iterable[str]] = ..., watch: _Optional[bool] = ...) -> None: ...

class SuggestResponse(_message.Message):
    __slots__ = ("done", "total", "suggestions", "summary")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    suggestions: _containers.RepeatedCompositeFieldContainer[Suggestion]
    summary: SuggestSummary
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ..., suggestions: _Optional[_Iterable[_Union[Suggestion, _Mapping]]] = ..., summary: _Optional[_Union[SuggestSummary, _Mapping]] = ...) -> None: ...

class Suggestion(_message.Message):
    __slots__ = ("image_id", "path", "path_bytes", "covers", "coverage", "nearest_labelled", "reason", "value", "width", "height")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    COVERS_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    NEAREST_LABELLED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    path: str
    path_bytes: bytes
    covers: int
    coverage: float
    nearest_labelled: NearestLabelled
    reason: str
    value: float
    width: int
    height: int
    def __init__(self, image_id: _Optional[str] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., covers: _Optional[int] = ..., coverage: _Optional[float] = ..., nearest_labelled: _Optional[_Union[NearestLabelled, _Mapping]] = ..., reason: _Optional[str] = ..., value: _Optional[float] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class NearestLabelled(_message.Message):
    __slots__ = ("image_id", "path", "path_bytes", "distance", "labels")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    path: str
    path_bytes: bytes
    distance: float
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, image_id: _Optional[str] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., distance: _Optional[float] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class SuggestSummary(_message.Message):
    __slots__ = ("images", "labelled", "same_as_labelled", "coverage", "estimated", "suggested", "host")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    LABELLED_FIELD_NUMBER: _ClassVar[int]
    SAME_AS_LABELLED_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    images: int
    labelled: int
    same_as_labelled: int
    coverage: float
    estimated: bool
    suggested: int
    host: str
    def __init__(self, images: _Optional[int] = ..., labelled: _Optional[int] = ..., same_as_labelled: _Optional[int] = ..., coverage: _Optional[float] = ..., estimated: _Optional[bool] = ..., suggested: _Optional[int] = ..., host: _Optional[str] = ...) -> None: ...

class DescribeAtlasRequest(_message.Message):
    __slots__ = ("colour",)
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    colour: str
    def __init__(self, colour: _Optional[str] = ...) -> None: ...

class AtlasColour(_message.Message):
    __slots__ = ("colour", "name", "images")
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    colour: str
    name: str
    images: int
    def __init__(self, colour: _Optional[str] = ..., name: _Optional[str] = ..., images: _Optional[int] = ...) -> None: ...

class DescribeAtlasResponse(_message.Message):
    __slots__ = ("state", "detail", "revision", "images", "pending", "added", "side", "levels", "laid_out_time", "done", "total", "colours")
    STATE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    LAID_OUT_TIME_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    COLOURS_FIELD_NUMBER: _ClassVar[int]
    state: str
    detail: str
    revision: int
    images: int
    pending: int
    added: int
    side: int
    levels: int
    laid_out_time: _timestamp_pb2.Timestamp
    done: int
    total: int
    colours: _containers.RepeatedCompositeFieldContainer[AtlasColour]
    def __init__(self, state: _Optional[str] = ..., detail: _Optional[str] = ..., revision: _Optional[int] = ..., images: _Optional[int] = ..., pending: _Optional[int] = ..., added: _Optional[int] = ..., side: _Optional[int] = ..., levels: _Optional[int] = ..., laid_out_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., colours: _Optional[_Iterable[_Union[AtlasColour, _Mapping]]] = ...) -> None: ...

class AtlasPoint(_message.Message):
    __slots__ = ("x", "y")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ...) -> None: ...

class AtlasRequest(_message.Message):
    __slots__ = ("polygon", "path_prefix", "path_prefix_bytes", "image_ids", "limit")
    POLYGON_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PATH_PREFIX_BYTES_FIELD_NUMBER: _ClassVar[int]
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    polygon: _containers.RepeatedCompositeFieldContainer[AtlasPoint]
    path_prefix: str
    path_prefix_bytes: bytes
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    def __init__(self, polygon: _Optional[_Iterable[_Union[AtlasPoint, _Mapping]]] = ..., path_prefix: _Optional[str] = ..., path_prefix_bytes: _Optional[bytes] = ..., image_ids: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ...) -> None: ...

class AtlasPlace(_message.Message):
    __slots__ = ("image_id", "path", "path_bytes", "place", "labels")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PATH_BYTES_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    path: str
    path_bytes: bytes
    place: AtlasPoint
    labels: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, image_id: _Optional[str] = ..., path: _Optional[str] = ..., path_bytes: _Optional[bytes] = ..., place: _Optional[_Union[AtlasPoint, _Mapping]] = ..., labels: _Optional[_Iterable[str]] = ...) -> None: ...

class AtlasResponse(_message.Message):
    __slots__ = ("places", "total_size")
    PLACES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    places: _containers.RepeatedCompositeFieldContainer[AtlasPlace]
    total_size: int
    def __init__(self, places: _Optional[_Iterable[_Union[AtlasPlace, _Mapping]]] = ..., total_size: _Optional[int] = ...) -> None: ...

class GetAtlasTileRequest(_message.Message):
    __slots__ = ("level", "column", "row", "size", "format", "colour", "etag")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    COLOUR_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    level: int
    column: int
    row: int
    size: int
    format: str
    colour: str
    etag: str
    def __init__(self, level: _Optional[int] = ..., column: _Optional[int] = ..., row: _Optional[int] = ..., size: _Optional[int] = ..., format: _Optional[str] = ..., colour: _Optional[str] = ..., etag: _Optional[str] = ...) -> None: ...

class AtlasCell(_message.Message):
    __slots__ = ("column", "row", "image_id", "images", "width", "height")
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    column: int
    row: int
    image_id: str
    images: int
    width: int
    height: int
    def __init__(self, column: _Optional[int] = ..., row: _Optional[int] = ..., image_id: _Optional[str] = ..., images: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class GetAtlasTileResponse(_message.Message):
    __slots__ = ("data", "content_type", "etag", "unchanged", "cells", "size")
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    content_type: str
    etag: str
    unchanged: bool
    cells: _containers.RepeatedCompositeFieldContainer[AtlasCell]
    size: int
    def __init__(self, data: _Optional[bytes] = ..., content_type: _Optional[str] = ..., etag: _Optional[str] = ..., unchanged: _Optional[bool] = ..., cells: _Optional[_Iterable[_Union[AtlasCell, _Mapping]]] = ..., size: _Optional[int] = ...) -> None: ...

class LayOutAtlasRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LayOutAtlasResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
