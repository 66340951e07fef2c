"""The ledger: where records are kept, found again, and what a damaged one tells."""

import hashlib
import json
import os

import pytest

from deg_core.ledger import FOLDER, Fact, Ledger, digest, fact_of, find_project, look


@pytest.fixture
def ledger(tmp_path):
    (tmp_path / "config.yaml").write_text("behaviors: [groom]\n")
    return Ledger(tmp_path)


def write(path, content=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def record_of(ledger, *names, inputs=()):
    """A record as a job writes it, of files that exist."""

    def entries(names):
        return {
            name: Fact(
                *vars(look(ledger.path_of(name))).values()
            ).as_json() | {"sha256": digest(ledger.path_of(name))}
            for name in names
        }  # fmt: skip

    return {"stage": "predict", "inputs": entries(inputs), "outputs": entries(names)}


def test_digest_of_a_file_and_of_a_folder(tmp_path):
    write(tmp_path / "images" / "2.png", b"b")
    write(tmp_path / "images" / "1.png", b"a")
    write(tmp_path / "images" / ".DS_Store", b"hidden")
    a, b = (hashlib.sha256(c).hexdigest() for c in (b"a", b"b"))
    assert digest(tmp_path / "images" / "1.png") == a
    listed = f"{a}  1.png\n{b}  2.png\n".encode()
    assert digest(tmp_path / "images") == hashlib.sha256(listed).hexdigest()
    assert look(tmp_path / "images").bytes == 2
    assert look(tmp_path / "none") is None


def test_names_are_relative_inside_and_say_where_outside(ledger, tmp_path, monkeypatch):
    assert ledger.name_of(tmp_path / "results" / "a.csv") == "results/a.csv"
    assert ledger.name_of("/data/m1.mp4") == "/data/m1.mp4"
    monkeypatch.chdir(tmp_path)
    assert ledger.name_of("results/../raw/m 1.mp4") == "raw/m 1.mp4"
    assert ledger.name_of("../raw/m1.mp4") == "../raw/m1.mp4"
    link = tmp_path.parent / f"link to {tmp_path.name}"
    link.symlink_to(tmp_path)
    assert Ledger(link).name_of(tmp_path / "results" / "a.csv") == "results/a.csv"
    # A link in the project is named as it stands there, wherever it leads.
    write(tmp_path.parent / "far.mp4")
    (tmp_path / "near.mp4").symlink_to(tmp_path.parent / "far.mp4")
    assert ledger.name_of("near.mp4") == "near.mp4"


def test_each_file_has_a_place_of_its_own(ledger, tmp_path):
    names = ["results/a.csv", "a.csv", "../a.csv", "/b/a.csv", "/c/a.csv", "results/x/a.csv"]
    places = [ledger.place_of(name).relative_to(tmp_path / FOLDER) for name in names]
    assert len(set(places)) == len(names)
    assert [str(place) for place in places[:2]] == ["a.csv.json", "elsewhere/project/a.csv.json"]


def test_a_record_is_found_under_the_names_of_all_products(ledger, tmp_path):
    for name in ("a.pt", "a.csv"):
        write(tmp_path / "results" / name)
    record = record_of(ledger, "results/a.pt", "results/a.csv")
    ledger.write(record)
    assert ledger.read("results/a.pt")["outputs"] == record["outputs"]
    assert ledger.read("results/a.csv") == ledger.read("results/a.pt")
    assert ledger.read("results/b.csv") is None
    assert list(ledger.records()) == [ledger.read("results/a.pt")]
    assert not list((tmp_path / FOLDER).rglob(".*"))


def test_names_need_not_be_utf8(ledger, tmp_path):
    odd = os.fsdecode(b"m\xff.mp4")
    names = [f"results/{odd}", str(write(tmp_path.parent / f"of {tmp_path.name}" / odd))]
    write(tmp_path / names[0])
    ledger.write(record_of(ledger, *names))
    assert [list(ledger.read(name)["outputs"]) for name in names] == [names, names]
    for place in map(ledger.place_of, names):
        place.read_text(encoding="utf-8")  # raises if it is none
    assert len(digest(tmp_path / "results")) == 64


def test_a_line_to_a_record_of_other_products_tells_nothing(ledger, tmp_path):
    for name in ("a.pt", "a.csv"):
        write(tmp_path / "results" / name)
    ledger.write(record_of(ledger, "results/a.pt", "results/a.csv"))
    ledger.write(record_of(ledger, "results/a.pt"))
    assert ledger.read("results/a.csv") is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"{}"])
def test_a_damaged_record_tells_nothing(ledger, content):
    write(ledger.place_of("results/a.csv"), content)
    assert ledger.read("results/a.csv") is None
    assert list(ledger.records()) == []


def test_large_inputs_are_read_once(ledger, tmp_path, monkeypatch):
    raw = write(tmp_path / "raw" / "m1.mp4", bytes(2**20))
    now = look(raw)
    first = ledger.digest_of("raw/m1.mp4", now)
    monkeypatch.setattr("deg_core.ledger.digest", lambda path: pytest.fail("read again"))
    assert ledger.digest_of("raw/m1.mp4", now) == first == hashlib.sha256(bytes(2**20)).hexdigest()
    assert list(ledger.records()) == []  # the note is no record
    monkeypatch.undo()
    os.utime(raw, ns=(now.mtime_ns + 1, now.mtime_ns + 1))
    raw.write_bytes(b"1" * 2**20)
    assert ledger.digest_of("raw/m1.mp4", look(raw)) == hashlib.sha256(b"1" * 2**20).hexdigest()


def test_large_products_are_known_from_their_record(ledger, tmp_path, monkeypatch):
    path = write(tmp_path / "results" / "m1.h5", bytes(2**20))
    ledger.write(record_of(ledger, "results/m1.h5"))
    monkeypatch.setattr("deg_core.ledger.digest", lambda path: pytest.fail("read again"))
    found = ledger.digest_of("results/m1.h5", look(path))
    assert found == hashlib.sha256(bytes(2**20)).hexdigest()


def test_products_whose_time_snakemake_sets_are_read_once_more(ledger, tmp_path, monkeypatch):
    path = write(tmp_path / "results" / "m1.h5", bytes(2**20))
    ledger.write(record_of(ledger, "results/m1.h5"))
    os.utime(path, (1, 1))
    first = ledger.digest_of("results/m1.h5", look(path))
    monkeypatch.setattr("deg_core.ledger.digest", lambda path: pytest.fail("read again"))
    assert ledger.digest_of("results/m1.h5", look(path)) == first


def test_facts_survive_json():
    fact = Fact(3, 5, "ab")
    assert fact_of(json.loads(json.dumps(fact.as_json()))) == fact
    assert fact.looks_like(Fact(3, 5))
    assert not fact.looks_like(Fact(3, 6))


def test_the_project_of_a_file(ledger, tmp_path):
    assert find_project(tmp_path / "results" / "x" / "a.csv") == tmp_path
    away = tmp_path.parent / f"away from {tmp_path.name}"
    assert find_project(away) is None
    assert find_project(away, tmp_path / "a") == tmp_path
    (away / FOLDER).mkdir(parents=True)  # results that were copied without their project
    assert find_project(away / "results" / "a.csv") == away
