"""The commands that the rules call: short, however many videos and runs there are."""

import re

import pytest

pytestmark = pytest.mark.workflow

VIDEOS = [f"m{number}" for number in range(1, 7)]


def test_no_command_names_a_video_for_each_run(project):
    """Snakemake hands a command to the shell as one argument, which Linux limits to 128 KiB."""
    done = project.snakemake("--dry-run", "--forceall", "--printshellcmds")
    assert done.returncode == 0, done.stdout + done.stderr
    commands = re.findall(r"\bdeg [a-z-]+ --.*", done.stdout)
    names = {command.split()[1] for command in commands}
    assert {"advise", "judge", "describe", "summarize", "compare-raters"} <= names
    of_many = [c for c in commands if not re.search(r"&> logs/\S*/m\d\.log", c)]
    assert of_many
    for command in of_many:
        # There are five runs in two splits; a video stands there as id and as a file, at most.
        counts = [len(re.findall(rf"\b{video}\b", command)) for video in VIDEOS]
        assert max(counts) <= 2, command
