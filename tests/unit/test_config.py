"""Settings of a project: what is accepted, and a sentence for every mistake."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from deg_core.config import check_config, load_config, read_yaml, schema
from deg_core.errors import ConfigError
from deg_core.presets import PER_PRESET, PRESETS
from deg_core.settings import SECTIONS


@pytest.fixture
def config(tmp_path):
    """Write settings and return their path; one behavior is always named."""

    def write(text: str, *, behaviors: bool = True) -> Path:
        path = tmp_path / "config.yaml"
        path.write_text(("behaviors: [groom]\n" if behaviors else "") + text, encoding="utf-8")
        return path

    return write


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    text = str(caught.value)
    assert text.endswith((".", "?"))
    assert "\n" not in text
    return text.removeprefix(str(path)).removeprefix(": ")


def test_only_behaviors_are_required(config):
    assert load_config(config("")) == {"behaviors": ["groom"]}


def test_values_are_returned_as_they_stand(config):
    text = "import: {size: [96, 128]}\nfeatures: {common: {epochs: 5}, fast: {lr: 0.01}}\n"
    assert load_config(config(text)) == {
        "behaviors": ["groom"],
        "import": {"size": [96, 128]},
        "features": {"common": {"epochs": 5}, "fast": {"lr": 0.01}},
    }


def test_sections_of_comments_only_are_left_out(config):
    text = "import:\n  # size: [1, 1]\nfeatures:\n  common:\nsweep:\nlabels: {annotator: null}\n"
    assert load_config(config(text)) == {
        "behaviors": ["groom"],
        "features": {},
        "labels": {"annotator": None},
    }


def test_exclusive_groups(config):
    text = "behaviors: [groom, rear, dig]\nexclusive_groups: [[rear, groom]]\n"
    path = config(text, behaviors=False)
    assert load_config(path)["exclusive_groups"] == [["rear", "groom"]]
    assert "exclusive_groups" not in load_config(config("exclusive_groups:\n"))


GROUPS = {
    "[[groom, raer]]": "'raer' is not in behaviors; did you mean 'rear'?",
    "[[groom, rear], [rear, dig]]": (
        "'rear' stands in two groups, but a behavior can be in one only; join the groups, or take "
        "it out of one."
    ),
    "[[groom, groom]]": "'groom' stands twice in one group; remove one.",
}


@pytest.mark.parametrize("groups", GROUPS)
def test_complaints_about_groups(config, groups):
    text = f"behaviors: [groom, rear, dig]\nexclusive_groups: {groups}\n"
    found = complaint(config(text, behaviors=False))
    assert found == f"exclusive_groups: {GROUPS[groups]}"


def test_unicode_names(config):
    path = config("behaviors: [Putzen – links, 毛づくろい]\n", behaviors=False)
    assert load_config(path) == {"behaviors": ["Putzen – links", "毛づくろい"]}


# --- not YAML, not a mapping


def test_no_file(tmp_path):
    assert complaint(tmp_path / "config.yaml") == "no such file; `deg new` makes a project."


def test_bad_yaml_names_the_line(config):
    assert complaint(config("import: [96\nstats: {}\n")).startswith(", line 3: not valid YAML (")


def test_key_twice(config):
    path = config("import: {size: [96, 96]}\nstats: {stride: 5, stride: 6}\n")
    assert complaint(path) == ", line 3: the key 'stride' stands twice; keep one of them."


def test_another_encoding(tmp_path):
    (tmp_path / "config.yaml").write_bytes("behaviors: [Männchen]".encode("latin-1"))
    assert "expected YAML text in UTF-8" in complaint(tmp_path / "config.yaml")


@pytest.mark.parametrize(("text", "found"), [("", "nothing"), ("- groom", "something else")])
def test_no_mapping(config, text, found):
    assert f"found {found};" in complaint(config(text, behaviors=False))


def test_read_yaml_returns_plain_values(config):
    assert read_yaml(config("a: 1\n", behaviors=False)) == {"a": 1}


# --- keys and values

COMPLAINTS = {
    "featurs: {}": "unknown key 'featurs'; did you mean 'features'?",
    "features: {fast: {bacbone: x}}": (
        "features.fast: unknown key 'bacbone'; did you mean 'backbone'?"
    ),
    "features: {common: {augment: {flip_rl: 1}}}": (
        "features.common.augment: unknown key 'flip_rl'; did you mean 'flip_lr'?"
    ),
    "features: {epochs: 3}": (
        "features: unknown key 'epochs'; it belongs one level deeper, into features.common."
    ),
    "exclusive_groups: [groom, rear]": (
        "exclusive_groups[0]: expected a list, found the text 'groom'; write a list of lists, as "
        "[[a, b]]."
    ),
    "exclusive_groups: groom": (
        "exclusive_groups: expected a list, found the text 'groom'; write a list of lists, as "
        "[[a, b]]."
    ),
    "exclusive_groups: [[groom]]": (
        "exclusive_groups[0]: expected at least 2 values, found a list of 1 value."
    ),
    "count: 3": "unknown key 'count'; it belongs one level deeper, into splits.",
    "labels: {behaviors: [a]}": ("labels: unknown key 'behaviors'; expected one of annotator."),
    "import: {size: 96}": "import.size: expected a list, found 96; write it as [a, b].",
    "import: {size: [96]}": ("import.size: expected at least 2 values, found a list of 1 value."),
    "import: {size: [96, 96, 3]}": (
        "import.size: expected at most 2 values, found a list of 3 values."
    ),
    "import: {size: [96, 8]}": "import.size[1]: expected a number of at least 16, found 8.",
    "import: {store: jpg}": (
        "import.store: expected one of auto, raw, jpeg, found the text 'jpg'; did you mean 'jpeg'?"
    ),
    "import: {image_fps: 0}": "import.image_fps: expected a number above 0, found 0.",
    "splits: {test: 1.5}": "splits.test: expected a number below 1, found 1.5.",
    "splits: {final: 1}": "splits.final: expected true or false, found 1.",
    "stats: {stride: 2.5}": "stats.stride: expected a whole number, found 2.5.",
    "stats: {stride: 5.0}": "stats.stride: expected a whole number, found 5.0.",
    "stats: [5]": "stats: expected a block of settings, found a list of 1 value.",
    "features: {common: {lr: 1e-4}}": (
        "features.common.lr: expected a number, found the text '1e-4'; YAML reads it as text, "
        "so write 1.0e-4."
    ),
    "features: {common: {batch_size: 0}}": (
        "features.common.batch_size: expected auto, or a whole number of at least 1, found 0."
    ),
    "features: {common: {batch_size: Auto}}": (
        "features.common.batch_size: expected auto, or a whole number of at least 1, found the "
        "text 'Auto'; did you mean 'auto'?"
    ),
    "sequence: {common: {n_layers: 2.5}}": (
        "sequence.common.n_layers: expected auto, or a whole number of at least 1 and of at most "
        "256, found 2.5."
    ),
    "flow: {common: {weights: }}": (
        "flow.common.weights: expected text, found nothing; write none, or remove the key."
    ),
    "import: {size: }": (
        "import.size: expected a list, found nothing; write [128, 128], or remove the key."
    ),
    "features: {common: {lr: .inf}}": "features.common.lr: expected a number, found inf.",
    "videos: ''": "videos: expected text that is not empty, found the text ''.",
    "example: {videos: drawn}": "example: the key 'seed' is missing: seed of the drawings.",
}


@pytest.mark.parametrize("text", COMPLAINTS)
def test_complaints(config, text):
    assert complaint(config(text)) == COMPLAINTS[text]


BEHAVIORS = {
    "import: {}": (
        "the key 'behaviors' is missing: names of the behaviors, as in the label files, "
        "no background."
    ),
    "behaviors: []": "behaviors: expected at least 1 value, found an empty list.",
    "behaviors:": "behaviors: expected a list, found nothing; write it as [a, b].",
    "behaviors: groom": "behaviors: expected a list, found the text 'groom'; write it as [a, b].",
    "behaviors: [yes]": (
        "behaviors[0]: expected text, found true; write it in quotes, since YAML reads it as a "
        "number or as yes and no."
    ),
    "behaviors: [a, 1]": (
        "behaviors[1]: expected text, found 1; write it in quotes, since YAML reads it as a "
        "number or as yes and no."
    ),
    "behaviors: ['']": "behaviors[0]: expected text that is not empty, found the text ''.",
    "behaviors: [a, b, a]": "behaviors: 'a' stands there twice; remove one.",
    "behaviors: [' a']": "behaviors: ' a' begins or ends with a space; remove it.",
    "behaviors: [Background]": (
        "behaviors: 'Background' has a meaning of its own and cannot be a behavior; "
        "background is derived."
    ),
    "behaviors: [frame]": (
        "behaviors: 'frame' has a meaning of its own and cannot be a behavior; rename it."
    ),
}


@pytest.mark.parametrize("text", BEHAVIORS)
def test_complaints_about_behaviors(config, text):
    assert complaint(config(text, behaviors=False)) == BEHAVIORS[text]


@pytest.mark.parametrize("name", ["a,b", 'a"b', "it's", "a\tb", "a\nb"])
def test_names_that_tables_cannot_hold(name):
    with pytest.raises(ConfigError, match="contains a comma, a quote or a line break"):
        check_config({"behaviors": [name]})


# --- presets, sweep, splits


def test_own_preset(config):
    text = (
        "presets: [lite, mine]\npreset_base: {mine: lite}\n"
        "features: {mine: {streams: [spatial]}}\nsweep: {train_sizes: [1, 2], presets: [mine]}\n"
    )
    assert load_config(config(text))["features"] == {"mine": {"streams": ["spatial"]}}


PRESET_COMPLAINTS = {
    "presets: [fsat]": "presets: unknown preset 'fsat'; did you mean 'fast'?",
    "presets: [fast, fast]": "presets: 'fast' stands there twice; remove one.",
    "presets: []": "presets: expected at least 1 value, found an empty list.",
    "features: {mine: {lr: 0.1}}": "features: unknown key 'mine'; expected one of common, ",
    "preset_base: {mine: lit}": "preset_base.mine: expected one of ",
    "preset_base: {yes: lite}": "preset_base: 'True' cannot name a preset;",
    "preset_base: {yes: lite}\nflow: {True: {lr: 0.1}}": "flow: unknown key 'True'; expected",
    "preset_base: {'my own': lite}": "preset_base: 'my own' cannot name a preset;",
    "preset_base: {fast: lite}": "preset_base: 'fast' is taken;",
    "preset_base: {common: lite}": "preset_base: 'common' is taken;",
    "preset_base: lite": "preset_base: expected a block of settings, found the text 'lite'.",
    "sweep: {presets: [fast]}": "sweep.presets: 'fast' is not in presets; ",
    "sweep: {train_sizes: [2, 2]}": ("sweep.train_sizes: expected each value once, found [2, 2]."),
    "splits: {val: 0}": "splits.val: expected a share above 0, found 0;",
    "splits: {val: 0.6, test: 0.4}": (
        "splits: val (0.6) and test (0.4) leave nothing to train on;"
    ),
    "splits: {test: 0.9}": "splits: val (0.2) and test (0.9) leave nothing to train on;",
}


@pytest.mark.parametrize("text", PRESET_COMPLAINTS)
def test_complaints_about_presets_and_splits(config, text):
    assert complaint(config(text)).startswith(PRESET_COMPLAINTS[text])


def test_merged_settings_are_named_by_their_source():
    with pytest.raises(ConfigError, match=r"^config\.yaml \+ more\.yaml: unknown key 'x'"):
        check_config({"behaviors": ["a"], "x": 1}, "config.yaml + more.yaml")


def test_settings_are_not_changed_in_place():
    given = {"behaviors": ["a"], "import": None, "features": {"common": None}}
    assert check_config(given) == {"behaviors": ["a"], "features": {}}
    assert given == {"behaviors": ["a"], "import": None, "features": {"common": None}}


# --- the schema itself


def objects(node):
    """Yield every object of a schema."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for inner in node.values():
            yield from objects(inner)


