"""Clusters: tables of several programs, overlap with behaviors, and the two stages."""

import json

import numpy as np
import pytest
import videos

from deg_core.data.arrays import read_predictions
from deg_core.data.clusters import read_clusters
from deg_core.data.labels import write_frame_labels
from deg_core.errors import ConfigError, DegError, StateError
from deg_core.ethogram.clusters import overlap, probabilities, shares
from deg_core.settings import ClusterSettings, ImportSettings
from deg_core.stages import import_video, map_clusters, predict_clusters

MOSEQ = "syllable,centroid x,centroid y,heading\n3,1.0,2.0,0.1\n3,1.0,2.0,0.1\n0,1.0,2.0,0.1\n"
BSOID = ",B-SOiD labels\n0,3\n1,3\n2,0\n"
# Tagged onto DeepLabCut's csv: its two further header rows take part, so labels stand two rows
# too high, and the last one was repeated to fill the column.
TAGGED = (
    ",B-SOiD labels,scorer,net,net.1\n0,3,bodyparts,nose,nose\n1,3,coords,x,y\n2,0,0,1.5,2\n"
    "3,0,1,1.5,2\n4,0,2,1.5,2\n"
)
TWO_HEADS = "Type,Features,SVM classifier\nFrame@60Hz,Body length,B-SOiD labels\n" + (
    "0,0.5,3\n1,0.5,3\n2,0.5,0\n"
)


# --- tables


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (MOSEQ, ""),
        (BSOID, ""),
        (TAGGED, ""),
        (TWO_HEADS, ""),
        ("frame,cluster\n0,3.0\n1,3.0\n2,0.0\n", ""),
        ("frame,state\n0,3\n1,3\n2,0\n", ""),  # the only column that is no number of frames
        ("Syllable\r\n3\r\n3\r\n0\r\n", ""),
        ("\ufeffcluster\n3\n3\n0\n", ""),
        ("speed,my group\n1,3\n1,3\n1,0\n", "my group"),
    ],
)
def test_tables_of_several_programs(tmp_path, text, column):
    path = tmp_path / "clusters.csv"
    path.write_bytes(text.encode())
    assert read_clusters(path, column=column).tolist() == ["3", "3", "0"]


def test_names_and_gaps(tmp_path):
    path = tmp_path / "clusters.csv"
    path.write_text("frame,cluster\n0,sniff slow\n1,\n2,nan\n3,-1\n4,2.5\n")
    assert read_clusters(path).tolist() == ["sniff slow", "", "", "-1", "2.5"]


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", "", "is empty"),
        ("a,b\n1,2\n", "", r"a column of clusters, found a, b; name it in `clusters.column`"),
        ("3\n3\n0\n", "", r"a column of clusters, found 3"),
        ("frame,cluster\n0,1\n", "state", r"a column 'state', found frame, cluster"),
    ],
)
def test_other_tables_are_refused_with_a_reason(tmp_path, text, column, words):
    path = tmp_path / "clusters.csv"
    path.write_text(text)
    with pytest.raises(DegError, match=words):
        read_clusters(path, column=column)


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("a.csv", "missing.csv"):
        with pytest.raises(DegError, match=f"{name}: cannot be read"):
            read_clusters(tmp_path / name)


# --- overlap


CLUSTERS = [np.array(["a", "a", "a", "a", "b", "b"]), np.array(["b", "b", "", "c"])]
LABELS = [
    np.array([[1, 0], [1, 0], [1, 1], [0, 0], [0, 1], [0, 1]], np.int8),
    np.array([[0, -1], [-1, 1], [1, 1], [-1, -1]], np.int8),
]


def test_overlap_counts_known_frames_of_clusters():
    found = overlap(CLUSTERS, LABELS)
    assert found.names == ("a", "b", "c")
    # Background, first and second behavior; background is unknown where one may be present.
    assert found.positive.tolist() == [[1, 3, 1], [0, 0, 3], [0, 0, 0]]
    assert found.scored.tolist() == [[4, 4, 4], [3, 3, 3], [0, 0, 0]]


def test_shares_are_counts_mixed_with_the_average():
    found = overlap(CLUSTERS, LABELS)
    plain, prior = shares(found, prior_frames=0)
    # The average is that of frames in clusters: 3 of 7 and 4 of 7; of c nothing is known.
    np.testing.assert_allclose(prior, [3 / 7, 4 / 7])
    np.testing.assert_allclose(plain, [[3 / 4, 1 / 4], [0, 1], prior])
    mixed, _ = shares(found, prior_frames=7)
    np.testing.assert_allclose(mixed, [[6 / 11, 5 / 11], [3 / 10, 7 / 10], prior])


