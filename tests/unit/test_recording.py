"""What a job reads and makes is noted, and kept in the ledger if it ends well."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from deg_core import recording
from deg_core.data.publish import open_hdf5, publish_hdf5, publish_json, publish_text, read_json
from deg_core.ledger import FOLDER, Ledger, look
from deg_core.recording import job, reading


@dataclass(frozen=True)
class Settings:
    seed: int = 7
    epochs: int = 2


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "a project"
    (folder / "labels").mkdir(parents=True)
    (folder / "config.yaml").write_text("behaviors: [groom]\n")
    (folder / "labels" / "m1.csv").write_text("labels of m1")
    monkeypatch.chdir(folder)
    return folder


def at_work(*words, stage="predict", version=3, **arguments):
    return job(stage, version=version, words=["deg", stage, *words], arguments=arguments)


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_record_of_a_job(project):
    with at_work("--labels", "labels", "--out", "results/a.txt", settings=Settings(), threads=2):
        content = (project / "labels" / "m1.csv").read_text()
        publish_text(Path("results/a.txt"), content.upper())
    record = Ledger(project).read("results/a.txt")
    assert record["stage"] == "predict"
    assert record["version"] == 3
    assert record["command"] == "deg predict --labels labels --out results/a.txt"
    assert record["settings"] == {"settings": {"seed": 7, "epochs": 2}, "threads": 2}
    assert record["seed"] == 7
    assert record["machine"]["threads"] == 2
    assert record["project"] == {"config.yaml": sha("behaviors: [groom]\n")}
    (name, entry), = record["inputs"].items()  # fmt: skip
    assert (name, entry["sha256"], entry["bytes"]) == ("labels/m1.csv", sha("labels of m1"), 12)
    (name, entry), = record["outputs"].items()  # fmt: skip
    assert (name, entry["sha256"]) == ("results/a.txt", sha("LABELS OF M1"))
    assert entry["mtime_ns"] == look(project / "results" / "a.txt").mtime_ns
    assert record["started"] <= record["ended"]
    assert record["seconds"] >= 0


def test_the_result_itself_does_not_change(project):
    for words in ((), ("--threads", "2")):
        with at_work(*words):
            publish_json(Path("results/a.json"), {"x": 1})
        assert (project / "results" / "a.json").read_text() == '{\n "x": 1\n}\n'


def test_words_that_name_files_and_readers_of_other_languages_count(project):
    with publish_hdf5(project / "results" / "m1.h5") as file:
        file["x"] = [1]
    (project / "raw.mp4").write_bytes(b"raw")
    with at_work("--raw", "raw.mp4", "--features", "results"):
        with open_hdf5(Path("results/m1.h5")) as file:
            assert file["x"][0] == 1
        publish_text(Path("results/a.txt"), "a")
    assert set(Ledger(project).read("results/a.txt")["inputs"]) == {"raw.mp4", "results/m1.h5"}


def test_folders_of_images_count_where_a_reader_says_so(project):
    images = project.parent / "images"
    images.mkdir()
    (images / "1.png").write_bytes(b"1")
    with at_work("--raw", "../images"):
        reading(Path("results"))  # a folder that is only looked into
        reading("../images", folder=True)
        publish_text(Path("results/a.txt"), "a")
    assert set(Ledger(project).read("results/a.txt")["inputs"]) == {"../images"}


def test_images_of_a_folder_in_the_project_count_once(project):
    images = project / "images"
    images.mkdir()
    (images / "1.png").write_bytes(b"1")
    with at_work("--raw", "images"):
        reading(images, folder=True)
        (images / "1.png").read_bytes()
        publish_text(Path("results/a.txt"), "a")
    assert set(Ledger(project).read("results/a.txt")["inputs"]) == {"images"}


def test_what_is_no_input(project):
    for name in ("state/batch.json", "code.py", ".hidden/file", "logs/x.log"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("{}")
    outside = project.parent / "outside.txt"
    outside.write_text("of no concern")
    with at_work():
        for name in ("state/batch.json", "code.py", ".hidden/file", "logs/x.log", outside):
            Path(name).read_text()
        publish_json(Path("results/a.json"), {})
        read_json(Path("results/a.json"))  # what it made itself
        publish_json(Path("state/batch.json"), {})
        (project / "labels" / "new.csv").write_text("written, not read")
    record = Ledger(project).read("results/a.json")
    assert record["inputs"] == {}
    assert list(record["outputs"]) == ["results/a.json"]


def test_a_state_is_no_product_wherever_it_is(project):
    state = project.parent / "scratch"
    with job("train", version=1, words=[], arguments={"state": state}, project=project):
        publish_json(state / "batch.json", {})
        read_json(state / "batch.json")
        publish_json(Path("results/a.json"), {})
    assert list(Ledger(project).read("results/a.json")["outputs"]) == ["results/a.json"]


def test_hidden_notes_are_no_product(project):
    outside = project.parent / ".cache" / "a.txt"
    with job("movie", version=None, words=["deg"], arguments={}, project=project):
        publish_json(Path(".snakemake/deg_labels.json"), {})
        publish_json(Path("results/.notes/a.json"), {})
        publish_text(outside, "a")
    (record,) = Ledger(project).records()
    assert list(record["outputs"]) == [str(outside)]


def test_helping_processes_count(project):
    with recording.helping(project) as noted:
        Path("labels/m1.csv").read_text()
        publish_text(Path("results/a.txt"), "a")
    noted.gpus = ["card"]
    with at_work():
        assert recording.project_at_work() == project
        recording.add(noted)
    record = Ledger(project).read("results/a.txt")
    assert set(record["inputs"]) == {"labels/m1.csv"}
    assert record["machine"]["gpus"] == ["card"]
    with recording.helping(None) as noted:
        assert noted is None
    recording.add(None)


def test_an_input_that_changes_meanwhile_has_no_digest(project):
    labels = project / "labels" / "m1.csv"
    with at_work():
        labels.read_text()
        labels.write_text("edited while the job was running")
        publish_text(Path("results/a.txt"), "a")
    entry = Ledger(project).read("results/a.txt")["inputs"]["labels/m1.csv"]
    assert entry["sha256"] is None
    assert entry["bytes"] == 12


def test_a_job_that_fails_leaves_no_record(project):
    def fail():
        with at_work():
            publish_text(Path("results/a.txt"), "a")
            raise ValueError("no good")

    with pytest.raises(ValueError, match="no good"):
        fail()
    assert not (project / FOLDER).exists()
    with at_work():  # and does not disturb the next one
        publish_text(Path("results/b.txt"), "b")
    assert list(Ledger(project).read("results/b.txt")["outputs"]) == ["results/b.txt"]


def test_nothing_is_recorded_outside_of_projects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with at_work("--out", "a.txt"):
        publish_text(Path("a.txt"), "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_job_that_makes_nothing_in_the_project_leaves_no_record(project):
    with at_work():
        publish_text(project.parent / "a.txt", "a")
    assert not (project / "results").exists()
    # Unless the project is what it is about, as with a movie.
    with job("movie", version=None, words=["deg"], arguments={}, project=project):
        publish_text(project.parent / "a.txt", "a")
    assert Ledger(project).read(str(project.parent / "a.txt"))["stage"] == "movie"


def test_the_project_is_found_from_the_words(project, monkeypatch):
    monkeypatch.chdir(project.parent)
    with at_work("--out", "a project/results/a.txt"):
        publish_text(Path("a project/results/a.txt"), "a")
    assert Ledger(project).read("results/a.txt") is not None


def test_a_result_is_kept_where_its_record_cannot_be(project, capsys):
    (project / "results").mkdir()
    (project / FOLDER).write_text("a file where the folder should be")
    with at_work():
        publish_text(Path("results/a.txt"), "a")
    assert (project / "results" / "a.txt").read_text() == "a"
    assert "is not recorded" in capsys.readouterr().err


def test_a_result_is_kept_whatever_its_record_fails_of(project, capsys):
    with at_work(settings={"behaviors": {"groom"}}):  # a set is no JSON
        publish_text(Path("results/a.txt"), "a")
    assert (project / "results" / "a.txt").read_text() == "a"
    assert "is not recorded (TypeError: " in capsys.readouterr().err


def test_names_that_are_not_utf8_are_recorded(project):
    raw = os.fsdecode(b"raw/m\xff.mp4")
    (project / "raw").mkdir()
    (project / raw).write_bytes(bytes(2**20))  # large: has a note of its own
    with at_work("--raw", raw):
        publish_text(Path("results/a.txt"), "a")
    (name, entry), = Ledger(project).read("results/a.txt")["inputs"].items()  # fmt: skip
    assert (name, entry["sha256"]) == (raw, sha("\0" * 2**20))


def test_jobs_side_by_side_each_keep_their_record(project):
    """As Snakemake runs them: processes that write into one ledger at a time."""
    children = []
    for n in range(4):
        if (child := os.fork()) == 0:
            for m in range(5):
                with at_work():
                    publish_text(Path(f"results/{n}/{m}.txt"), f"{n} {m}")
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    records = list(Ledger(project).records())
    assert len(records) == 20
    assert not list((project / FOLDER).rglob(".*"))


def test_a_file_made_again_has_its_new_record(project):
    for text in ("one", "two"):
        with at_work(stage=f"stage_{text}"):
            publish_text(Path("results/a.txt"), text)
    record = Ledger(project).read("results/a.txt")
    assert record["stage"] == "stage_two"
    assert record["outputs"]["results/a.txt"]["sha256"] == sha("two")


def test_seed(project):
    assert recording.seed_of({"seed": 3}) == 3
    assert recording.seed_of({"settings": {"seed": 0}, "threads": 2}) == 0
    assert recording.seed_of({"videos": ["m1"]}) is None


def test_long_words_name_no_file(project):
    with at_work("--settings", json.dumps({"a": "x" * 5000}), "nul\0"):
        publish_text(Path("results/a.txt"), "a")
    assert Ledger(project).read("results/a.txt")["inputs"] == {}