def test_schema_is_valid_and_refuses_unknown_keys_everywhere():
    Draft202012Validator.check_schema(schema())
    lax = [n for n in objects(schema()) if n["additionalProperties"] is not False]
    # Names of own presets are free, what they start from is not.
    assert [node["additionalProperties"] for node in lax] == [{"enum": list(PRESETS)}]


def test_schema_describes_every_key():
    for node in objects(schema()):
        for key, described in node.get("properties", {}).items():
            text = described.get("description", "")
            assert text.endswith("."), f"{key}: '{text}' is not a sentence"


def test_every_section_has_its_place():
    assert set(SECTIONS) < set(schema()["properties"])
    for section in PER_PRESET:
        blocks = schema(["mine"])["properties"][section]["properties"]
        assert set(blocks) == {"common", *(p for p in PRESETS if section in PRESETS[p]), "mine"}


def test_a_preset_without_a_stage_has_no_settings_of_it():
    with pytest.raises(ConfigError, match="keypoints"):
        check_config({"behaviors": ["a"], "features": {"keypoints": {"epochs": 3}}})


def test_defaults_of_the_schema_are_accepted():
    defaults = {
        name: {
            key: described["default"]
            for key, described in node["properties"].items()
            if "default" in described
        }
        for name, node in schema()["properties"].items()
        if name in SECTIONS and name not in PER_PRESET
    }
    presets = {
        section: {"common": {}}
        | {name: stages[section] for name, stages in PRESETS.items() if section in stages}
        for section in PER_PRESET
    }
    config = {"behaviors": ["a"], **defaults, **presets}
    assert check_config(config) == config


