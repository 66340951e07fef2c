"""Help for the tests of `deg bench`: jobs without processes, and what every figure must be."""

import importlib
import json
import statistics

from deg_core.bench import jobs


def do_here(job, **arguments):
    """Do a job as `jobs.do` does, arguments and answer as JSON, in this process."""
    module, _, function = jobs.JOBS[job].partition(":")
    given = json.loads(json.dumps(arguments, default=str))
    answer = getattr(importlib.import_module(module), function)(**given)
    return json.loads(json.dumps(dict(answer or {}))) | {"peak_mb": 1.5}


def check_figures(found):
    """Check that every figure is the median of what was measured, and return how many there are."""
    if isinstance(found, dict) and "median" in found:
        assert set(found) == {"median", "n", "values"}
        assert found["n"] == len(found["values"]) >= 1
        assert found["median"] == statistics.median(found["values"])
        return 1
    if isinstance(found, dict):
        return sum(map(check_figures, found.values()))
    return sum(map(check_figures, found)) if isinstance(found, list) else 0
