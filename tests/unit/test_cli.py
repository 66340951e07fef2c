"""The command line maps flags to calls, and errors to sentences and exit codes."""

import importlib
import inspect
import os
import subprocess
import sys
import types

import pytest

import deg_core
from deg_core import cli, commands, flags
from deg_core.errors import ConfigError, Interrupted
from deg_core.versions import VERSIONS


@pytest.fixture
def command(monkeypatch):
    """Replace `deg doctor` by a function that the test chooses."""

    def replace(function):
        monkeypatch.setitem(cli.EVERYDAY, "doctor", cli.Command("say what is wrong", function))

    return replace


def raising(error):
    def function(_):
        raise error

    return function


def test_every_stage_with_a_version_has_a_command():
    assert set(cli.STAGES) == set(VERSIONS) - {"figures", "example"}


@pytest.mark.parametrize("rule", cli.STAGES)
def test_every_stage_has_its_module_and_readable_help(rule, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([rule.replace("_", "-"), "--help"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: deg {rule.replace('_', '-')} ")
    run = importlib.import_module(f"deg_core.stages.{rule}").run
    assert set(flags.parameter_texts(run)) == set(inspect.signature(run).parameters)


def test_help_lists_everyday_commands_before_stages(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    names = ("new", "add", "run", "predict", "import-video", "train-sequence")
    order = [text.index(f"\n  {name} ") for name in names]
    assert order == sorted(order)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from deg_core import cli\n"
        "try:\n    cli.main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'torch', 'pandas', 'numpy', 'cv2', 'av'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("stage", [["--features", "m1.h5"], ["--features=m1.h5"]])
def test_predict_is_a_stage_where_it_gets_features(stage, capsys):
    for words, expected in ((stage, "--features PATH"), ([], "--list FILE")):
        with pytest.raises(SystemExit) as stop:
            cli.main(["predict", *words, "--help"])
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out


def test_no_command_prints_help_and_fails(capsys):
    assert cli.main([]) == 2
    assert "everyday commands" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"deg {deg_core.__version__}\n"


def test_unknown_command_says_where_to_look(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["trainflow"])
    assert stop.value.code == 2
    assert "'trainflow' is not a command; `deg --help` lists them" in capsys.readouterr().err


def test_a_users_error_is_one_sentence(command, capsys):
    command(raising(ConfigError("config.yaml: no such key.")))
    assert cli.main(["doctor", "p"]) == 2
    assert capsys.readouterr().err == "deg: config.yaml: no such key.\n"


def test_debug_shows_the_traceback_wherever_it_stands(command, capsys):
    command(raising(ConfigError("config.yaml: no such key.")))
    for words in (["--debug", "doctor", "p"], ["doctor", "p", "--debug"]):
        assert cli.main(words) == 2
        assert "Traceback" in capsys.readouterr().err


def test_exit_codes_follow_the_error(command, capsys):
    command(raising(Interrupted("state saved; run again to continue.")))
    assert cli.main(["doctor"]) == 75
    command(raising(KeyboardInterrupt()))
    assert cli.main(["doctor"]) == 130
    command(lambda rest: 7)
    assert cli.main(["doctor"]) == 7


def test_an_unexpected_error_is_one_line_with_its_type(command, capsys):
    command(raising(ZeroDivisionError("division\nby zero")))
    assert cli.main(["doctor"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("deg: unexpected ZeroDivisionError in test_cli.py, line ")
    assert ": division by zero;" in line
    assert "--debug" in line
    assert "report" in line


def test_a_closed_pipe_is_no_fault():
    code = (
        "import sys\n"
        "from deg_core import cli\n"
        "def loud(rest):\n    print('x' * 10**6, flush=True)\n    return 0\n"
        "cli.EVERYDAY['doctor'] = cli.Command('', loud)\n"
        "sys.exit(cli.main(['doctor']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 1


def test_threads_reach_the_numeric_libraries_before_they_are_imported(monkeypatch):
    for name in commands.THREAD_VARIABLES:
        monkeypatch.setenv(name, "7")
    cli.limit_threads(["--model", "x", "--threads", "2"])
    assert [os.environ[name] for name in commands.THREAD_VARIABLES] == ["2", "2", "2"]


@pytest.mark.parametrize("words", [[], ["--threads", "two"], ["--threads="]])
def test_without_a_number_of_threads_the_environment_stays(monkeypatch, words):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    cli.limit_threads(words)
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_a_stage_gets_its_arguments(monkeypatch):
    got = {}

    def run(*, count: int, out: str = "x") -> None:
        """Remember.

        Parameters
        ----------
        count
            A number.
        """
        got.update(count=count, out=out)

    module = types.ModuleType("deg_core.stages.merge_stats")
    module.run = run
    monkeypatch.setitem(sys.modules, "deg_core.stages.merge_stats", module)
    assert cli.main(["merge-stats", "--count", "3"]) == 0
    assert got == {"count": 3, "out": "x"}