def test_majority_names_each_cluster_once():
    found = overlap(CLUSTERS, LABELS)
    named, _ = shares(found, mapping="majority", prior_frames=1000)
    assert named[:2].tolist() == [[1, 0], [0, 1]]
    np.testing.assert_allclose(named[2], [3 / 7, 4 / 7])  # of which nothing is known
    idle = overlap([np.array(["a", "a", "a"])], [np.array([[0, 0], [0, 0], [1, 0]], np.int8)])
    assert shares(idle, mapping="majority")[0].tolist() == [[0, 0]]


def test_unknown_clusters_have_the_average():
    table = probabilities(
        np.array(["b", "", "new", "a"]), names=["a", "b"], prior=np.array([0.5, 0.25]),
        probability=np.array([[1.0, 0.0], [0.0, 1.0]]),
    )  # fmt: skip
    assert table.dtype == np.float32
    assert table.tolist() == [[0, 1], [0.5, 0.25], [0.5, 0.25], [1, 0]]


# --- stages


@pytest.fixture
def project(tmp_path):
    """Labels and clusters of two training videos, and the import of a third."""
    for i, (names, table) in enumerate(zip(CLUSTERS, LABELS, strict=True)):
        write_frame_labels(tmp_path / f"labels/m{i}.csv", ["groom", "rear"], table)
        text = "frame,cluster\n" + "".join(f"{t},{name}\n" for t, name in enumerate(names))
        (tmp_path / f"m{i}.csv").write_text(text)
    raw = videos.write_video(tmp_path / "raw.mkv", videos.noise(4, 16, 16), codec="ffv1")
    settings = ImportSettings(size=(16, 16))
    import_video.run(raw=raw, out=tmp_path / "new.h5", settings=settings)
    (tmp_path / "new.csv").write_text("cluster\na\nb\nz\nb\n")
    return tmp_path


def learn(folder, *, groups="[]", **changes):
    arguments = {
        "videos": ["m0", "m1"], "clusters": [folder / "m0.csv", folder / "m1.csv"],
        "labels": folder / "labels", "groups": groups,
        "settings": ClusterSettings(prior_frames=0), "out": folder / "map.json",
    }  # fmt: skip
    map_clusters.run(**(arguments | changes))
    return json.loads((folder / "map.json").read_text())


def test_learned_overlap_becomes_predictions(project):
    learned = learn(project, groups='[["groom","rear"]]')
    assert learned["train_videos"] == ["m0", "m1"]  # what `advise` reads
    assert learned["clusters"]["a"]["n_positive"] == {"groom": 3, "rear": 1}
    assert learned["clusters"]["b"]["n_frames"] == {"groom": 3, "rear": 3}
    predict_clusters.run(
        clusters=project / "new.csv", store=project / "new.h5", mapping=project / "map.json",
        out=project / "p.h5",
    )  # fmt: skip
    found = read_predictions(project / "p.h5")
    np.testing.assert_allclose(
        found.probabilities, [[0.75, 0.25], [0, 1], [3 / 7, 4 / 7], [0, 1]], atol=1e-6
    )
    assert found.feature_probabilities.shape == (4, 0)
    assert (found.behaviors, found.groups) == (("groom", "rear"), (("groom", "rear"),))


def test_the_same_input_gives_the_same_bytes(project):
    learn(project)
    first = (project / "map.json").read_bytes()
    learn(project)
    assert (project / "map.json").read_bytes() == first


def test_clusters_of_another_video_are_refused(project):
    (project / "m1.csv").write_text("cluster\na\nb\n")
    with pytest.raises(DegError, match=r"m1.csv: expected a row for each of 4 frames.*found 2"):
        learn(project)
    assert not (project / "map.json").exists()


def test_no_cluster_at_all_is_an_error(project):
    for name, n in (("m0.csv", 6), ("m1.csv", 4)):
        (project / name).write_text("cluster,x\n" + ",1\n" * n)
    with pytest.raises(DegError, match="none of the frames"):
        learn(project)


def test_files_and_videos_must_be_as_many(project):
    with pytest.raises(ConfigError, match="a file for each of 2 videos, found 1"):
        learn(project, clusters=[project / "m0.csv"])


def test_a_damaged_mapping_is_named(project):
    learned = learn(project)
    del learned["prior"]
    (project / "map.json").write_text(json.dumps(learned))
    with pytest.raises(StateError, match=r"map\.json"):
        predict_clusters.run(
            clusters=project / "new.csv", store=project / "new.h5", mapping=project / "map.json",
            out=project / "p.h5",
        )  # fmt: skip
