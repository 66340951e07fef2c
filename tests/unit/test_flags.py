"""Flags follow from signatures and docstrings."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from deg_core import flags
from deg_core.errors import ConfigError
from deg_core.settings import StatsSettings


def stage(
    *,
    videos: list[str],
    raw_file: Path,
    settings: StatsSettings,
    threads: int = 1,
    share: float | None = None,
    kind: Literal["a", "b"] = "a",
    quick: bool = False,
) -> dict:
    """Do one thing.

    It does 100 % of it.

    Parameters
    ----------
    videos
        Ids, of which
        there may be many.
    raw_file, share
        Two that share a text.
    settings
        All settings.

    Returns
    -------
    dict
        Never a flag.
    """
    return {
        "videos": videos, "raw_file": raw_file, "settings": settings,
        "threads": threads, "share": share, "kind": kind, "quick": quick,
    }  # fmt: skip


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser(prog="deg stage")
    flags.add_flags(parser, stage)
    return parser


def parse(parser, *words):
    needed = ["--raw-file", "x.mp4", "--settings", "{}", "--videos"]
    return flags.call(stage, vars(parser.parse_args([*words, *needed])))


def test_types_follow_the_annotations(parser):
    got = parse(parser, "--threads", "3", "--share", "0.5", "--kind", "b", "--quick")
    assert got["raw_file"] == Path("x.mp4")
    assert got["threads"] == 3
    assert got["share"] == 0.5
    assert got["kind"] == "b"
    assert got["quick"] is True


def test_defaults_are_the_functions(parser):
    got = parse(parser)
    assert (got["threads"], got["share"], got["kind"], got["quick"]) == (1, None, "a", False)


def test_lists_take_any_number_also_none(parser):
    assert parse(parser)["videos"] == []
    needed = ["--raw-file", "x", "--settings", "{}"]
    assert parser.parse_args([*needed, "--videos", "m1", "m2"]).videos == ["m1", "m2"]


def test_settings_come_from_json(parser):
    words = ["--videos", "--raw-file", "x", "--settings", '{"stride": 3}']
    assert parser.parse_args(words).settings == StatsSettings(stride=3)


def test_unknown_setting_is_a_config_error(parser):
    with pytest.raises(ConfigError, match="strid"):
        parser.parse_args(["--videos", "--raw-file", "x", "--settings", '{"strid": 3}'])


def test_parameters_without_default_are_required(parser, capsys):
    with pytest.raises(SystemExit) as error:
        parser.parse_args(["--videos", "m1"])
    assert error.value.code == 2
    assert "--raw-file, --settings" in capsys.readouterr().err


def test_help_tells_what_the_docstring_tells(parser):
    text = " ".join(parser.format_help().split())
    assert "It does 100 % of it." in text
    assert "Ids, of which there may be many." in text
    assert "Two that share a text." in text
    assert "Never a flag" not in text
    assert "stride = 10 Every how many frames the channel statistics look." in text


def test_parameter_texts_of_each_name():
    texts = flags.parameter_texts(stage)
    assert texts["raw_file"] == texts["share"] == "Two that share a text."
    assert "threads" not in texts
    assert set(texts) == {"videos", "raw_file", "share", "settings"}


def test_a_docstring_without_parameters_has_no_texts():
    def bare() -> None:
        """Do nothing."""

    assert flags.parameter_texts(bare) == {}
    assert flags.parameter_texts(lambda: None) == {}


def test_an_annotation_no_flag_can_stand_for_is_refused():
    def odd(*, table: dict) -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="dict"):
        flags.add_flags(argparse.ArgumentParser(), odd)


def test_a_parameter_without_annotation_is_refused():
    def bare(*, table) -> None:
        """Do nothing."""

    with pytest.raises(TypeError, match="'table' has no annotation"):
        flags.add_flags(argparse.ArgumentParser(), bare)


def test_nested_settings_are_not_spelled_out():
    @dataclass(frozen=True)
    class Outer:
        inner: StatsSettings = field(default=StatsSettings(), metadata={"text": "The inner ones."})

    assert flags.settings_text("settings", Outer) == (
        "keys of --settings and their defaults:\n  inner = {...}\n      The inner ones."
    )
