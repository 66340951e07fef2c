"""What keeps planning linear in the number of videos (docs/large.md); what jobs ask for; no rule."""

import atexit
import gc
import inspect
from functools import cache

from snakemake.rules import InputFiles

# A plan is objects by the million that all stay: looking through them for some that are not needed
# any more, after each 700 new ones as is Python's default, is 8 % of the work.
gc.set_threshold(50_000, 20, 50)
# Nor need they be taken apart one by one at the end.
atexit.register(gc.freeze)
MANY = 20  # inputs, above which a job's are looked up and not gone through


def quick(function):
    """Note a function's parameters, which Snakemake looks up for every job that calls it."""
    function.__signature__ = inspect.signature(function)
    return function


def has_input(files, file):
    """Tell whether a file is among the inputs of a job.

    Snakemake asks this of a training once for each job that rests on it, which for N videos is N
    lists of up to N files gone through.
    """
    if len(files) <= MANY:
        return list.__contains__(files, file)
    length, known = vars(files).get("_known", (0, None))
    if length != len(files):
        known = frozenset(files)
        vars(files)["_known"] = len(files), known
    return file in known


InputFiles.__contains__ = has_input


# --- resources; they change no result, and never make anything stale


def memory(first, most):
    """Resource: megabytes, more with each attempt, since retries also follow other failures."""

    def megabytes(wildcards, attempt):
        return min(first * attempt, most)

    return quick(megabytes)


def minutes(first, most=24 * 60):
    """Resource: run time, more with each attempt; a day is what most clusters allow at most."""

    def runtime(wildcards, attempt):
        return min(first * attempt, most)

    return quick(runtime)
