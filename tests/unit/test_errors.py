"""Errors: what can be caught, and which exit code each has."""

import inspect

import pytest

from deg_core import errors
from deg_core.errors import DegError, Interrupted

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("cls", CLASSES)
def test_all_can_be_caught_as_one(cls):
    assert issubclass(cls, DegError)
    assert cls.__name__ in errors.__doc__
    with pytest.raises(DegError, match=r"m1\.mp4: empty"):
        raise cls("m1.mp4: empty")


def test_exit_codes():
    """2 is what the user can mend; 75 (EX_TEMPFAIL) asks for another try."""
    assert Interrupted.exit_code == 75
    assert {c.exit_code for c in CLASSES if c is not Interrupted} == {2}
    assert len(CLASSES) == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n  b\r\nc", "a b c"),
        ("zero \0, \x1b[2J and \u202e", r"zero \x00, \x1b[2J and \u202e"),
        ("Mäuse 日本: 'x'", "Mäuse 日本: 'x'"),
        ("cell " + "b" * 500 + " is long", "cell " + "b" * 77 + "... is long"),
        ("/data/" + "d" * 200 + "/f.csv: empty", "/data/" + "d" * 200 + "/f.csv: empty"),
    ],
)
def test_whatever_a_file_holds_the_error_is_one_line(text, expected):
    assert str(DegError(text)) == expected
