"""`deg predict`: an exported run on videos, resumed, shared between processes, never half."""

import json
import os
import shutil
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import exported
import h5py
import pytest
import tiny
import videos

from deg_core import cli
from deg_core.data.source import read_source
from deg_core.errors import ConfigError, ModelError
from deg_core.project import claims, inference, predict
from deg_core.project.claims import claimed
from deg_core.project.recordings import Recording, mark_of, name_all, part_of, read_list


@pytest.fixture
def raw(tiny_project, tmp_path):
    """A folder with the three raw videos, to change."""
    return shutil.copytree(tiny_project.parent / "raw", tmp_path / "my videos")


@pytest.fixture
def imported_once(monkeypatch, tiny_project):
    """Count calls of the stages, and take their features from the tiny project: they are slow."""
    from deg_core.stages import extract_features, import_video

    calls = Counter()

    def take_store(*, raw, out, settings):
        calls["import"] += 1
        if "broken" in raw.name:
            really_import(raw=raw, out=out, settings=settings)
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_project / "import" / f"{raw.stem[:2]}.h5", out)

    def take_features(*, store, out, **_):
        calls["extract"] += 1
        lengths = {n: video for video, n in tiny.VIDEOS.items()}
        video = lengths[read_source(store).n_frames]
        shutil.copy(tiny_project / "features" / f"{video}.h5", out)

    really_import = import_video.run
    monkeypatch.setattr(import_video, "run", take_store)
    monkeypatch.setattr(extract_features, "run", take_features)
    return calls


def run(exported_run, out, paths, **options):
    return predict.predict_all(paths, model=exported_run[1], out=out, threads=1, **options)


def files(out):
    """Return what lies in a folder of results, but for locks and places of work."""
    inside = (path.relative_to(out) for path in out.rglob("*") if path.is_file())
    return {path.as_posix() for path in inside if not path.parts[0].startswith(".")}


def all_of(*names):
    ends = ("ethograms/{}.csv", "ethograms/{}.bouts.csv", "predictions/{}.h5", "records/{}.json")
    return {end.format(name) for name in names for end in ends}


def test_the_same_bytes_as_in_the_project(exported_run, raw, tmp_path):
    project, file = exported_run
    assert cli.main(["predict", "--model", f"{file}", "--out", f"{tmp_path / 'out'}", "--threads",
                     "1", *map(str, sorted(raw.glob("*.mkv")))]) == 0  # fmt: skip
    assert files(tmp_path / "out") == all_of(*tiny.VIDEOS)
    for kind, endings in {"ethograms": [".csv", ".bouts.csv"], "predictions": [".h5"]}.items():
        for name in [f"{video}{end}" for video in tiny.VIDEOS for end in endings]:
            own = project / "results" / kind / exported.RUN / name
            assert (tmp_path / "out" / kind / name).read_bytes() == own.read_bytes()
    record = json.loads((tmp_path / "out/records/m1.json").read_text())
    assert record["run"] == exported.RUN
    assert record["source"]["n_frames"] == 60
    assert set(record["results"]) == {f for f in all_of("m1") if not f.startswith("records")}
    assert not list((tmp_path / "out").glob(".*/*"))


def test_done_videos_are_left_out(exported_run, raw, tmp_path, imported_once, capsys):
    out = tmp_path / "out"
    paths = sorted(raw.glob("*.mkv"))
    assert run(exported_run, out, paths[:2]) == 0
    assert imported_once["import"] == 2
    (raw / "m1.mkv").touch()  # holds what it held
    assert run(exported_run, out, paths) == 0
    assert imported_once["import"] == 3
    assert "3 videos: 1 predicted, 2 done before" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    ["another video", "another model", "another version", "a result gone", "a result cut off"],
)
def test_stale_ones_are_done_again(change, exported_run, raw, tmp_path, imported_once, monkeypatch):
    out, video = tmp_path / "out", raw / "m1.mkv"
    assert run(exported_run, out, [video]) == 0
    if change == "another video":
        shutil.copy(raw / "m2.mkv", video)
    elif change == "another model":
        monkeypatch.setattr(inference.Manifest, "digest", "another")
    elif change == "another version":
        monkeypatch.setitem(inference.VERSIONS, "postprocess", 99)
    elif change == "a result gone":
        (out / "ethograms/m1.bouts.csv").unlink()
    else:
        os.truncate(out / "predictions/m1.h5", 100)
    assert run(exported_run, out, [video]) == 0
    assert imported_once["import"] == 2
    assert run(exported_run, out, [video]) == 0
    assert imported_once["import"] == 2


