"""Label files of other programs, as they are found: what is read from each, and of those that are wrong."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from simctl.errors import SimctlError
from simctl.labels.files import reading, table, writing, yolonames
from simctl.labels.files.lines import Places, text_of
from simctl.labels.labelled import LabelledImage


def write(path: Path, data: bytes | str | Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(data, bytes):
        data = (data if isinstance(data, str) else json.dumps(data)).encode()
    path.write_bytes(data)
    return path


def read(path: Path, kind: str | None = None, base: str | None = None) -> tuple[str, dict[str, tuple[str, ...]]]:
    """What a file is, and the labels of each file; those inside the folder of the test by their relative paths."""
    found = reading.read(str(path), kind, base)
    return found.format, {
        os.path.relpath(os.fsdecode(line.path), path.parent) if line.path else line.image_id or line.name: line.labels
        for line in found.lines
    }


def problem(path: Path, kind: str | None = None) -> str:
    """What is said of a file that is wrong, without the folder of the test."""
    with pytest.raises(SimctlError) as caught:
        reading.read(str(path), kind)
    return str(caught.value).replace(f"{path.parent}/", "")


TABLES = {
    "with a header": "path,label\na/1.jpg,cat\nb/2.jpg,dog\n",
    "without one": "a/1.jpg,cat\nb/2.jpg,dog",
    "its columns in another order": "id;category;x;Image\n7;cat;0.5;a/1.jpg\n8;dog;0,5;b/2.jpg\n",
    "with tabs": "a/1.jpg\tcat\r\nb/2.jpg\tdog\r\n",
    "with bars and quotes": '"a/1.jpg"|"cat"\nb/2.jpg|dog\n',
    "with blank lines and blanks": "\nfilename, class\n\na/1.jpg, cat\nb/2.jpg,  dog  \n\n",
    "of an old Macintosh": "path,label\ra/1.jpg,cat\rb/2.jpg,dog\r",
    "of Windows": "\ufeffpath,label\r\na/1.jpg,cat\r\nb/2.jpg,dog\r\n",
    "of a spreadsheet": "\ufeffpath\tlabel\na/1.jpg\tcat\nb/2.jpg\tdog\n".encode("utf-16-le"),
}


@pytest.mark.parametrize("data", TABLES.values(), ids=TABLES.keys())
def test_a_table_is_read_however_it_is_written(tmp_path: Path, data: bytes | str) -> None:
    path = write(tmp_path / "labels.csv", data)
    assert read(path) == ("csv", {"a/1.jpg": ("cat",), "b/2.jpg": ("dog",)})


def test_several_lines_of_a_file_are_several_labels_and_a_line_without_one_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "l.csv", 'path,label\na.jpg,cat\n./a.jpg,"small, grey"\na.jpg,cat\nb.jpg,\n')
    found = reading.read(str(path))
    [line] = found.lines
    assert line.labels == ("cat", "small, grey") and found.without_label == 1


def test_relative_paths_begin_at_the_folder_of_the_file_or_at_the_base(tmp_path: Path) -> None:
    path = write(tmp_path / "lists" / "l.csv", "../pictures/a.jpg,cat\n/x/b.jpg,dog\n")
    assert [line.path for line in reading.read(str(path)).lines] == [
        os.fsencode(tmp_path / "pictures" / "a.jpg"), b"/x/b.jpg"
    ]  # fmt: skip
    assert reading.read(str(path), None, "/base/deep").lines[0].path == b"/base/pictures/a.jpg"


def test_names_that_another_system_wrote_are_found_where_they_lead_to_a_file(tmp_path: Path) -> None:
    write(tmp_path / "cats" / "1.jpg", b"x")
    write(tmp_path / "caf\xe9.jpg", b"x")
    raw = os.fsdecode(b"caf\xe9 raw.jpg")
    write(tmp_path / raw, b"x")
    path = write(tmp_path / "l.csv", b"cats\\1.jpg,\xfcbel\ncaf\xe9.jpg,b\ncaf\xe9 raw.jpg,c\n")
    assert read(path)[1] == {"cats/1.jpg": ("übel",), "café.jpg": ("b",), raw: ("c",)}


def test_urls_of_local_files_are_paths_and_others_are_known_to_lead_elsewhere(tmp_path: Path) -> None:
    write(tmp_path / "a b.jpg", b"x")
    inside = os.fsencode(tmp_path)
    places = Places(inside)
    whole = str(tmp_path).lstrip("/")
    assert places.path("file:///x/a%20b.jpg") == b"/x/a b.jpg"
    assert places.path("/data/local-files/?d=a%20b.jpg") == inside + b"/a b.jpg"
    assert places.path(f"/data/local-files/?d={whole}/a%20b.jpg") == inside + b"/a b.jpg"
    assert places.path("http://localhost:8080/data/local-files/?d=a%20b.jpg") == inside + b"/a b.jpg"
    assert [places.path(url) for url in ("https://x/a.jpg", "s3://x/a.jpg", "file://host/a", "")] == [b""] * 4


PATHS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20).map(
    "/p/{}".format
)
LABELS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).filter(lambda s: s.strip())


@given(st.lists(st.tuples(PATHS, LABELS), min_size=1, max_size=8), st.sampled_from(table.DELIMITERS))
def test_what_is_written_as_a_table_is_read_as_it_was(rows: list[tuple[str, str]], delimiter: str) -> None:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows([("path", "label"), *rows])
    parsed = table.parse(stream.getvalue(), "x", Places(b"/"))
    assert [(line.name, line.labels) for line in parsed.lines] == [(path, (label,)) for path, label in rows]


@given(
    st.lists(st.tuples(PATHS, st.lists(LABELS, min_size=1, max_size=3)), min_size=1, max_size=5),
    st.sampled_from(["csv", "json", "jsonl", "label-studio"]),
)
def test_what_is_exported_is_imported_as_it_was(said: list[tuple[str, list[str]]], kind: str) -> None:
    images = [
        LabelledImage(f"{number:032x}", path, (path,), tuple(labels)) for number, (path, labels) in enumerate(said)
    ]
    text = "".join(writing.WRITERS[kind](images))
    lines = reading.parsed(text, "x", None, Places(b"/nowhere"))[1].lines
    expected: dict[bytes, set[str]] = {}
    for path, labels in said:
        expected.setdefault(os.path.normpath(os.fsencode(path)), set()).update(label.strip() for label in labels)
    found: dict[bytes, set[str]] = {}
    for line in lines:
        found.setdefault(line.path, set()).update(label.strip() for label in line.labels)
    assert found == expected


COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "sub/b.jpg"}, {"id": 3, "file_name": "c.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 18, "bbox": [0, 0, 1, 1]},
        {"id": 2, "image_id": 1, "category_id": 17},
        {"id": 3, "image_id": 1, "category_id": 18},
        {"id": 4, "image_id": 2, "category_id": 17},
    ],
    "categories": [{"id": 17, "name": "cat", "supercategory": "animal"}, {"id": 18, "name": "dog"}],
}

STUDIO: list[Any] = [
    {
        "id": 1,
        "data": {"image": "a.jpg", "title": "x"},
        "annotations": [
            {"was_cancelled": True, "result": [{"type": "choices", "value": {"choices": ["wrong"]}}]},
            {
                "result": [
                    {"type": "choices", "from_name": "c", "value": {"choices": ["dog", "cat"]}},
                    {"type": "rectanglelabels", "value": {"x": 1, "rectanglelabels": ["tail"]}},
                    {"type": "textarea", "value": {"text": ["a remark"]}},
                    {"type": "relation", "labels": []},
                ]
            },
        ],
        "predictions": [{"result": [{"type": "choices", "value": {"choices": ["guess"]}}]}],
    },
    {
        "data": {"photo_1": "sub/b.jpg"},
        "annotations": [{"result": [{"type": "taxonomy", "value": {"taxonomy": [["animal", "cat"]]}}]}],
    },
    {"data": {"image": "c.jpg"}, "annotations": []},
]

MINIMAL: list[Any] = [
    {"image": "a.jpg", "id": 1, "choice": "cat", "annotator": 1, "annotation_id": 7, "created_at": "2026"},
    {"image": "b.jpg", "id": 2, "choice": {"choices": ["cat", "dog"]}, "annotation_id": 8},
    {"image": "c.jpg", "id": 3, "label": [{"x": 1, "rectanglelabels": ["tail"]}], "annotation_id": 9, "lead_time": 1},
]

DOCUMENTS: dict[str, tuple[Any, str, dict[str, tuple[str, ...]]]] = {
    "COCO": (COCO, "coco", {"a.jpg": ("dog", "cat"), "sub/b.jpg": ("cat",)}),
    "Label Studio": (STUDIO, "label-studio", {"a.jpg": ("dog", "cat", "tail"), "sub/b.jpg": ("animal / cat",)}),
    "Label Studio, JSON_MIN": (
        MINIMAL, "label-studio", {"a.jpg": ("cat",), "b.jpg": ("cat", "dog"), "c.jpg": ("tail",)}
    ),
    "ours": (
        {"labels": [{"image_id": "ab" * 16, "path": "a.jpg", "paths": ["a.jpg", "b.jpg"], "labels": ["cat"]},
                    {"image_id": "cd" * 16, "labels": ["dog"]}]},
        "json",
        {"a.jpg": ("cat",), "b.jpg": ("cat",), "cd" * 16: ("dog",)},
    ),
    "ours, a line each": ('{"path": "a.jpg", "labels": ["cat"]}\n\n{"path": "b.jpg", "labels": ["dog"]}\n', "json",
                          {"a.jpg": ("cat",), "b.jpg": ("dog",)}),
    "ours, one line": ('{"path": "a.jpg", "labels": ["cat"]}\n', "json", {"a.jpg": ("cat",)}),
    "by hand": ([{"path": "a.jpg", "label": "cat"}, {"path": "b.jpg", "label": ""}], "json", {"a.jpg": ("cat",)}),
    "a mapping": ({"a.jpg": "cat", "b.jpg": ["cat", "dog"]}, "json", {"a.jpg": ("cat",), "b.jpg": ("cat", "dog")}),
}  # fmt: skip


@pytest.mark.parametrize(("data", "kind", "labels"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_is_known_by_its_content(
    tmp_path: Path, data: Any, kind: str, labels: dict[str, tuple[str, ...]]
) -> None:
    assert read(write(tmp_path / "labels.txt", data)) == (kind, labels)


def test_a_path_that_no_text_can_be_is_read_from_its_bytes(tmp_path: Path) -> None:
    image = LabelledImage("ab" * 16, os.fsdecode(b"/p/caf\xe9"), (os.fsdecode(b"/p/caf\xe9"),), ("cat",))
    for kind in ("csv", "json", "jsonl", "label-studio"):
        path = write(tmp_path / kind, os.fsencode("".join(writing.WRITERS[kind]([image]))))
        [line] = reading.read(str(path)).lines
        assert (line.path, line.labels) == (b"/p/caf\xe9", ("cat",)), kind


def test_folders_are_classes(tmp_path: Path) -> None:
    for name in ("cat/1.jpg", "cat/deep/2.PNG", "dog/3.webp", "4.jpg", "cat/notes.txt", ".git/5.jpg", "dog/.6.jpg"):
        write(tmp_path / "set" / name, b"x")
    assert read(tmp_path / "set") == (
        "folders", {"set/cat/1.jpg": ("cat",), "set/cat/deep/2.PNG": ("cat",), "set/dog/3.webp": ("dog",)}
    )  # fmt: skip
    assert reading.read(str(tmp_path / "set")).without_label == 1


NAMES = {
    "a list": "path: x\nnames: ['cat', \"dog\"]  # two\nnc: 2\n",
    "a list over lines": "names: [cat,\n  dog ]\nnc: 2\n",
    "items": "train: images\nnames:\n- cat # not 'dog'\n- 'dog'\nnc: 2\n",
    "items further in": "names:\n  - cat\n\n  - dog\n",
    "a mapping": "names:\n  0: cat\n  1: dog\ntest: x\n",
    "a mapping in one line": "names: {0: cat, 1: 'dog'}\n",
}


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES.keys())
def test_the_names_of_classes_are_read_in_all_ways_of_yaml(tmp_path: Path, text: str) -> None:
    write(tmp_path / "data.yaml", text)
    assert yolonames.find([os.fsencode(tmp_path)]) == {0: "cat", 1: "dog"}


def test_names_with_signs_of_yaml_in_quotes_are_read_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "data.yml", "names: [\"a, b\", 'it''s # one', c: d]\n")
    assert yolonames.find([os.fsencode(tmp_path)]) == {0: "a, b", 1: "it's # one", 2: "c: d"}


def test_a_yolo_data_set_is_read_beside_the_pictures_or_in_folders_that_mirror_each_other(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for name in ("images/train/1.jpg", "images/train/2.png", "images/val/3.jpg"):
        write(one / name, b"x")
    write(one / "data.yaml", "names: [cat, dog]\n")
    write(one / "labels/train/1.txt", "1 0.5 0.5 1 1\n0 0.1 0.2 0.3 0.4 0.5 0.6\n1 0 0 1 1 0.9\n")
    write(one / "labels/train/2.txt", "")
    write(one / "labels/val/3.txt", "0 0.5 0.5 1 1")
    write(one / "labels/val/gone.txt", "0 0.5 0.5 1 1")
    write(one / "train.txt", "images/train/1.jpg")
    assert read(one) == (
        "yolo",
        {
            "one/images/train/1.jpg": ("dog", "cat"),
            "one/images/val/3.jpg": ("cat",),
            "one/images/val/gone": ("cat",),
        },
    )
    assert reading.read(str(one)).without_label == 1
    write(two / "a.jpg", b"x")
    write(two / "a.txt", "1 0.5 0.5 1 1\n")
    write(two / "classes.txt", "cat\ndog\n")
    assert read(two) == ("yolo", {"two/a.jpg": ("dog",)})


MALFORMED: dict[str, tuple[str, Any, str]] = {
    "nothing": ("l.csv", "", "l.csv: it is empty"),
    "one column": ("l.csv", "a.jpg\nb.jpg\n", "l.csv, line 1: it has one column"),
    "columns without names": ("l.csv", "a.jpg,1,2\nb.jpg,1,2\n", "l.csv, line 1: it has 3 columns and no header"),
    "no label column": ("l.csv", "path,x,y\na.jpg,1,2\n", "l.csv, line 1: no column is called label"),
    "a row that ends early": ("l.csv", "path,label\na.jpg,cat\nb.jpg\n", "l.csv, line 3: 1 columns where 2 are needed"),
    "a quote that does not end": (
        "l.csv", 'path,label\na.jpg,cat\n"b.jpg,dog\nc.jpg,dog\n', "l.csv, line 3: unexpected end"
    ),
    "a path missing": ("l.csv", "path,label\n,cat\n", "l.csv, line 2: no path"),
    "a control character": ("l.csv", "path,label\na.jpg,c\x07t\n", "l.csv, line 2: the label 'c\\x07t' has control"),
    "a label too long": ("l.csv", f"path,label\na.jpg,{'x' * 1001}\n", "l.csv, line 2: a label of 1001 bytes"),
    "a picture": ("l.csv", b"\xff\xd8\xff\xe0\0\x10JFIF", "l.csv: it is no text"),
    "half JSON": ("l.json", '{"images": [\n{"id": 1},\n', "l.json, line 3: no JSON: "),
    "a line of JSON": ("l.jsonl", '{"path": "a", "labels": ["b"]}\n{"path": \n', "l.jsonl, line 2: no JSON: "),
    "JSON in Latin-1": ("l.json", b'[{"path": "a",\n"label": "\xfcbel"}]', "l.json, line 2: a byte that is no UTF-8"),
    "nested too deeply": ("l.json", "[" * 100_000, "l.json: it is nested too deeply"),
    "a list of texts": ("l.json", ["a"], "l.json[0]: an object is needed, not a text"),
    "neither path nor image": ("l.json", [{"label": "cat"}], "l.json[0]: neither `path` nor `image_id`"),
    "no image id": ("l.json", [{"image_id": "AB", "label": "cat"}], "l.json[0]: 'AB' is no image_id"),
    "labels that are none": ("l.json", [{"path": "a", "labels": [1]}], "l.json[0]: `labels` has to be a list of texts"),
    "half a character": ("l.json", '[{"path": "\\ud800", "label": "x"}]', "l.json[0]: `path` has half a character"),
    "half a character in a label": ("l.json", '[{"path": "a", "label": "\\ud800"}]', "l.json[0]: the label '"),
    "an image that is not there": (
        "l.json",
        {**COCO, "annotations": [{"image_id": 9, "category_id": 17}]},
        "l.json: annotations[0]: no image has the id 9",
    ),
    "a category that is not there": (
        "l.json", {**COCO, "categories": []}, "l.json: annotations[0]: no category has the id 18"
    ),
    "images that are none": ("l.json", {**COCO, "images": {}}, "l.json: images: a list is needed, not an object"),
    "a task without a picture": (
        "l.json", [{"data": {"text": "x"}, "annotations": []}], "l.json[0]: no field names a picture"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "data", "text"), MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, name: str, data: Any, text: str) -> None:
    assert problem(write(tmp_path / name, data)).startswith(text)


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path) -> None:
    write(tmp_path / "empty" / "x" / "notes.md", "")
    assert problem(tmp_path / "empty").startswith("empty: no folder in it holds a picture")
    assert "it is a folder, and csv is a file" in problem(tmp_path / "empty", "csv")
    assert "is no folder, and yolo is one" in problem(write(tmp_path / "l.csv", "a,b"), "yolo")
    assert problem(tmp_path / "gone.csv").startswith("gone.csv: it cannot be read: No such file")
    write(tmp_path / "set" / "a.jpg", b"x")
    text = write(tmp_path / "set" / "a.txt", "0 0.5 0.5 1 1\n3 0.5 0.5 1 1\n")
    assert problem(tmp_path / "set").startswith("set/a.txt: the class 0 has no name; put a data.yaml")
    write(tmp_path / "set" / "classes.txt", "cat\ndog\n")
    assert problem(tmp_path / "set").startswith("set/a.txt: the class 3 has no name")
    text.write_text("0 0.5 0.5 1 1\ncat 0.5 0.5 1 1\n")
    assert problem(tmp_path / "set").startswith("set/a.txt, line 2: 'cat 0.5 0.5 1 1' is no region")


@given(st.binary(max_size=200), st.sampled_from([None, *reading.FORMATS[1:3], "label-studio", "json"]))
@example(b"0", "coco")
@example(b"0", "label-studio")
@example(b"0", "json")
def test_whatever_bytes_are_read_or_refused_with_a_message(data: bytes, kind: str | None) -> None:
    try:
        text = text_of(data, "x")
        reading.merged(*reading.parsed(text, "x", kind, Places(b"/nowhere")))
    except SimctlError as error:
        assert str(error).startswith("x")
