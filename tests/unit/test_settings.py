"""Settings: declared once, merged in the right order, read strictly."""

import json
from dataclasses import fields, replace

import pytest
from jsonschema import Draft202012Validator

from deg_core.errors import ConfigError
from deg_core.presets import (
    LOOKING,
    PER_PRESET,
    PRESETS,
    base_preset,
    resolve,
    sections_of,
    source_of,
)
from deg_core.settings import (
    SECTIONS,
    AugmentSettings,
    FeatureSettings,
    ImportSettings,
    LabelSettings,
    SequenceSettings,
    SweepSettings,
    changed,
    from_dict,
    from_json,
    schema_of,
    to_dict,
    to_json,
)

# --- declarations


@pytest.mark.parametrize("cls", SECTIONS.values())
def test_every_setting_is_described_by_one_sentence(cls):
    for item in fields(cls):
        text = item.metadata["text"]
        assert text[0].isupper(), text
        assert text.endswith("."), text
        assert text.count(". ") == 0, text


@pytest.mark.parametrize("cls", SECTIONS.values())
def test_defaults_keep_their_own_limits(cls):
    Draft202012Validator.check_schema(schema_of(cls))
    assert from_dict(cls, to_dict(cls())) == cls()


@pytest.mark.parametrize(
    ("preset", "section"), [(p, section) for p in PRESETS for section in PRESETS[p]]
)
def test_presets_are_valid(preset, section):
    assert section in PER_PRESET
    from_dict(SECTIONS[section], PRESETS[preset][section])


def test_what_a_preset_looks_at_is_that_of_its_base():
    config = {"preset_base": {"mine": "keypoints", "small": "lite"}}
    names = ("fast", "small", "keypoints", "mine", "clusters")
    assert [source_of(config, name) for name in names] == [
        "video", "video", "keypoints", "keypoints", "clusters",
    ]  # fmt: skip
    assert sections_of(config, "mine") == ("sequence",)
    assert sections_of(config, "clusters") == ()
    assert LOOKING == ("fast", "medium", "slow", "lite")


def test_settings_are_frozen():
    with pytest.raises(AttributeError):
        ImportSettings().store = "raw"


# --- merging


def test_section_without_presets():
    given = {"import": {"size": [96, 64]}}
    assert resolve(given, "import") == to_dict(ImportSettings()) | {"size": [96, 64]}
    assert resolve({"import": None}, "import") == to_dict(ImportSettings())


def test_common_settings_go_before_presets_and_a_presets_own_before_common_ones():
    built_in = PRESETS["lite"]["features"]["epochs"]
    common, own = built_in + 1, built_in + 2
    assert resolve({}, "features", "lite")["epochs"] == built_in
    given = {"features": {"common": {"epochs": common}}}
    assert resolve(given, "features", "lite")["epochs"] == common
    given = {"features": {"common": {"epochs": common}, "lite": {"epochs": own}}}
    assert resolve(given, "features", "lite")["epochs"] == own
    assert resolve(given, "features", "fast")["epochs"] == common


def test_own_preset_starts_from_a_built_in_one():
    given = {
        "preset_base": {"mine": "lite"},
        "features": {"lite": {"epochs": 40, "lr": 0.5}, "mine": {"epochs": 50}},
    }
    mine = resolve(given, "features", "mine")
    assert mine["backbone"] == PRESETS["lite"]["features"]["backbone"]
    assert (mine["epochs"], mine["lr"]) == (50, 0.5)
    assert resolve(given, "features", "lite")["epochs"] == 40
    assert resolve(given, "features", "lite")["epochs"] != mine["epochs"]


def test_augmentation_is_shared_unless_a_stage_says_otherwise():
    given = {
        "augment": {"degrees": 5.0, "hue": 0.0},
        "features": {"common": {"augment": {"hue": 0.2}}, "fast": {"augment": {"flip_lr": 0.0}}},
    }
    plain = to_dict(AugmentSettings())
    lite = plain | PRESETS["lite"]["features"].get("augment", {})
    assert resolve(given, "flow", "fast")["augment"] == plain | {"degrees": 5.0, "hue": 0.0}
    assert resolve(given, "features", "lite")["augment"] == lite | {"degrees": 5.0, "hue": 0.2}
    assert resolve(given, "features", "fast")["augment"] == plain | {
        "degrees": 5.0, "hue": 0.2, "flip_lr": 0.0
    }  # fmt: skip
    assert "augment" not in resolve(given, "sequence", "fast")


def test_merging_changes_nothing_it_was_given():
    given = {"augment": {"hue": 0.0}, "features": {"common": {"epochs": 3}, "fast": {"lr": 0.5}}}
    before, presets = json.dumps(given), json.dumps(PRESETS)
    resolve(given, "features", "fast")
    assert json.dumps(given) == before
    assert json.dumps(PRESETS) == presets


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("section", SECTIONS)
def test_merged_settings_are_what_a_stage_accepts(section, preset):
    merged = resolve({}, section, preset if section in PER_PRESET else None)
    assert isinstance(from_json(SECTIONS[section], to_json(merged)), SECTIONS[section])


