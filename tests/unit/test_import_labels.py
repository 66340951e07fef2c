import pytest
from videos import counting, write_store

from deg_core.data.labels import read_frame_labels
from deg_core.errors import ConfigError, LabelError, StateError
from deg_core.settings import LabelSettings
from deg_core.stages.import_labels import run


@pytest.fixture
def video(tmp_path):
    return write_store(tmp_path / "m1.h5", counting(6))


def imported(tmp_path, video, text, *, behaviors=("groom", "rear"), annotator=None, groups="[]"):
    labels = tmp_path / "labels m1.csv"
    labels.write_text(text, encoding="utf-8")
    out = tmp_path / "results" / "m1.csv"
    settings = LabelSettings(behaviors=behaviors, annotator=annotator)
    run(labels=labels, store=video, out=out, settings=settings, groups=groups)
    return out


INTERVALS = (
    "kind,behavior,start_frame,stop_frame,annotator\n"
    "scored,*,0,5,anna\nbout,groom,1,3,anna\nbout,dig,0,2,anna\n"
    "scored,*,0,6,ben\nbout,rear,5,6,ben\n"
)


def test_intervals_of_the_chosen_annotator(tmp_path, video, capsys):
    out = imported(tmp_path, video, INTERVALS, annotator="anna")
    assert out.read_text() == ("frame,groom,rear\n0,0,0\n1,1,0\n2,1,0\n3,0,0\n4,0,0\n5,-1,-1\n")
    assert "not in `behaviors` of config.yaml, left out: dig." in capsys.readouterr().err
    names, labels = read_frame_labels(imported(tmp_path, video, INTERVALS, annotator="ben"))
    assert names == ["groom", "rear"]
    assert labels[:, 1].tolist() == [0, 0, 0, 0, 0, 1]


def test_frames_without_a_configured_behavior(tmp_path, video, capsys):
    out = imported(tmp_path, video, "background,rear\n" + "1,0\n" * 6)
    assert read_frame_labels(out)[1].tolist() == [[-1, 0]] * 6
    assert "unknown in every frame: groom." in capsys.readouterr().err


def test_labels_of_another_length_are_refused(tmp_path, video):
    with pytest.raises(LabelError, match=r"labels m1\.csv: 5 rows, but the video has 6 frames"):
        imported(tmp_path, video, "groom\n" + "0\n" * 5)
    assert not (tmp_path / "results").exists()


def test_several_annotators_need_a_choice(tmp_path, video):
    with pytest.raises(LabelError, match="several annotators"):
        imported(tmp_path, video, INTERVALS)


def test_no_behaviors_and_no_video(tmp_path, video):
    with pytest.raises(ConfigError, match="`behaviors` is empty"):
        imported(tmp_path, video, INTERVALS, behaviors=())
    with pytest.raises(StateError, match="does not exist"):
        imported(tmp_path, tmp_path / "none.h5", INTERVALS, annotator="anna")


PAIR = '[["rear", "groom"]]'


def test_two_of_a_group_in_one_frame_are_refused(tmp_path, video):
    text = "groom,rear\n" + "1,0\n" * 3 + "1,1\n" * 2 + "0,1\n"
    message = r"labels m1\.csv: 'groom' and 'rear' are present at once in frame 3 and in 1 more"
    with pytest.raises(LabelError, match=message):
        imported(tmp_path, video, text, groups=PAIR)
    assert not (tmp_path / "results").exists()
    assert imported(tmp_path, video, text).exists()


def test_labels_that_keep_to_a_group(tmp_path, video):
    text = "groom,rear\n" + "1,0\n" * 2 + "0,1\n" + "1,-1\n" + "-1,-1\n" + "0,0\n"
    values = read_frame_labels(imported(tmp_path, video, text, groups=PAIR))[1]
    # Who grooms does not rear; without the group nobody knows.
    assert values.tolist() == [[1, 0], [1, 0], [0, 1], [1, 0], [-1, -1], [0, 0]]
    values = read_frame_labels(imported(tmp_path, video, text))[1]
    assert values[3].tolist() == [1, -1]


def test_a_group_that_no_frame_tells_of_is_named(tmp_path, video, capsys):
    sentence = "in no frame is it known which of groom, rear is present, or that none is."
    imported(tmp_path, video, "groom,rear\n" + "0,-1\n" * 3 + "-1,0\n" * 3, groups=PAIR)
    assert sentence in capsys.readouterr().err
    imported(tmp_path, video, "groom,rear\n" + "0,-1\n" * 3 + "-1,1\n" * 3, groups=PAIR)
    assert capsys.readouterr().err == ""
    # Behaviors that nobody scored are named once.
    imported(tmp_path, video, "groom,rear\n" + "-1,-1\n" * 6, groups=PAIR)
    assert "unknown in every frame: groom, rear." in (told := capsys.readouterr().err)
    assert sentence not in told


def test_a_group_of_other_behaviors(tmp_path, video):
    with pytest.raises(ConfigError, match="'dig' is not in behaviors"):
        imported(tmp_path, video, "groom,rear\n" + "0,0\n" * 6, groups='[["groom", "dig"]]')
