"""The doctor finds every mistake in settings and table, and keeps what is right."""

import pytest
from projects import HEADER

from deg_core.errors import ConfigError
from deg_core.project import check_settings


def write(folder, config, table=HEADER):
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(config)
    (folder / "videos.tsv").write_text(table)
    return folder


def texts(findings):
    return [finding.text for finding in findings]


def test_a_good_project_has_no_findings(tmp_path):
    folder = write(tmp_path / "p", "behaviors: [groom]\n", HEADER + "m1\tm1.mp4\t\tyes\t\t\n")
    project, findings = check_settings.examine_settings(folder)
    assert findings == []
    assert project.behaviors == ["groom"]
    assert [video.video for video in project.videos] == ["m1"]


def test_a_folder_without_project_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="deg new"):
        check_settings.examine_settings(tmp_path)


def test_every_mistake_in_the_settings_is_found(tmp_path):
    config = """\
behaviors: [groom]
featurs: {}
import: {size: [96], sise: 3}
features:
  common: {lr: fast, epochs: -1}
splits: {val: 0.6, test: 0.6}
"""
    folder = write(tmp_path / "p", config)
    found = texts(check_settings.examine_settings(folder)[1])
    assert len(found) == 6
    for number, key in enumerate(
        ["'featurs'", "import.size", "'sise'", "features.common.lr", "features.common.epochs"]
    ):
        assert key in found[number]
    # Neither share is wrong by itself.
    assert "splits: val (0.6) and test (0.6)" in found[5]


def test_a_mistake_is_told_once_however_much_stands_under_it(tmp_path):
    config = "behaviors: [groom]\nfeaturs: {common: {lr: 0.1}, fast: {lr: 0.1, epochs: 2}}\n"
    folder = write(tmp_path / "p", config)
    assert len(check_settings.examine_settings(folder)[1]) == 1


def test_what_is_right_stays_usable_beside_mistakes(tmp_path):
    config = "behaviors: [groom, rear]\nlabels: {annotator: anna}\nfeaturs: {}\n"
    folder = write(tmp_path / "p", config, HEADER + "m1\tm1.mp4\t\tyes\t\t\n")
    project, findings = check_settings.examine_settings(folder)
    assert len(findings) == 1
    assert project.behaviors == ["groom", "rear"]
    assert project.annotator == "anna"
    assert len(project.videos) == 1


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ("behaviors: []\n", "behaviors"),
        ("presets: [fast]\n", "behaviors"),
        ("behaviors: [groom\n", "not valid YAML"),
        ("", "expected keys such as"),
        ("[1, 2]\n", "expected keys such as"),
        ("behaviors: [groom]\npresets: [fats]\n", "fats"),
    ],
)
def test_settings_of_the_wrong_form_are_one_finding(tmp_path, config, word):
    _, findings = check_settings.examine_settings(write(tmp_path / "p", config))
    (text,) = texts(findings)
    assert word in text


def test_weights_that_are_missing_are_found(tmp_path):
    config = "behaviors: [groom]\nflow: {common: {weights: a.pt}}\nsequence: {lite: {epochs: 0}}\n"
    folder = write(tmp_path / "p", config)
    missing, unusable = texts(check_settings.examine_settings(folder)[1])
    assert f"{folder / 'a.pt'}: no such file" in missing
    assert "sequence (preset lite): epochs: 0 uses a model file as it is" in unusable
    (folder / "a.pt").touch()
    still, empty = texts(check_settings.examine_settings(folder)[1])
    assert still == unusable
    assert "expected a model of train_flow, but the file is damaged" in empty
    assert "name another one under `weights`." in empty


def test_own_presets_are_known_to_the_other_sections():
    config = {
        "behaviors": ["groom"], "presets": ["mine"], "preset_base": {"mine": "lite"},
        "features": {"mine": {"epochs": 3}, "common": {"epochs": -1}},
    }  # fmt: skip
    (text,) = check_settings.all_problems(config, "c")
    assert "features.common.epochs" in text


def test_groups_are_checked_against_the_behaviors_beside_other_mistakes():
    config = {"behaviors": ["groom", "rear"], "exclusive_groups": [["groom", "rear"]], "x": 1}
    (text,) = check_settings.all_problems(config, "c")
    assert "unknown key 'x'" in text
    config["exclusive_groups"] = [["groom", "dig"]]
    assert "'dig' is not in behaviors" in check_settings.all_problems(config, "c")[0]
    # Whether a group names behaviors is not known where there are none.
    for behaviors in ({"behaviors": ["groom", "groom"]}, {}):
        (text,) = check_settings.all_problems({"exclusive_groups": [["a", "b"]], **behaviors}, "c")
        assert "exclusive_groups" not in text


def test_settings_that_do_not_go_together_are_one_finding(tmp_path):
    config = """\
behaviors: [groom]
sequence:
  common: {network: transformer}
  lite: {n_heads: 5}
"""
    (text,) = texts(check_settings.examine_settings(write(tmp_path / "p", config))[1])
    assert "sequence (preset lite): hidden: expected a multiple of n_heads (5)" in text


def test_every_row_of_the_table_is_checked(tmp_path):
    rows = [
        "m 1\tm1.mp4\t\tyes\t\t",
        "m2\t\t\tyes\t\t",
        "m3\tm3.mp4\t\tmaybe\t\t",
        "m4\tm4.mp4\t\tno\t\t",
        "m5\tm5.mp4\t\tno\tlabels/absent.csv\t",
    ]
    folder = write(tmp_path / "p", "behaviors: [groom]\n", HEADER + "\n".join(rows) + "\n")
    project, findings = check_settings.examine_settings(folder)
    assert [video.video for video in project.videos] == ["m4"]
    found = texts(findings)
    assert len(found) == 4
    assert all(text.startswith(f"{folder / 'videos.tsv'}: ") for text in found)
    for number, words in enumerate(["line 2: 'm 1'", "m2: the column 'path'", "m3", "absent.csv"]):
        assert words in found[number]


def test_rows_that_only_do_not_go_together_are_one_finding(tmp_path):
    table = HEADER + "m1\ta.mp4\t\tyes\t\t\nm1\tb.mp4\t\tyes\t\t\n"
    folder = write(tmp_path / "p", "behaviors: [groom]\n", table)
    project, findings = check_settings.examine_settings(folder)
    (text,) = texts(findings)
    assert "two rows have the id 'm1'" in text
    assert len(project.videos) == 2


@pytest.mark.parametrize("table", ["", "vidio\tpath\tpretrain\n"])
def test_a_table_without_usable_header_is_one_finding(tmp_path, table):
    folder = write(tmp_path / "p", "behaviors: [groom]\n", table)
    assert len(check_settings.examine_settings(folder)[1]) == 1


def test_a_missing_table_is_a_finding(tmp_path):
    folder = write(tmp_path / "p", "behaviors: [groom]\n")
    (folder / "videos.tsv").unlink()
    (text,) = texts(check_settings.examine_settings(folder)[1])
    assert "videos.tsv: no such file" in text
