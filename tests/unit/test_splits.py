"""Splits: exact counts, whole groups, every behavior in every part, and stable."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deg_core.errors import ConfigError, StateError
from deg_core.settings import SplitSettings
from deg_core.splits import ALL, FINAL, Parts, Run, pack, partition, plan, runs, unpack
from deg_core.table import Video

BOTH = {"groom": 20, "rear": 20}


def video(name: str, *, group: str = "", split: str | None = None) -> Video:
    return Video(name, Path(f"{name}.mp4"), group or name, False, Path("labels.csv"), split)


def lab(n: int) -> list[Video]:
    return [video(f"m{number}") for number in range(1, n + 1)]


def divide(videos, positive=None, *, split="0", behaviors=("groom", "rear"), **options) -> Parts:
    return partition(
        videos,
        {v.video: BOTH for v in videos} if positive is None else positive,
        split=split,
        behaviors=behaviors,
        settings=SplitSettings(**options),
    )


def sizes(parts: Parts) -> tuple[int, int, int]:
    return len(parts.train), len(parts.val), len(parts.test)


def complaint(*args, **options) -> str:
    with pytest.raises(ConfigError) as caught:
        divide(*args, **options)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


# --- counts


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (3, (1, 1, 1)),  # 0.6 of a group rounds to one
        (5, (3, 1, 1)),
        (8, (4, 2, 2)),  # 1.6 rounds to two
        (10, (6, 2, 2)),
        (37, (23, 7, 7)),
    ],
)
def test_counts_are_exact(n, expected):
    assert sizes(divide(lab(n))) == expected


def test_no_test_share_is_no_test_part():
    assert sizes(divide(lab(5), test=0.0)) == (4, 1, 0)


def test_final_has_no_test_part():
    assert sizes(divide(lab(5), split=FINAL)) == (4, 1, 0)


def test_order_is_pinned():
    # Another order would train every model of every project anew.
    assert divide(lab(5)) == Parts(("m2", "m1", "m5"), ("m3",), ("m4",))
    assert divide(lab(5), split="1") == Parts(("m3", "m4", "m2"), ("m5",), ("m1",))
    assert divide(lab(5), split=FINAL) == Parts(("m2", "m1", "m4", "m5"), ("m3",), ())
    assert divide(lab(5), seed=1) != divide(lab(5), seed=0)


def test_order_of_the_table_does_not_matter():
    videos = [video(f"m{n}", group=f"cage{n % 5}") for n in range(12)]
    assert divide(videos) == divide(videos[::-1])


def test_unlabeled_videos_take_no_part():
    videos = lab(6)
    assert divide(videos, {v.video: BOTH for v in videos[:5]}) == divide(lab(5))


def test_all_videos_of_a_run():
    parts = divide(lab(5))
    assert sorted(parts.all) == ["m1", "m2", "m3", "m4", "m5"]


# --- groups and fixed parts


def part_of(parts: Parts) -> dict[str, str]:
    return {v: part for part in ("train", "val", "test") for v in getattr(parts, part)}


def test_groups_stay_whole():
    videos = [video(f"m{n}", group=f"cage{n % 4}") for n in range(12)]
    places = part_of(divide(videos))
    for cage in range(4):
        assert len({places[f"m{n}"] for n in range(cage, 12, 4)}) == 1
    # Counts are those of groups: of four, one tests, one validates, two train.
    assert sizes(divide(videos)) == (6, 3, 3)


def test_fixed_parts_override():
    free = part_of(divide(lab(5)))
    assert (free["m1"], free["m2"]) == ("train", "train")
    videos = [video("m1", split="test"), video("m2", split="val"), *lab(5)[2:]]
    for split in ("0", "1", "2"):
        # A part that the table fixes gets no other group; the rest trains.
        assert divide(videos, split=split).test == ("m1",)
        assert divide(videos, split=split).val == ("m2",)
        assert sorted(divide(videos, split=split).train) == ["m3", "m4", "m5"]


def test_one_fixed_video_fixes_its_group_even_unlabeled():
    videos = [video("m0", group="cage", split="test"), video("m1", group="cage"), *lab(5)[1:]]
    positive = {v.video: BOTH for v in videos[1:]}
    assert divide(videos, positive).test == ("m1",)


def test_fixed_training_group_leaves_the_counts():
    videos = [video("m4", split="train"), *(v for v in lab(5) if v.video != "m4")]
    parts = divide(videos)  # m4 would be the test part
    assert sizes(parts) == (3, 1, 1)
    assert "m4" in parts.train


def test_fixed_test_videos_never_train():
    videos = [video("m1", split="test"), *lab(5)[1:]]
    assert "m1" not in divide(videos, split=FINAL).all


def test_fixed_test_part_counts_without_a_share():
    assert divide([video("m1", split="test"), *lab(5)[1:]], test=0.0).test == ("m1",)


# --- behaviors


def rare(n: int, having: list[str]) -> dict[str, dict[str, int]]:
    return {v.video: BOTH if v.video in having else {"groom": 20, "rear": 0} for v in lab(n)}


def test_every_behavior_is_in_every_part():
    # rear is in m1, m2, m5 only, which all train in hash order.
    positive = rare(5, ["m1", "m2", "m5"])
    parts = divide(lab(5), positive)
    for part in (parts.train, parts.val, parts.test):
        assert any(positive[v]["rear"] for v in part)


def test_a_behavior_in_too_few_groups_is_named():
    text = complaint(lab(5), rare(5, ["m1", "m2"]))
    assert text == (
        "config.yaml: behavior 'rear' is positive in 2 groups (m1, m2) only, but split 0 needs it "
        "in 3 groups, one per part; label it in more groups, or set splits.missing to allow to "
        "train without, or remove the behavior."
    )


def test_final_needs_a_behavior_in_two_parts_only():
    parts = divide(lab(5), rare(5, ["m1", "m2"]), split=FINAL)
    assert {"m1", "m2"} & set(parts.val)
    assert {"m1", "m2"} & set(parts.train)


def test_a_behavior_that_nobody_labeled_is_named():
    text = complaint(lab(5), rare(5, []))
    assert text.startswith(
        "config.yaml: behavior 'rear' is not positive in any labeled video (0 groups)"
    )


def test_behaviors_that_exclude_each_other_are_named():
    # Each of three behaviors is in three groups, but with one group to test with, that group
    # would have to show all three.
    videos = lab(9)
    names = ("a", "b", "c")
    positive = {f"m{n}": {names[(n - 1) // 3]: 5} for n in range(1, 10)}
    text = complaint(videos, positive, behaviors=names, test=0.1, val=0.1)
    assert "cannot have behavior 'a'" in text or "cannot have behavior 'b'" in text
    assert "raise splits.val or splits.test" in text


def test_missing_behaviors_may_be_allowed():
    parts = divide(lab(5), rare(5, ["m4"]), missing="allow")
    # m4 would test; the one group that shows rear trains instead.
    assert "m4" in parts.train
    assert sizes(parts) == (3, 1, 1)


def test_counts_below_one_are_no_positives():
    assert "0 groups" in complaint(lab(3), {v.video: {"groom": 1, "rear": 0} for v in lab(3)})


# --- too few groups


def test_one_labeled_video_too_few():
    assert complaint(lab(2)) == (
        "videos.tsv: split 0 needs at least 3 labeled groups, so that every part has one, but "
        "there are 2 (m1, m2); label videos of more groups, or lower splits.val and splits.test."
    )


def test_many_videos_of_one_animal():
    videos = [video(f"m{n}", group="anna") for n in range(10)]
    assert "needs at least 3 labeled groups" in complaint(videos)
    assert "there are 1 (anna)" in complaint(videos)


def test_nothing_labeled():
    text = complaint(lab(5), {})
    assert "but there are none" in text
    assert "set splits.count to 0" in text


def test_shares_that_leave_nothing_to_train():
    # Of 4 groups, 0.4 are 1.6, so 2 test, 2 validate; of 5, 2 and 2 leave one.
    text = complaint(lab(4), val=0.4, test=0.4)
    assert "needs at least 5 labeled groups" in text


def test_table_that_fixes_no_training():
    videos = [video("m1", split="val"), video("m2", split="test")]
    text = complaint(videos)
    assert "needs at least 3 labeled groups" in text
    assert "2 of them fixed by the table" in text


# --- properties

labs = st.integers(3, 14).flatmap(
    lambda n: st.tuples(
        st.just(n),
        st.integers(0, 50),
        st.lists(
            st.fixed_dictionaries({"groom": st.integers(0, 1), "rear": st.integers(0, 1)}),
            min_size=n,
            max_size=n,
        ),
    )
)


@given(labs)
def test_every_video_has_one_part_and_counts_hold(case):
    n, seed, frames = case
    positive = dict(zip([v.video for v in lab(n)], frames, strict=True))
    parts = divide(lab(n), positive, seed=seed, missing="allow")
    assert sorted(parts.all) == sorted(v.video for v in lab(n))
    share = max(1, round(0.2 * n))
    assert sizes(parts) == (n - 2 * share, share, share)


@given(labs)
def test_possible_coverage_is_reached(case):
    n, seed, frames = case
    positive = dict(zip([v.video for v in lab(n)], frames, strict=True))
    # With one behavior alone, three groups that show it are enough whatever the counts.
    for name in ("groom", "rear"):
        enough = sum(counts[name] for counts in frames) >= 3
        try:
            parts = divide(lab(n), positive, behaviors=(name,), seed=seed)
        except ConfigError:
            assert not enough
        else:
            assert enough
            for part in (parts.train, parts.val, parts.test):
                assert any(positive[v][name] for v in part)


@given(st.integers(3, 40), st.integers(0, 1000))
def test_an_added_group_moves_at_most_three(n, seed):
    before, after = part_of(divide(lab(n), seed=seed)), part_of(divide(lab(n + 1), seed=seed))
    # One over the border of test, one over that of val, and one more if both grow.
    assert sum(before[name] != after[name] for name in before) <= 3


@given(st.integers(3, 20), st.integers(0, 1000), st.integers(1, 5))
def test_an_added_unlabeled_video_moves_none(n, seed, more):
    positive = {v.video: BOTH for v in lab(n)}
    assert divide(lab(n), positive, seed=seed) == divide(lab(n + more), positive, seed=seed)


# --- runs


CONFIG = {
    "behaviors": ["groom", "rear"],
    "presets": ["fast", "lite"],
    "splits": {"count": 2, "final": True},
    "sweep": {"train_sizes": [1, 2], "presets": ["lite"]},
}


def test_runs():
    assert [run.name for run in runs(CONFIG)] == [
        "fast/0/all", "fast/1/all", "lite/0/all", "lite/1/all",
        "fast/final/all", "lite/final/all",
        "lite/0/1", "lite/0/2", "lite/1/1", "lite/1/2",
    ]  # fmt: skip


def test_one_run_by_default():
    assert runs({"behaviors": ["groom"]}) == [Run("lite", "0", ALL)]


def test_sweep_of_all_presets_by_default():
    config = CONFIG | {"sweep": {"train_sizes": [2]}, "splits": {"count": 1}}
    assert [run.name for run in runs(config)][2:] == ["fast/0/2", "lite/0/2"]


def test_no_splits_no_runs():
    assert runs({"behaviors": ["groom"], "splits": {"count": 0}}) == []
    assert plan({"behaviors": ["groom"], "splits": {"count": 0}}, lab(1), {}) == {}


def test_plan_gives_each_run_its_videos():
    videos = lab(5)
    planned = plan(CONFIG, videos, {v.video: BOTH for v in videos})
    assert list(planned) == runs(CONFIG)
    assert planned[Run("fast", "0", ALL)] == planned[Run("lite", "0", ALL)] == divide(videos)
    assert planned[Run("lite", "final", ALL)] == divide(videos, split=FINAL)


def test_sizes_of_the_sweep_are_nested():
    videos = lab(5)
    planned = plan(CONFIG, videos, {v.video: BOTH for v in videos})
    # Of m2, m1, m5, which train in this order; they are judged by the same videos.
    assert planned[Run("lite", "0", "1")] == Parts(("m2",), ("m3",), ("m4",))
    assert planned[Run("lite", "0", "2")] == Parts(("m2", "m1"), ("m3",), ("m4",))


def test_size_of_the_sweep_that_is_too_large():
    videos = lab(5)
    config = CONFIG | {"sweep": {"train_sizes": [4]}}
    with pytest.raises(ConfigError) as caught:
        plan(config, videos, {v.video: BOTH for v in videos})
    assert str(caught.value) == (
        "config.yaml: sweep.train_sizes asks for 4 training videos, but split 0 has 3; remove "
        "that size or label more videos."
    )


def test_automatic_sizes_of_the_sweep_are_smaller_than_the_training_part():
    config = CONFIG | {"sweep": {"train_sizes": "auto", "presets": ["lite"]}}
    for n, expected in (
        (5, ["1", "2"]),
        (7, ["1", "2", "4"]),
        (30, ["1", "2", "4", "8", "12", "16"]),
    ):
        videos = lab(n)  # of 5, 3 train; of 7, 5; of 30, 18
        planned = plan(config, videos, {v.video: BOTH for v in videos})
        for split in ("0", "1"):
            swept = [run for run in planned if run.split == split and run.n_train != ALL]
            assert [run.n_train for run in swept] == expected
            whole = planned[Run("lite", split, ALL)]
            for run in swept:  # nested, and judged by the same videos
                size = int(run.n_train)
                assert planned[run] == Parts(whole.train[:size], whole.val, whole.test)


def test_automatic_sizes_where_the_training_part_is_not_known():
    config = {"behaviors": ["groom"], "sweep": {"train_sizes": "auto"}}
    assert [run.n_train for run in runs(config)] == ["all", "1", "2", "4", "8", "12", "16"]


def test_settings_of_the_splits_reach_them():
    videos = lab(5)
    config = {"behaviors": ["groom"], "splits": {"test": 0, "val": 0.4, "seed": 7}}
    (parts,) = plan(config, videos, {v.video: BOTH for v in videos}).values()
    assert parts == divide(videos, behaviors=("groom",), test=0.0, val=0.4, seed=7)
    assert sizes(parts) == (3, 2, 0)


# --- as an argument of a stage


def test_parts_are_packed_and_unpacked():
    splits = {"0": Parts(("m2", "m1"), ("m3",), ("m4",)), FINAL: Parts(("m4",), ("m1",), ())}
    assert unpack(pack(splits)) == {
        "0": {"train": ["m1", "m2"], "val": ["m3"], "test": ["m4"]},
        FINAL: {"train": ["m4"], "val": ["m1"], "test": []},
    }
    some = unpack(pack(splits, ("train", "test")))
    assert some[FINAL] == {"train": ["m4"], "val": [], "test": []}
    assert unpack(pack({})) == {}


def test_what_does_not_matter_changes_no_argument():
    one, other = Parts(("m1", "m2"), ("m3",), ()), Parts(("m2", "m1"), ("m3",), ())
    assert pack({"0": one}) == pack({"0": other})
    assert pack({"0": one}, ["train"]) == pack({"0": Parts(("m1", "m2"), ("m4",), ())}, ["train"])


def test_two_thousand_videos_in_twenty_splits_fit_into_an_argument():
    names = [f"mouse{number:04d}_day1_cam2" for number in range(2000)]
    splits = {
        str(i): Parts(tuple(names[400:]), tuple(names[:200]), tuple(names[200:400]))
        for i in range(20)
    }
    # Linux: 128 KiB for one argument, and Snakemake hands a whole command to the shell as one.
    assert len(pack(splits)) < 100_000
    assert len(unpack(pack(splits))["19"]["train"]) == 1600


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"splits": ["0"], "videos": {"m1": ""}}', '{"splits": 1}']
)
def test_text_that_is_no_packed_parts(text):
    with pytest.raises(StateError, match="--parts: expected"):
        unpack(text)