def test_a_broken_video_does_not_stop_the_others(
    exported_run, raw, tmp_path, imported_once, capsys
):
    (raw / "broken.mkv").write_bytes((raw / "m1.mkv").read_bytes()[:300])
    out, paths = tmp_path / "out", [raw / "broken.mkv", raw / "gone.mkv", raw / "m1.mkv"]
    assert run(exported_run, out, paths) == 2
    assert files(out) == all_of("m1") | {"records/broken.error.txt", "records/gone.error.txt"}
    text = capsys.readouterr().err
    assert f"deg: [1/3] {raw / 'broken.mkv'}: " in text
    assert text.count("broken.mkv: ") == 1
    assert "3 videos: 1 predicted, 0 done before, 2 failed (why: " in text


def test_an_error_is_forgotten_once_the_video_is_mended(exported_run, raw, tmp_path, imported_once):
    out, video = tmp_path / "out", raw / "m1.mkv"
    whole = video.read_bytes()
    video.unlink()
    assert run(exported_run, out, [video]) == 2
    assert files(out) == {"records/m1.error.txt"}
    video.write_bytes(whole)
    assert run(exported_run, out, [video]) == 0
    assert files(out) == all_of("m1")


def test_a_fault_of_the_program_is_told_and_does_not_stop_the_others(
    exported_run, raw, tmp_path, imported_once, monkeypatch, capsys
):
    from deg_core.stages import postprocess

    whole, calls = postprocess.run, []

    def faulty_once(**arguments):
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError("a bug")
        whole(**arguments)

    monkeypatch.setattr(postprocess, "run", faulty_once)
    assert run(exported_run, tmp_path / "out", [raw / "m1.mkv", raw / "m2.mkv"]) == 1
    assert files(tmp_path / "out") == all_of("m2") | {"records/m1.error.txt"}
    assert "ZeroDivisionError" in (tmp_path / "out/records/m1.error.txt").read_text()
    assert "unexpected ZeroDivisionError: a bug" in capsys.readouterr().err


def test_what_would_stop_all_stops_at_once(exported_run, raw, tmp_path, monkeypatch):
    from deg_core.stages import import_video

    def refuse(**_):
        raise ConfigError("OpenVINO is not installed.")

    monkeypatch.setattr(import_video, "run", refuse)
    with pytest.raises(ConfigError, match="OpenVINO"):
        run(exported_run, tmp_path / "out", [raw / "m1.mkv", raw / "m2.mkv"])
    with pytest.raises(ModelError, match="no such file"):
        predict.predict_all([raw / "m1.mkv"], model=tmp_path / "no.deg", out=tmp_path / "out")
    with pytest.raises(ConfigError, match="no video is given"):
        run(exported_run, tmp_path / "out", [])


def test_one_at_work_elsewhere_is_left_to_it(exported_run, raw, tmp_path, imported_once, capsys):
    out = tmp_path / "out"
    with claimed(out / ".locks" / Recording(raw / "m1.mkv", "m1").key) as ours:
        assert ours
        assert run(exported_run, out, sorted(raw.glob("*.mkv"))) == 0
    assert files(out) == all_of("m2", "m3")
    assert "1 at work in another process" in capsys.readouterr().err


def test_nothing_counts_before_all_is_there(
    exported_run, raw, tmp_path, imported_once, monkeypatch
):
    out, publish = tmp_path / "out", inference.publish_json
    assert run(exported_run, out, [raw / "m1.mkv"]) == 0
    shutil.copy(raw / "m2.mkv", raw / "m1.mkv")

    def killed_before_the_record(path, value):
        if path.parent.name == "records":
            raise KeyboardInterrupt
        publish(path, value)

    monkeypatch.setattr(inference, "publish_json", killed_before_the_record)
    with pytest.raises(KeyboardInterrupt):
        run(exported_run, out, [raw / "m1.mkv"])
    assert files(out) == all_of("m1") - {"records/m1.json"}
    monkeypatch.setattr(inference, "publish_json", publish)
    assert run(exported_run, out, [raw / "m1.mkv"]) == 0
    assert files(out) == all_of("m1")


