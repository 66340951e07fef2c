"""What keeps planning and scheduling linear (docs/large.md); what jobs ask for; no rule."""

import atexit
import gc
import inspect
from functools import cache

from snakemake.rules import InputFiles

try:
    from snakemake.scheduling.job_scheduler import JobScheduler
except ImportError:  # Snakemake before 9.10
    from snakemake.scheduler import JobScheduler

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


def select(scheduler, jobs, usual=getattr(JobScheduler, "job_selector", None)):
    """Select jobs to start, and note whether Snakemake's limit of starts a second held any back."""
    limit = scheduler.job_rate_limiter
    free = float("inf") if limit is None else limit.get_free_jobs()
    selected = usual(scheduler, jobs)
    scheduler.at_limit = len(selected) >= free
    return selected


def look_again(scheduler, delay, usual=getattr(JobScheduler, "_schedule_reevalutation", None)):
    """Have the scheduler look for jobs to start once more after ``delay`` seconds, where it must.

    Snakemake starts 100 jobs a second at most, and therefore looks again after each second; but
    each look asks for another one, and so does each job that ends. After thousands of jobs it looks
    thousands of times a second, at the inputs of all jobs that wait, for as long as any waits.
    Unless that limit was reached, a job that ends is all that can make room for another.
    """
    if scheduler.at_limit:
        usual(scheduler, delay)


# Where a later Snakemake calls these otherwise, it may do as it likes: no result depends on it.
if hasattr(JobScheduler, "job_selector") and hasattr(JobScheduler, "_schedule_reevalutation"):
    JobScheduler.job_selector = select
    JobScheduler._schedule_reevalutation = look_again


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
