"""The setting `replica`."""

from __future__ import annotations

import pytest

from simd.errors import ConfigError
from simd.index.engine.address import ReplicaAddress, parse_replica


@pytest.mark.parametrize(
    ("setting", "uri", "collection"),
    [
        ("http://milvus.example.org:19530/photos", "http://milvus.example.org:19530", "photos"),
        ("https://10.0.0.7:443/_Photos_2/", "https://10.0.0.7:443", "_Photos_2"),
        ("http://localhost:1/" + "a" * 255, "http://localhost:1", "a" * 255),
    ],
)
def test_an_address_is_an_engine_and_a_collection(setting: str, uri: str, collection: str) -> None:
    assert parse_replica(setting) == ReplicaAddress(uri, collection)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("", "begins with nothing"),
        ("milvus:19530/photos", "begins with milvus"),
        ("grpc://milvus:19530/photos", "begins with grpc"),
        ("http://milvus/photos", "no host and port"),
        ("http://:19530/photos", "no host and port"),
        ("http://milvus:0/photos", "no host and port"),
        ("http://milvus:99999/photos", "is no address"),
        ("http://[::1]:19530/photos", "IPv6"),
        ("http://[::1:19530/photos", "is no address"),
        ("http://milvus:19530", "collection ''"),
        ("http://milvus:19530/my-photos", "letters, digits and underscores"),
        ("http://milvus:19530/1photos", "does not begin with a digit"),
        ("http://milvus:19530/a/b", "letters, digits and underscores"),
        ("http://milvus:19530/" + "a" * 256, "at most 255"),
        ("http://milvus:19530/photos?token=x", "behind the collection's name"),
        ("http://milvus:19530/photos#x", "behind the collection's name"),
    ],
)
def test_what_is_no_address_is_refused_with_the_form(setting: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        parse_replica(setting)
    assert caught.value.field == "replica" and "http://HOST:PORT/COLLECTION" in str(caught.value)


@pytest.mark.parametrize("who", ["root:secret@", "secret@", ":secret@"])
def test_credentials_are_refused_with_their_place_and_never_repeated(who: str) -> None:
    with pytest.raises(ConfigError, match="replica_token_file") as caught:
        parse_replica(f"http://{who}milvus:19530/photos")
    assert "secret" not in str(caught.value)
