"""What is measured: defaults, the small version, a project's settings, and mistakes."""

import pytest
import yaml

from deg_core.bench import options as module
from deg_core.bench.options import Options, choose, size_of
from deg_core.errors import ConfigError, VideoError
from deg_core.presets import LOOKING


def test_defaults_are_all_parts_presets_and_the_papers_sizes():
    found = choose({})
    assert found.parts == ("extraction", "clips", "training", "length", "tgm")
    assert found.presets == LOOKING
    assert found.sizes == ((256, 256), (224, 224), (128, 192))
    assert (found.pairs, found.minutes, found.precisions) == (
        5, (1, 10, 60), ("fp32", "bf16", "int8"),
    )  # fmt: skip
    assert found.video is None
    assert found.config == {}


def test_what_is_not_given_counts_as_default():
    assert choose({"pairs": None, "presets": None}) == Options()
    assert choose({"pairs": 2}).pairs == 2


def test_the_small_version_gives_way_to_what_is_given():
    found = choose({"presets": ["lite"], "pairs": None}, quick=True)
    assert found.quick
    assert found.presets == ["lite"]
    assert found.pairs == module.QUICK["pairs"] < Options().pairs
    assert set(module.QUICK) <= set(vars(Options()))


@pytest.mark.parametrize(("text", "size"), [("128x192", (128, 192)), ("32x32", (32, 32))])
def test_sizes_are_height_and_width(text, size):
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["128", "128x", "128x192x3", "31x64", "-64x64", "axb", ""])
def test_what_is_no_size_is_told(text):
    with pytest.raises(ConfigError, match="--sizes: expected height and width"):
        size_of(text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"presets": ["quick"]},
            "--presets: 'quick' is not known; use of fast, medium, slow, lite",
        ),
        ({"parts": ["speed"]}, "--parts: 'speed' is not known; use of extraction, clips"),
        ({"parts": []}, "--parts: names nothing"),
        ({"precisions": ["fp8"]}, "--precisions: 'fp8' is not known; use of fp32, bf16, int8"),
        ({"stores": ["zip"]}, "--stores: 'zip' is not known; use of raw, jpeg"),
        ({"pairs": 0}, "--pairs: expected more than 0, got 0"),
        ({"repeats": -1}, "--repeats: expected more than 0, got -1"),
        ({"minutes": [1, 0]}, "--minutes: expected more than 0, got 0"),
        ({"seconds": float("nan")}, "--seconds: expected more than 0, got nan"),
        ({"threads": 0}, "--threads: expected more than 0"),
        ({"frames": 0}, "--frames: expected more than 0"),
        ({"batch": 0}, "--batch: expected more than 0"),
    ],
)
def test_values_that_make_no_sense_are_told(given, message):
    with pytest.raises(ConfigError, match=message):
        choose(given)


def test_a_missing_video_is_told(tmp_path):
    with pytest.raises(VideoError, match=r"none\.mp4: no such video"):
        choose({"video": tmp_path / "none.mp4"})


# --- a project


@pytest.fixture
def project(tmp_path):
    settings = {"behaviors": ["rear"], "presets": ["fast"], "import": {"size": [64, 96]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    rows = "video\tpath\tpretrain\na\ta.mp4\tyes\nb\tb.mp4\tyes\n"
    (tmp_path / "videos.tsv").write_text(rows)
    (tmp_path / "b.mp4").write_bytes(b"x")
    return tmp_path


def test_a_project_gives_presets_size_and_the_first_video_that_is_there(project):
    found = choose({}, project=project)
    assert found.presets == ("fast",)
    assert found.sizes == ((64, 96),)
    assert found.video == project / "b.mp4"
    assert found.config["behaviors"] == ["rear"]


def test_what_is_given_counts_more_than_the_project_and_that_more_than_quick(project):
    found = choose({"sizes": ((32, 32),)}, quick=True, project=project)
    assert found.sizes == ((32, 32),)
    assert found.presets == ("fast",)
    assert found.pairs == module.QUICK["pairs"]


def test_a_project_without_its_videos_renders_one(project):
    (project / "b.mp4").unlink()
    assert choose({}, project=project).video is None


def test_a_projects_mistakes_are_told(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        choose({}, project=tmp_path)


def test_the_record_of_the_options_is_plain(project):
    import json

    found = choose({}, project=project).plain()
    assert json.loads(json.dumps(found)) == found
    assert (found["project"], found["sizes"]) == (str(project), [[64, 96]])