def test_numbers_survive_yaml_as_written_by_the_hints(config):
    # What the hint for 1e-4 tells people to write is a number to YAML.
    assert yaml.safe_load("1.0e-4") == 1e-4
    assert yaml.safe_load("2.5e+3") == 2500


ODD_YAML = {
    "a: 2020-13-45": "cannot make sense of (month must be in 1..12)",
    "a: !!int b": "cannot make sense of",
    "a: !!timestamp x": "cannot make sense of",
    "a: !!bool maybe": "cannot make sense of",
    "!!map a": "cannot make sense of",
    "a: " + "9" * 5000: "cannot make sense of",
    "a: " + "[" * 3000: "too deeply, or endlessly",
    "a: &a [*a]": "too deeply, or endlessly",
    "\n".join(
        ["a0: &a0 [x, x, x, x, x, x, x, x]"]
        + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 12)]
    ): "too deeply, or endlessly",
    "a: !!python/object/apply:os.system ['true']": "not valid YAML",
}


@pytest.mark.parametrize("text", ODD_YAML, ids=range(len(ODD_YAML)))
def test_whatever_stands_in_yaml_is_a_sentence(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_yaml(tmp_path / "c.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'c.yaml'}")
    assert ODD_YAML[text] in str(caught.value)


def test_aliases_within_reason_are_fine(tmp_path):
    (tmp_path / "c.yaml").write_text("a: &a {lr: 1}\nb: *a\nc: [*a, *a]\n")
    assert read_yaml(tmp_path / "c.yaml")["c"] == [{"lr": 1}, {"lr": 1}]


@pytest.mark.parametrize("text", ["flow: 3\n", "features: [1]\n", "sequence: a\n"])
def test_a_section_that_is_no_section(config, text):
    assert "expected" in complaint(config(text))


def test_names_with_line_breaks_of_any_kind(config):
    text = 'behaviors: ["a\\u2028b"]\n'
    assert "contains a comma, a quote or a line break" in complaint(config(text, behaviors=False))


def test_a_file_that_is_far_too_large_for_settings_is_not_read(config):
    path = config("behaviors: [a, b]\n" + "# x\n" * 500_001)
    with pytest.raises(ConfigError, match=r"a few kB of text, found 2\.0 MB; is it another file"):
        load_config(path)


def test_keys_that_are_aliases_of_aliases_are_refused_at_once(config):
    rows = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40))]
    assert "unhashable" in complaint(config("\n".join([*rows, "? *a39", ": 1", ""])))