def test_imports_are_kept_for_the_next_model(
    exported_run, raw, tmp_path, imported_once, monkeypatch
):
    paths, store = [raw / "m1.mkv", raw / "m2.mkv"], tmp_path / "store"
    assert run(exported_run, tmp_path / "a", paths, store=store) == 0
    assert run(exported_run, tmp_path / "b", paths, store=store, scratch=tmp_path / "fast") == 0
    assert imported_once == {"import": 2, "extract": 4}
    assert not list((tmp_path / "fast").iterdir())
    shutil.copy(raw / "m2.mkv", raw / "m1.mkv")
    assert run(exported_run, tmp_path / "b", paths, store=store) == 0
    assert imported_once["import"] == 3


def test_calls_with_other_results_wait_for_an_import_into_the_same_store(
    exported_run, raw, tmp_path, imported_once, monkeypatch
):
    """An import of each would take the video away while the other one reads it."""
    from deg_core.stages import import_video

    quick, waits, said = import_video.run, threading.Event(), []

    def slow(**arguments):
        waits.wait(10)  # until the other call has come as far as this, if it does not wait
        quick(**arguments)

    monkeypatch.setattr(import_video, "run", slow)
    monkeypatch.setattr(claims, "POLL_S", 0.01)
    monkeypatch.setattr(claims, "log", lambda text: (said.append(text), waits.set()))
    store, video = tmp_path / "store", raw / "m1.mkv"
    with ThreadPoolExecutor(2) as both:
        ends = both.map(lambda n: run(exported_run, tmp_path / n, [video], store=store), "ab")
        assert list(ends) == [0, 0]
    assert imported_once["import"] == 1
    assert said == [f"{video}: another process imports it into {store}; waiting for that."]
    assert files(tmp_path / "a") == files(tmp_path / "b") == all_of("m1")
    assert not list((store / ".locks").iterdir())


def test_an_import_that_never_ends_is_not_waited_for_without_end(
    exported_run, raw, tmp_path, imported_once, monkeypatch, capsys
):
    """As where a machine went down that had locked a file of a network drive."""
    monkeypatch.setattr(inference, "PATIENCE_S", 0.05)
    monkeypatch.setattr(claims, "POLL_S", 0.01)
    store, video = tmp_path / "store", Recording(raw / "m1.mkv", "m1")
    with claimed(store / ".locks" / f"{video.key}.import"):
        assert run(exported_run, tmp_path / "a", [video.raw], store=store) == 0
        assert not (store / "m1.h5").exists()
    assert f"still not in {store}; imported for this call alone" in capsys.readouterr().err
    assert files(tmp_path / "a") == all_of("m1")
    assert run(exported_run, tmp_path / "b", [video.raw], store=store) == 0
    assert (store / "m1.h5").is_file()


def test_a_store_in_the_folder_of_the_results_does_not_wait_for_itself(
    exported_run, raw, tmp_path, imported_once, monkeypatch, capsys
):
    monkeypatch.setattr(inference, "PATIENCE_S", 0.05)
    assert run(exported_run, tmp_path / "a", [raw / "m1.mkv"], store=tmp_path / "a") == 0
    assert "waiting" not in capsys.readouterr().err


def test_a_store_with_all_videos_need_not_be_writable(exported_run, raw, tmp_path, imported_once):
    store = tmp_path / "store"
    assert run(exported_run, tmp_path / "a", [raw / "m1.mkv"], store=store) == 0
    (store / ".locks").rmdir()
    (store / ".locks").write_text("no folder")
    assert run(exported_run, tmp_path / "b", [raw / "m1.mkv"], store=store) == 0
    assert imported_once["import"] == 1


def test_a_store_writes_over_nothing_of_another_program(exported_run, raw, tmp_path, imported_once):
    out, theirs = tmp_path / "out", raw / "m1.h5"  # where SLEAP keeps what it found in m1.mkv
    with h5py.File(theirs, "w") as file:
        file["tracks"] = [1.0]
    before = theirs.read_bytes()
    with pytest.raises(
        ConfigError, match=r"--store: .*m1\.h5 was not written by deg; name another"
    ):
        run(exported_run, out, [raw / "m1.mkv"], store=raw)
    assert theirs.read_bytes() == before
    assert not imported_once["import"]
    assert not list(raw.glob("m1.*.*"))


