"""Identity of a source is its content: any change of content is detected, a move to another place is not a change."""

import os
import shutil

import pytest

from lace.core import content
from lace.core.content import content_of


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "source"
    (root / "below").mkdir(parents=True)
    (root / "a.json").write_text("one")
    (root / "below" / "b.jpg").write_text("two")
    return root


def write_the_same_size_at_the_same_time(file, text):
    before = file.stat()
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a.json").write_text("uno"),
        lambda root: write_the_same_size_at_the_same_time(root / "below" / "b.jpg", "due"),
        lambda root: (root / "a.json").rename(root / "c.json"),
        lambda root: (root / "new.txt").write_text(""),
        lambda root: (root / "below" / "b.jpg").unlink(),
        lambda root: shutil.rmtree(root),
    ],
)
def test_every_change_is_seen(folder, change, settled, monkeypatch):
    if settled:
        monkeypatch.setattr(content, "_SETTLED_NS", -1)
    before = content_of([folder])
    assert content_of([folder]) == before
    change(folder)
    assert content_of([folder]) != before


def test_a_moved_folder_is_the_same_source(folder, tmp_path):
    before = content_of([folder])
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert content_of([tmp_path / "elsewhere"]) == before


def test_what_was_seen_is_not_read_again(folder, monkeypatch):
    monkeypatch.setattr(content, "_SETTLED_NS", -1)
    before = content_of([folder])
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("read again"))
    assert content_of([folder]) == before


def test_a_cache_that_cannot_be_written_changes_nothing(folder, cache):
    before = content_of([folder])
    shutil.rmtree(cache)
    cache.write_text("a file where the cache should be")
    assert content_of([folder]) == before


def test_order_and_absence_count(folder, tmp_path):
    one, two = folder / "a.json", folder / "below" / "b.jpg"
    assert len({content_of(p) for p in ([one], [two], [one, two], [two, one], [tmp_path / "none"], [])}) == 6


def test_links_and_odd_names(folder, tmp_path):
    (folder / os.fsdecode(b"caf\xe9.jpg")).write_text("three")
    linked = tmp_path / "linked"
    linked.symlink_to(folder)
    assert content_of([linked]) == content_of([folder])
    (folder / "broken").symlink_to("nothing")
    content_of([folder])


@pytest.mark.timeout(20)
def test_pipes_and_links_to_folders_above_end(folder):
    """Reading a named pipe waits for a writer; two links to a folder above double the paths at each of 40 levels."""
    os.mkfifo(folder / "pipe.jpg")
    for name in ("up", "again"):
        (folder / "below" / name).symlink_to(folder)
    (folder / "side").mkdir()
    (folder / "side" / "there").symlink_to(folder / "below")
    (folder / "below" / "back").symlink_to(folder / "side")
    before = content_of([folder])
    (folder / "a.json").write_text("another")
    assert content_of([folder]) != before
