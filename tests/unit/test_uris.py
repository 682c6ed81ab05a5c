"""Paths and URIs: what is written in one is read back as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.common.uris import local_folder, sqlite_file, sqlite_uri
from scene.errors import ConfigurationError

ODD = ["a b", "a?b", "a%3Fb", "a%b", "a#b", "a;b", "a&b", "a'b", 'a"b', "a\\b", "é日本", "a\nb",
       "a:b@c", "a+b", "?uri=true", "file:", ":memory:", "$HOME", "~x", "*"]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_sqlalchemy_opens_the_database_that_was_meant(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / name
    folder.mkdir(parents=True)
    uri = sqlite_uri(folder / "m.db")
    engine = sqlalchemy.create_engine(uri)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("create table t (x int)"))
    engine.dispose()
    assert sqlite_file(uri) == folder / "m.db"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / "m.db"]
    connection = sqlite3.connect(folder / "m.db")
    assert connection.execute("select name from sqlite_master").fetchall() == [("t",)]
    connection.close()


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_path_is_read_back(name: str) -> None:
    path = Path("/", name)
    assert sqlite_file(sqlite_uri(path)) == path.absolute()


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:////a/b.db", "/a/b.db"),
        ("sqlite:////a%3Fb.db", "/a?b.db"),
        ("sqlite:////a/b.db?timeout=3", "/a/b.db"),
        ("sqlite+pysqlite:////a/b.db", "/a/b.db"),
        ("sqlite:///file:/a%253Fb?mode=ro&uri=true", "/a?b"),
        ("sqlite:///file:///a/b?uri=true", "/a/b"),
    ],
)
def test_a_database_is_found_however_it_is_written(uri: str, path: str) -> None:
    assert sqlite_file(uri) == Path(path)


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:", "http://h", "postgresql://h/d"])
def test_what_has_no_file(uri: str) -> None:
    assert sqlite_file(uri) is None


@pytest.mark.parametrize("name", ODD)
def test_a_folder_is_the_same_by_its_path_and_its_uri(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    assert local_folder(str(folder)) == folder
    assert local_folder(folder.as_uri()) == folder
    assert local_folder(folder.as_uri().replace("file:", "FILE:")) == folder


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("file://outputs/x", "is not absolute; file:///FOLDER would be right"),
        ("file:outputs/x", "is not absolute"),
        ("file:///a?b", "? is written as %3F"),
        ("file:///a#b", "# as %23"),
        ("s3:/bucket/x", "lacks a slash; s3://BUCKET/PREFIX would be right"),
        ("s3:///x", "names no bucket"),
        ("s3://key:secret@/x", "names no bucket"),
        ("s3://b/x#y", "# is written as %23"),
        ("S4://b/x", "s4:// is not a place for a data set; known are file://"),
        ("http://h/x", "http:// is not a place"),
        ("~nosuchuser/x", "there is no such user"),
        ("a\0b", "holds a NUL character"),
        ("a\udcffb", "is not UTF-8"),
    ],
)
def test_what_names_no_place_is_told(uri: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        local_folder(uri)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


def test_an_object_store_is_no_folder() -> None:
    assert local_folder("s3://key:secret@bucket/prefix?region=eu") is None
    assert local_folder("S3://bucket/prefix") is None