@pytest.mark.parametrize("name", ["m1.background.png", "m1.stats.json", "m1.source.json"])
def test_a_store_writes_over_no_picture_or_table(name, exported_run, raw, tmp_path, imported_once):
    theirs = raw / name
    theirs.write_text("5")
    with pytest.raises(
        ConfigError, match=rf"--store: .*{name} was not written by deg; name another"
    ):
        run(exported_run, tmp_path / "out", [raw / "m1.mkv"], store=raw)
    assert theirs.read_text() == "5"
    assert not imported_once["import"]
    assert {path.name for path in raw.glob("m1.*")} == {"m1.mkv", "m1.csv", name}


def test_an_import_without_its_note_is_done_again(exported_run, raw, tmp_path, imported_once):
    store = tmp_path / "store"
    assert run(exported_run, tmp_path / "a", [raw / "m1.mkv"], store=store) == 0
    (store / "m1.source.json").unlink()
    assert run(exported_run, tmp_path / "b", [raw / "m1.mkv"], store=store) == 0
    assert imported_once["import"] == 2
    assert (store / "m1.source.json").is_file()


def test_what_a_killed_import_left_is_known_to_be_ours(
    exported_run, raw, tmp_path, imported_once, monkeypatch
):
    store = tmp_path / "store"
    assert run(exported_run, tmp_path / "a", [raw / "m1.mkv"], store=store) == 0
    (store / "m1.h5").unlink()  # to save space
    with monkeypatch.context() as patch:
        patch.setattr("deg_core.stages.import_video.run", killed)
        with pytest.raises(KeyboardInterrupt):
            run(exported_run, tmp_path / "b", [raw / "m1.mkv"], store=store)
    assert run(exported_run, tmp_path / "b", [raw / "m1.mkv"], store=store) == 0
    assert {path.name for path in store.iterdir()} >= {"m1.h5", "m1.source.json"}


def killed(**_):
    raise KeyboardInterrupt


def test_parts_divide_all_videos(raw, tmp_path):
    some = [tmp_path / f"m{number}.mp4" for number in range(7)]
    parts = [[one.name for one in part_of(name_all(some, root=None), f"{i}/3")] for i in (1, 2, 3)]
    assert parts == [["m0", "m3", "m6"], ["m1", "m4"], ["m2", "m5"]]
    assert part_of(name_all(reversed(some), root=None), "2/3")[0].name == "m1"
    assert len(part_of(name_all(some + some, root=None), None)) == 7
    for text in ("0/3", "4/3", "3", "a/b", "1/0", "-1/3", ""):
        with pytest.raises(ConfigError, match="--part: expected"):
            part_of([], text)


def test_names_of_results(tmp_path):
    (tmp_path / "day 1/images").mkdir(parents=True)
    both = [tmp_path / "day 1/cam.mp4", tmp_path / "day 2/cam.mp4"]
    with pytest.raises(ConfigError, match=r"one name, ethograms/cam\.csv"):
        name_all(both, root=None)
    assert [one.name for one in name_all(both, root=tmp_path)] == ["day 1/cam", "day 2/cam"]
    assert name_all([tmp_path / "day 1/images"], root=None)[0].name == "images"
    with pytest.raises(ConfigError, match="lies outside of --root"):
        name_all(both, root=tmp_path / "day 1")
    with pytest.raises(ConfigError, match=r"one name, ethograms/a\.bouts\.csv"):
        name_all([tmp_path / "a.mp4", tmp_path / "A.bouts.mp4"], root=None)


def test_lists(tmp_path):
    listed = tmp_path / "sets/videos.txt"
    listed.parent.mkdir()
    listed.write_text("# of May\n../a.mp4\n\n  /b/ü 1.avi\n")
    assert read_list(listed) == [listed.parent / "../a.mp4", listed.parent / "/b/ü 1.avi"]
    listed.write_text("# nothing yet\n")
    with pytest.raises(ConfigError, match="names no video"):
        read_list(listed)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_list(tmp_path)


def test_a_folder_of_images_changes_with_its_images(tmp_path):
    folder = videos.write_images(tmp_path / "images", videos.noise(3, 8, 8))
    before = mark_of(folder)
    assert mark_of(folder) == before
    image = sorted(folder.iterdir())[1]
    os.utime(image, ns=(0, time.time_ns() + 10**9))
    assert mark_of(folder) != before


def test_another_version_is_told(exported_run, raw, tmp_path, imported_once, monkeypatch, capsys):
    monkeypatch.setitem(predict.VERSIONS, "import_video", 99)
    assert run(exported_run, tmp_path / "out", [raw / "m1.mkv"]) == 0
    assert "import_video is version 99 in this program" in capsys.readouterr().err
