"""A whole run through a real Slurm that loses a node, jobs, and Snakemake itself."""

import itertools

import acts
import compare
import pytest
import scheduler


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """What happened to the project; minutes."""
    try:
        yield acts.play(tmp_path_factory.mktemp("story"))
    finally:
        for run in [*acts.Run.alive]:
            run.kill()


def test_the_run_ends_as_on_a_workstation(story):
    assert story.finished.code == 0, story.finished.said[-3000:]
    found = compare.contents(story.folder / "results")
    expected = compare.contents(story.workstation / "results")
    assert found.keys() == expected.keys()
    assert compare.wrong(found, expected) == []


def test_afterwards_there_is_nothing_to_do(story):
    assert story.again.code == 0
    assert "Nothing to be done" in story.again.said


def test_a_lost_node_is_replaced(story):
    assert story.lost.state == "NODE_FAIL"
    same = [job for job in story.jobs if job.fields["StdOut"].split("/")[:-1] ==
            story.lost.fields["StdOut"].split("/")[:-1]]  # fmt: skip
    assert len(same) > 1
    assert all(job.fields["Requeue"] == "0" for job in story.jobs)
    assert not any(job.fields.get("Restarts", "0") != "0" for job in story.jobs)


def test_a_canceled_training_continues(story):
    assert story.canceled.state in ("CANCELLED", "FAILED")
    assert story.record("features")["attempts"] == 2
    later = scheduler.of_rule(story.folder, "train_features")[-1]
    assert later.state == "COMPLETED"
    # The second attempt asks for more.
    assert (story.canceled.asked["memory"], later.asked["memory"]) == ("16000M", "32000M")


def test_no_run_starts_while_jobs_of_a_killed_one_live(story):
    for refused in story.refused:
        assert refused.code == 2
        assert f"`scancel {story.orphan.number}`" in refused.said
        assert "Traceback" not in refused.said
    # Nothing was submitted meanwhile: each training came after the end of the one before.
    jobs = scheduler.of_rule(story.folder, "train_sequence")
    for before, after in itertools.pairwise(jobs):
        assert before.fields["EndTime"] <= after.fields["StartTime"]


def test_a_training_that_meets_its_time_limit_continues(story):
    assert story.late.state == "TIMEOUT"
    # The orphan began it, and the last one finished; the late one was held so early, perhaps, that
    # it had made no step.
    assert story.record("sequence")["attempts"] in (2, 3)
    log = story.folder / "logs" / "train_sequence" / "tiny" / "0" / "all.log"
    assert "continuing from epoch" in log.read_text()


def test_jobs_ask_for_what_their_rules_need(story):
    def first(rule):
        return scheduler.of_rule(story.folder, rule)[0].asked

    training = {"partition": "gpu", "cpus": "8", "memory": "16000M", "cards": "gres:gpu:1"}
    assert first("train_flow") == training | {"time": "08:00:00"}
    assert first("train_features") == training | {"time": "08:00:00"}
    assert first("train_sequence") == training | {"memory": "8000M", "time": "04:00:00"}
    assert first("extract_features") == training | {
        "cpus": "4", "memory": "6000M", "time": "02:00:00",
    }  # fmt: skip
    plain = {"partition": "cpu", "cpus": "1", "cards": ""}
    assert first("predict") == plain | {"cpus": "2", "memory": "4000M", "time": "00:30:00"}
    assert first("evaluate") == plain | {"memory": "4000M", "time": "01:00:00"}
    assert first("check_quality") == plain | {"memory": "2000M", "time": "00:15:00"}


def test_short_steps_of_a_video_are_one_job(story):
    jobs = scheduler.of_rule(story.folder, "import")
    done = [job for job in jobs if job.state == "COMPLETED"]
    assert len(done) == 3
    # Import with two threads; then labels and statistics, 2000 MB each, 120 + 30 minutes in all.
    once = {"partition": "cpu", "cpus": "2", "memory": "4000M", "cards": "", "time": "02:30:00"}
    assert story.lost.asked == once
    again = next(job for job in done if job.fields["StdOut"].split("/")[:-1] ==
                 story.lost.fields["StdOut"].split("/")[:-1])  # fmt: skip
    assert again.asked == once | {"memory": "8000M", "time": "05:00:00"}
    rules = {job.rule for job in story.jobs}
    assert not rules & {"import_video", "video_stats", "tune_thresholds", "postprocess"}
    for job in story.jobs:
        assert ("gpu" in job.asked["cards"]) == (job.asked["partition"] == "gpu")
        assert int(job.asked["memory"].removesuffix("M")) >= 1000


def test_an_array_predicts_what_the_project_did(story, tmp_path):
    jobs, said = acts.predict_as_array(story.folder, tmp_path / "array")
    assert [job.state for job in jobs] == ["COMPLETED"] * 6
    assert sorted("1 predicted, 0 done before" in text for text in said) == [False] * 3 + [True] * 3
    assert sum("0 predicted, 1 done before" in text for text in said) == 3
    found = tmp_path / "array" / "predicted" / "ethograms"
    (ours,) = (story.folder / "results" / "ethograms").rglob("all")
    assert sorted(path.name for path in found.iterdir()) == sorted(
        path.name for path in ours.iterdir()
    )
    for path in found.iterdir():
        assert path.read_bytes() == (ours / path.name).read_bytes()
