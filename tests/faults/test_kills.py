"""A few kills of each kind, on the first stages; `make test-faults` does hundreds on all stages."""

import os
import random

import compare
import damage
import pytest
import small
from campaign import reference
from lives import Life, Tally
from trainings import Trainings

TARGETS = ["results/stats/m3.json", "results/labels/m3.csv"]


@pytest.mark.workflow
def test_killed_runs_go_on_to_the_same_results(tmp_path):
    expected, tally = reference(tmp_path / "reference", TARGETS), Tally()
    assert {"import/m3.h5", "labels/m3.csv", "stats/m3.json"} <= set(expected)
    folder = small.make(tmp_path / "life 1" / "Mäuse", tmp_path / "raw")
    # All of them: of a job's results, Snakemake makes anew only what it is asked for.
    targets = sorted(f"results/{name}" for name in expected)
    life = Life(folder, expected, seed=3, tally=tally, targets=targets, jobs_before=[0])
    life.live(["job", "snakemake", "cut", "all"])
    assert tally.count == 4
    assert tally.wrong == []
    assert tally.checked >= 4
    assert compare.contents(life.folder / "results").keys() == expected.keys()


# --- the harness itself: what must be noticed


def test_another_result_is_noticed_and_another_time_is_not():
    record = b'{"seconds": 3, "best": 0.5}'
    expected = {"models/flow/a.run.json": record, "labels/m1.csv": b"rear\n1\n"}
    assert compare.wrong(expected, expected) == []
    slower = {"models/flow/a.run.json": b'{"seconds": 9, "best": 0.5}'}
    assert compare.wrong(slower, expected) == []
    worse = {"models/flow/a.run.json": b'{"seconds": 3, "best": 0.4}'}
    assert compare.wrong(worse, expected) == ["models/flow/a.run.json"]
    assert compare.wrong({"labels/m1.csv": b"rear\n1"}, expected) == ["labels/m1.csv"]
    assert compare.wrong({"labels/m9.csv": b""}, expected) == ["labels/m9.csv"]


def test_hidden_files_and_records_are_no_results(tmp_path):
    for name in ("labels/m1.csv", "labels/.m2.csv.tmp-1", "provenance/labels/m1.csv.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert compare.contents(tmp_path) == {"labels/m1.csv": b"x"}


def test_a_power_cut_damages_the_newest_and_keeps_their_dates(tmp_path):
    for number in range(20):
        path = tmp_path / "results" / f"{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (1e9 + number, 1e9 + number))
    spoiled = damage.power_cut(tmp_path, random.Random(1))
    assert 1 <= len(spoiled) <= damage.MOST
    for path in spoiled:
        assert int(path.name) >= 20 - damage.NEWEST
        assert path.stat().st_mtime == 1e9 + int(path.name)
        assert path.read_bytes() != b"x" * 100


def log(folder, text):
    path = folder / "logs" / "train_flow" / "a.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # as Snakemake does
    path.write_text(text)


@pytest.mark.parametrize(
    ("again", "repeated"),
    [
        ("continuing from epoch 4, step 0\n", 0),
        ("continuing from epoch 3, step 2\n", 1),  # killed after it said so, before it was saved
        ("continuing from epoch 2, step 0\n", 2),
        ("epoch 1: loss 1\n", 3),
    ],
)
def test_repeated_work_is_counted(tmp_path, again, repeated):
    seen = Trainings([])
    log(tmp_path, "epoch 1: loss 3\nepoch 2: loss 2\nepoch 3: loss 1\n")
    seen.look(tmp_path)
    seen.look(tmp_path)  # the same attempt
    assert seen.repeated == []
    log(tmp_path, "loading\n")  # killed before it looked for a state
    seen.look(tmp_path)
    log(tmp_path, again)
    seen.look(tmp_path)
    assert seen.repeated == [repeated]
    assert bool(seen.lost) == (repeated > 1)
    seen.close()


def test_after_damage_more_may_be_repeated_once(tmp_path):
    seen = Trainings([])
    log(tmp_path, "epoch 1: loss 3\nepoch 2: loss 2\n")
    seen.look(tmp_path)
    seen.excuse()
    log(tmp_path, "epoch 1: loss 3\n")
    seen.look(tmp_path)
    assert (seen.repeated, seen.lost) == ([], [])
    log(tmp_path, "continuing from epoch 2, step 0\nepoch 2: loss 2\n")
    seen.look(tmp_path)
    assert seen.repeated == [0]
    seen.close()
