"""A study as an RO-Crate: which files are in it, and what its metadata says of them."""

import hashlib
import json
import os
import shutil
import zipfile
from urllib.parse import unquote

import ledgers
import pytest

from deg_core.cli import main
from deg_core.project.crate import encoding_of
from deg_core.project.folder import repository

TABLE = "results/summary/metrics.csv"


@pytest.fixture
def project(tmp_path, monkeypatch):
    return ledgers.make(tmp_path / "my project", monkeypatch)


def exported(project, out, *options, code=0):
    assert main(["export-study", str(project), "--out", str(out), *options]) == code
    return out


def entities(crate):
    graph = json.loads((crate / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    assert len({entity["@id"] for entity in graph}) == len(graph)
    return {entity["@id"]: entity for entity in graph}


def ids(value):
    return [reference["@id"] for reference in ([value] if isinstance(value, dict) else value)]


def files_in(crate):
    return {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()}


@pytest.fixture
def crate(project, tmp_path):
    return exported(project, tmp_path / "crate")


def test_what_is_copied_and_what_is_not(crate):
    found = files_in(crate)
    assert {"config.yaml", "videos.tsv", "labels/m1.csv", TABLE, "README.md"} <= found
    assert {"results/ethograms/m1.csv", "workflow/Snakefile", "workflow/rules/import.smk"} <= found
    assert not [name for name in found if name.endswith((".mp4", ".h5", ".pyc"))]
    assert (crate / TABLE).read_text() == "f1\n0.9\n"


def test_references_lead_somewhere(crate):
    found = entities(crate)
    elsewhere = {"https://w3id.org/ro/crate/1.1", "http://schema.org/CompletedActionStatus"}

    def check(value):
        if isinstance(value, dict):
            if set(value) == {"@id"} and not value["@id"].startswith("https://bioschemas"):
                assert value["@id"] in found or value["@id"] in elsewhere
            for inner in value.values():
                check(inner)
        elif isinstance(value, list):
            for inner in value:
                check(inner)

    check(list(found.values()))


def test_every_copied_file_is_a_part_with_its_digest(crate):
    found = entities(crate)
    parts = ids(found["./"]["hasPart"])
    inside = {unquote(part) for part in parts if "://" not in part}
    kept = {name for name in files_in(crate) if name.startswith("results/provenance/")}
    assert inside == files_in(crate) - kept - {"ro-crate-metadata.json"}
    for part in parts:
        if "://" not in part:
            content = (crate / unquote(part)).read_bytes()
            assert found[part]["sha256"] == hashlib.sha256(content).hexdigest()
            assert found[part]["contentSize"] == str(len(content))


def test_raw_videos_are_named_by_their_content(crate, project):
    found = entities(crate)
    (raw,) = (e for e in found.values() if e.get("name") == "raw/m1.mp4")
    content = (project / "raw" / "m1.mp4").read_bytes()
    assert raw["sha256"] == hashlib.sha256(content).hexdigest()
    assert raw["contentSize"] == str(len(content))
    assert raw["@id"].startswith("ni:///sha-256;")
    assert raw["@id"] in ids(found["#run"]["object"])
    assert raw["@id"] in ids(found["./"]["hasPart"])


def test_one_action_for_each_job(crate):
    found = entities(crate)
    actions = {e["name"]: e for e in found.values() if e["@type"] == "CreateAction"}
    assert len(actions) == 6
    action = actions[f"summarize: {TABLE}"]
    assert ids(action["result"]) == [TABLE]
    names = {found[i]["name"] for i in ids(action["object"])}
    assert {"results/predictions/m1.h5", "results/predictions/m2.h5"} <= names
    assert action["startTime"] <= action["endTime"]
    predict = actions["predict: results/predictions/m1.h5"]
    values = {
        found[i]["name"]: found[i]["value"]
        for i in ids(predict["object"])
        if found[i]["@type"] == "PropertyValue"
    }
    assert values["seed"] == "4"
    told = {found[i]["name"] for i in ids(predict["environment"])}
    assert {"host", "processor", "Python"} <= told
    program = found[ids(predict["instrument"])[0]]
    assert (program["name"], program["softwareVersion"]) == ("deg predict", "2")
    mentioned = ids(found["./"]["mentions"])
    assert set(mentioned) == {action["@id"] for action in actions.values()}


def test_a_replaced_input_is_not_confused_with_the_copied_one(project, tmp_path):
    (project / "labels" / "m1.csv").write_text("better labels\n")
    ledgers.predict(1)
    ledgers.summarize()
    found = entities(exported(project, tmp_path / "crate"))
    names = [e for e in found.values() if e.get("name") == "labels/m1.csv"]
    assert sorted(e["@id"].partition(":")[0] for e in names) == ["labels/m1.csv", "ni"]


def test_the_workflow_is_named_by_its_copy_in_the_crate(project, tmp_path):
    style = str(repository() / "workflow" / "scripts" / "style.py")
    ledgers.call("figure_data", style, TABLE, **{"results/figures/data.svg": "<svg/>"})
    found = entities(exported(project, tmp_path / "crate"))
    (action,) = (
        e for e in found.values() if e.get("name") == "figure_data: results/figures/data.svg"
    )
    assert "workflow/scripts/style.py" in ids(action["object"])
    assert style not in {e.get("name") for e in found.values()}


def test_people_and_license(project, tmp_path):
    options = ["--authors", "Anna Bell", "Bo", "--license", "https://x.org/by", "--name", "Mice"]
    found = entities(exported(project, tmp_path / "crate", *options))
    root = found["./"]
    assert (root["name"], root["license"]) == ("Mice", {"@id": "https://x.org/by"})
    assert found["https://x.org/by"]["@type"] == "CreativeWork"
    assert [found[i]["name"] for i in ids(root["author"])] == ["Anna Bell", "Bo"]
    assert ids(found["#run"]["agent"]) == ids(root["author"])


def test_the_copy_can_still_tell_how_it_came_to_be(crate, project, capsys):
    shutil.rmtree(project)
    assert main(["provenance", str(crate / TABLE)]) == 0
    assert "raw/m1.mp4" in capsys.readouterr().out
    assert main(["provenance", "--check", str(crate)]) == 0
    assert "no longer there" in capsys.readouterr().out


def test_models_on_demand(project, tmp_path):
    ledgers.call("train", "labels/m1.csv", **{"results/models/m.pt": "weights"})
    assert "results/models/m.pt" not in files_in(exported(project, tmp_path / "without"))
    crate = exported(project, tmp_path / "with", "--with-models")
    assert "results/models/m.pt" in files_in(crate)
    assert "train: results/models/m.pt" in {e.get("name") for e in entities(crate).values()}


def test_zip(project, tmp_path, crate):
    out = exported(project, tmp_path / "crate.zip")
    assert set(zipfile.ZipFile(out).namelist()) >= files_in(crate)
    assert not list(tmp_path.glob(".*"))


def test_zip_of_files_older_than_the_format(project, tmp_path):
    os.utime(project / "labels" / "m1.csv", (0, 0))
    out = exported(project, tmp_path / "crate.zip")
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("labels/m1.csv").date_time[0] == 1980
        assert archive.namelist() == sorted(archive.namelist(), key=lambda name: name.split("/"))


def test_an_input_whose_name_is_not_utf8(project, tmp_path):
    odd = os.fsdecode(b"raw/m\xff.mp4")
    (project / odd).write_bytes(b"odd")
    ledgers.call("look", odd, **{"results/summary/odd.csv": "x"})
    found = entities(exported(project, tmp_path / "crate"))
    assert odd in {entity.get("name") for entity in found.values()}


def test_a_result_whose_name_is_not_utf8(project, tmp_path):
    odd = os.fsdecode(b"results/summary/m\xff.csv")
    ledgers.call("look", "labels/m1.csv", **{odd: "x"})
    out = exported(project, tmp_path / "crate")
    assert (out / odd).read_text() == "x"
    entity = entities(out)["results/summary/m%FF.csv"]
    assert entity["contentSize"] == "1"
    assert entity["name"] == odd


def test_a_damaged_result_is_not_exported(project, tmp_path, capsys):
    (project / TABLE).write_text("f1\n0.99\n")
    exported(project, tmp_path / "crate", code=2)
    assert f"{TABLE}: has other content than when summarize made it" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["my project"]


def test_results_of_unknown_origin_are_exported_and_named(project, tmp_path, capsys):
    (project / "results" / "summary" / "by hand.csv").write_text("x")
    crate = exported(project, tmp_path / "crate")
    assert "not recorded, such as results/summary/by hand.csv" in capsys.readouterr().err
    assert entities(crate)["results/summary/by%20hand.csv"]["name"].endswith("by hand.csv")


def test_nothing_is_written_over(project, tmp_path, crate, capsys):
    exported(project, crate, code=2)
    assert "exists already" in capsys.readouterr().err


def test_nothing_to_export(project, tmp_path, capsys):
    shutil.rmtree(project / "results")
    exported(project, tmp_path / "crate", code=2)
    assert "there are no results" in capsys.readouterr().err


def test_encodings():
    assert encoding_of("a/b.csv") == "text/csv"
    assert encoding_of("m1.bouts.h5") == "application/x-hdf5"
    assert encoding_of("Snakefile") == "application/octet-stream"
