"""The batch size `auto`: what a step keeps is counted, and what fits is a power of two."""

import pytest
import torch
from torch import nn

from deg_core.learn import memory
from deg_core.learn.memory import (
    fitting_batch,
    free_memory,
    kept_bytes,
    peak_memory_mb,
    untouched,
)

WIDTH = 1024
FLOAT = 4


def step(n):
    """Keep two float32 maps of n x 1024 for the backward pass."""
    x = torch.ones(n, WIDTH, requires_grad=True)
    return (x.exp().exp()).sum()


def test_kept_bytes_are_those_of_the_backward_pass():
    assert kept_bytes(step, 3) == 2 * 3 * WIDTH * FLOAT
    assert kept_bytes(step, 6) == 2 * kept_bytes(step, 3)


def test_what_several_steps_share_counts_once():
    def square(n):
        x = torch.ones(n, WIDTH, requires_grad=True)
        return (x * x).sum()  # keeps x twice

    assert kept_bytes(square, 2) == 2 * WIDTH * FLOAT


@pytest.mark.parametrize(
    ("samples", "expected"), [(1, 8), (8, 8), (15.9, 8), (16.1, 16), (40, 32), (10**6, 512)]
)
def test_the_largest_power_of_two_that_fits(samples, expected):
    free = samples * 2 * WIDTH * FLOAT * memory.BACKWARD / memory.SHARE
    assert fitting_batch(step, free=int(free)) == expected


@pytest.mark.parametrize(("most", "expected"), [(1, 1), (5, 5), (20, 16), (64, 64)])
def test_never_more_than_there_are(most, expected):
    assert fitting_batch(step, free=2**40, most=most) == expected


def test_weights_are_no_price_of_a_sample():
    layer = nn.Linear(WIDTH, WIDTH)

    def loss(n):
        return layer(torch.ones(n, WIDTH, requires_grad=True)).exp().sum()

    each = (kept_bytes(loss, 4) - kept_bytes(loss, 2)) / 2
    assert each == 2 * WIDTH * FLOAT  # its input and its result
    fixed = WIDTH * WIDTH * FLOAT
    free = int((64.5 * each + fixed) * memory.BACKWARD / memory.SHARE)
    assert fitting_batch(loss, free=free) == 64


def test_a_step_that_is_tried_leaves_no_trace():
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    random = torch.get_rng_state()
    with untouched(network):
        fitting_batch(lambda n: network(torch.randn(n, 3)).sum(), free=2**30)
        assert network[1].num_batches_tracked == 2
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(network.state_dict()[key], value) for key, value in before.items())


# --- free memory

CPU = torch.device("cpu")
MB = 2**20


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Return a function that makes this process belong to control groups, given by their place."""
    own, mount = tmp_path / "own", tmp_path / "cgroup"
    monkeypatch.setattr(memory, "OWN_CGROUP", own)
    monkeypatch.setattr(memory, "CGROUPS", mount)

    def belong(lines, files_of):
        own.write_text("".join(f"{line}\n" for line in lines))
        for place, files in files_of.items():
            folder = mount / place
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(text)

    return belong


def version_2(limit, used, cached=0):
    return {
        "memory.max": f"{limit}\n", "memory.current": f"{used}\n",
        "memory.stat": f"anon 5\ninactive_file {cached}\nactive_file 7\n",
    }  # fmt: skip


def version_1(limit, used, cached=0):
    return {
        "memory.limit_in_bytes": f"{limit}\n", "memory.usage_in_bytes": f"{used}\n",
        "memory.stat": f"inactive_file 3\ntotal_inactive_file {cached}\n",
    }  # fmt: skip


def test_without_a_limit_it_is_what_the_machine_has(groups):
    assert free_memory(CPU) > MB  # no file at all
    groups(["0::/job"], {})
    assert free_memory(CPU) > MB  # a group that is not to be seen
    groups(["0::/job"], {"job": version_2("max", 5)})
    assert free_memory(CPU) > MB


@pytest.mark.parametrize(
    ("line", "place", "made"),
    [("4:cpu,memory:/job", "memory/job", version_1), ("0::/job", "job", version_2)],
)
@pytest.mark.parametrize(
    ("limit", "used", "cached", "free"),
    [
        (1, 0, 0, 1),
        (3, 2, 0, 1),  # what is used already is not free
        (3, 3, 1, 1),  # files that were read are given up for it
        (1, 2, 0, 0),
    ],
)
def test_the_jobs_own_limit_counts(groups, line, place, made, limit, used, cached, free):
    groups([line], {place: made(limit * MB, used * MB, cached * MB)})
    assert free_memory(CPU) == free * MB


def test_the_tightest_of_the_groups_around_a_job_counts(groups):
    """Slurm limits a job, and its steps are groups inside."""
    files_of = {
        "job_1": version_2(4 * MB, MB),
        "job_1/step_0": version_2(8 * MB, MB),
        "job_1/step_0/task_0": version_2("max", MB),
    }
    groups(["0::/job_1/step_0/task_0"], files_of)
    assert free_memory(CPU) == 3 * MB


@pytest.mark.parametrize(
    ("lines", "root", "made"),
    [
        (["9:name=systemd:/", "4:memory:/docker/abc"], "memory", version_1),
        (["0::/../other"], "", version_2),
        (["0::/"], "", version_2),
    ],
)
def test_inside_a_container_the_root_holds_its_limit(groups, lines, root, made):
    groups(lines, {root: made(2 * MB, MB)})
    assert free_memory(CPU) == MB


def test_groups_of_other_resources_say_nothing(groups):
    files_of = {"memory/job": version_1(MB, 0), "job": version_2(MB, 0)}
    groups(["4:cpu:/job", "0::/"], files_of)
    assert free_memory(CPU) > MB


def test_the_peak_is_that_of_a_python_process():
    assert 10 < peak_memory_mb() < 2**20