def test_unknown_preset():
    with pytest.raises(ConfigError, match=r"preset 'mine' is not known; use one of fast, "):
        resolve({}, "features", "mine")
    with pytest.raises(ConfigError):
        base_preset({"preset_base": {"mine": "lit"}}, "mine")


def test_base_preset():
    assert base_preset({}, "fast") == "fast"
    assert base_preset({"preset_base": {"mine": "lite"}}, "mine") == "lite"


# --- texts


def test_equal_settings_are_equal_texts():
    assert to_json({"b": 1, "a": {"d": 2, "c": 3}}) == '{"a":{"c":3,"d":2},"b":1}'
    assert to_json({"behaviors": ["毛づくろい"]}) == '{"behaviors":["毛づくろい"]}'


def test_from_json():
    settings = from_json(
        FeatureSettings,
        '{"epochs": 5, "lr": 1, "streams": ["flow"], "augment": {"degrees": 0}}',
    )
    assert settings.epochs == 5
    assert isinstance(settings.lr, float)
    assert settings.streams == ("flow",)
    assert settings.augment == AugmentSettings(degrees=0.0)
    assert settings.batch_size == FeatureSettings().batch_size


def test_nothing_given_is_all_defaults():
    assert from_json(SequenceSettings, "{}") == SequenceSettings()


def test_text_or_nothing():
    assert from_json(LabelSettings, '{"annotator": null, "behaviors": ["a"]}') == LabelSettings(
        behaviors=("a",)
    )
    assert from_json(LabelSettings, '{"annotator": "anna"}').annotator == "anna"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[1]", r"expected a JSON object, got \[1\]"),
        ('{"epoch": 5}', "'epoch' was unexpected"),
        ('{"epochs": "5"}', "epochs: '5' is not of type 'integer'"),
        ('{"epochs": -1}', "epochs: -1 is less than the minimum of 0"),
        ('{"lr": 0}', "lr: 0 is less than or equal to the minimum of 0"),
        ('{"backbone": "vgg"}', "backbone: 'vgg' is not one of"),
        ('{"streams": ["sound"]}', r"streams\.0: 'sound' is not one of"),
        ('{"augment": {"flip": 1}}', "augment: .*'flip' was unexpected"),
    ],
)
def test_wrong_settings(text, message):
    with pytest.raises(ConfigError, match=message):
        from_json(FeatureSettings, text)


def test_schema_of_a_fixed_length_list():
    size = schema_of(ImportSettings)["properties"]["size"]
    assert size == {
        "type": "array",
        "items": {"type": "integer", "minimum": 16},
        "minItems": 2,
        "maxItems": 2,
        "description": "Height and width in pixels to which every frame is resized.",
        "default": [128, 128],
    }


# --- lists and whole numbers


@pytest.mark.parametrize("name", ["streams", "inputs"])
def test_a_list_that_may_not_be_empty(name):
    with pytest.raises(ConfigError, match=f"settings: {name}: "):
        from_dict(FeatureSettings, {name: []})
    assert schema_of(FeatureSettings)["properties"][name]["minItems"] == 1


def test_whole_numbers_stay_whole():
    """JSON Schema takes 5.0 for an integer; ranges and shapes do not."""
    settings = from_json(SequenceSettings, '{"window": 20.0, "lr": 1}')
    assert (settings.window, type(settings.window)) == (20, int)
    assert (settings.lr, type(settings.lr)) == (1.0, float)
    assert from_dict(ImportSettings, {"size": [32.0, 48]}).size == (32, 48)
    assert all(type(n) is int for n in from_dict(ImportSettings, {"size": [32.0, 48]}).size)


def test_what_equals_a_default_is_not_passed_on():
    values = to_dict(replace(FeatureSettings(), lr=0.5, augment=AugmentSettings(hue=0.0)))
    assert changed(FeatureSettings, values) == {"lr": 0.5, "augment": {"hue": 0.0}}
    assert changed(FeatureSettings, to_dict(FeatureSettings())) == {}
    assert from_dict(FeatureSettings, changed(FeatureSettings, values)) == from_dict(
        FeatureSettings, values
    )


def test_what_has_no_default_is_passed_on():
    assert changed(FeatureSettings, {"of_another_version": 1}) == {"of_another_version": 1}


@pytest.mark.parametrize(("given", "expected"), [(5, 5), (5.0, 5), ("auto", "auto")])
def test_a_count_or_auto(given, expected):
    found = from_dict(FeatureSettings, {"batch_size": given}).batch_size
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("given", "expected"), [([], ()), ([1, 2.0], (1, 2)), ("auto", "auto")])
def test_counts_or_auto(given, expected):
    found = from_dict(SweepSettings, {"train_sizes": given}).train_sizes
    assert (found, [type(x) for x in found]) == (expected, [type(x) for x in expected])


@pytest.mark.parametrize("given", ["all", 2, [0], [1.5], None])
def test_neither_counts_nor_auto(given):
    with pytest.raises(ConfigError, match="train_sizes"):
        from_dict(SweepSettings, {"train_sizes": given})


@pytest.mark.parametrize("given", ["all", 0, 2.5, None])
def test_neither_count_nor_auto(given):
    with pytest.raises(ConfigError, match="batch_size"):
        from_dict(FeatureSettings, {"batch_size": given})
