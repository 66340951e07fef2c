"""Notes on files: known ones are not read again, changed ones always are."""

import json
import os
import time

import pytest

from deg_core.data import notes
from deg_core.data.notes import Notes

OLD = time.time_ns() - 10**12  # well before now
ABOUT = {"behaviors": ["groom"]}


@pytest.fixture
def reads(monkeypatch):
    """A reader that counts; files count as settled at once, as if time had passed."""
    monkeypatch.setattr(notes, "SETTLED_S", -60.0)
    calls = []

    def read(path):
        calls.append(path.name)
        return {"text": path.read_text()}

    read.calls = calls
    return read


def ask(folder, read, *names, about=ABOUT):
    """Ask a new process's notes; returns the answers."""
    found = Notes(folder / "notes.json", about=about, root=folder)
    answers = [found.of(folder.relative_to(folder) / name, read) for name in names]
    found.save()
    return answers


def test_known_files_are_not_read_again(tmp_path, reads):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    for _ in range(3):
        assert ask(tmp_path, reads, "a", "b") == [{"text": "a"}, {"text": "b"}]
    assert reads.calls == ["a", "b"]


def test_an_edit_is_seen_and_only_it_is_read(tmp_path, reads):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    ask(tmp_path, reads, "a", "b")
    (tmp_path / "b").write_text("longer")
    assert ask(tmp_path, reads, "a", "b")[1] == {"text": "longer"}
    assert reads.calls == ["a", "b", "b"]


def test_an_edit_of_the_same_size_with_the_time_put_back(tmp_path, reads):
    """mtime can be set to anything; ctime says that something was done."""
    path = tmp_path / "a"
    path.write_text("1")
    os.utime(path, ns=(OLD, OLD))
    ask(tmp_path, reads, "a")
    time.sleep(0.02)  # longer than a tick of the file system's clock
    path.write_text("2")
    os.utime(path, ns=(OLD, OLD))
    assert ask(tmp_path, reads, "a") == [{"text": "2"}]


def test_another_file_in_its_place(tmp_path, reads):
    (tmp_path / "a").write_text("1")
    ask(tmp_path, reads, "a")
    (tmp_path / "new").write_text("2")
    (tmp_path / "new").replace(tmp_path / "a")
    assert ask(tmp_path, reads, "a") == [{"text": "2"}]


def test_what_changed_a_moment_ago_is_not_trusted(tmp_path, reads, monkeypatch):
    """Within one tick of the clock it might change again, and look the same."""
    monkeypatch.setattr(notes, "SETTLED_S", 60.0)
    (tmp_path / "a").write_text("1")
    ask(tmp_path, reads, "a")
    ask(tmp_path, reads, "a")
    assert reads.calls == ["a", "a"]
    monkeypatch.setattr(notes, "SETTLED_S", -60.0)
    ask(tmp_path, reads, "a")
    ask(tmp_path, reads, "a")
    assert reads.calls == ["a", "a", "a"]


def test_what_changes_while_it_is_read_is_not_noted(tmp_path, reads):
    path = tmp_path / "a"
    path.write_text("1")

    def read_and_change(place):
        answer = reads(place)
        path.write_text("another")
        return answer

    ask(tmp_path, read_and_change, "a")
    assert ask(tmp_path, reads, "a") == [{"text": "another"}]


def test_other_settings_are_other_answers(tmp_path, reads):
    (tmp_path / "a").write_text("1")
    ask(tmp_path, reads, "a")
    ask(tmp_path, reads, "a", about={"behaviors": ["groom", "rear"]})
    assert reads.calls == ["a", "a"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"about": {}}', '{"about": %s, "files": {"a": 1}}']
)
def test_damaged_notes_are_begun_anew(tmp_path, reads, content):
    (tmp_path / "a").write_text("1")
    (tmp_path / "notes.json").write_text(content.replace("%s", json.dumps(ABOUT)))
    assert ask(tmp_path, reads, "a") == [{"text": "1"}]
    assert ask(tmp_path, reads, "a") == [{"text": "1"}]
    assert reads.calls == ["a"]


def test_errors_are_not_noted(tmp_path, reads):
    def refuse(path):
        reads.calls.append(path.name)
        raise ValueError("no good")

    (tmp_path / "a").write_text("1")
    for _ in range(2):
        with pytest.raises(ValueError, match="no good"):
            ask(tmp_path, refuse, "a")
    assert reads.calls == ["a", "a"]
    assert not (tmp_path / "notes.json").exists()


def test_a_missing_file_is_the_readers_matter(tmp_path, reads):
    with pytest.raises(FileNotFoundError):
        ask(tmp_path, reads, "gone")


def test_files_that_are_gone_are_forgotten(tmp_path, reads):
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    ask(tmp_path, reads, "a", "b")
    ask(tmp_path, reads, "a")
    assert list(json.loads((tmp_path / "notes.json").read_text())["files"]) == ["a"]


def test_nothing_is_written_without_news_or_permission(tmp_path, reads):
    (tmp_path / "a").write_text("1")
    ask(tmp_path, reads, "a")
    before = (tmp_path / "notes.json").stat().st_mtime_ns, (tmp_path / "notes.json").stat().st_ino
    ask(tmp_path, reads, "a")
    after = (tmp_path / "notes.json").stat()
    assert before == (after.st_mtime_ns, after.st_ino)
    (tmp_path / "file").write_text("")
    found = Notes(tmp_path / "file" / "notes.json", about=ABOUT, root=tmp_path)
    assert found.of(tmp_path.relative_to(tmp_path) / "a", reads) == {"text": "1"}
    found.save()
