"""Which device computes, with how many threads: the only reader of the environment here."""

import os

import torch

from deg_core.errors import ConfigError


def choose(threads: int) -> torch.device:
    """Set the number of threads and pick the device: CUDA, Apple's GPU, or the processor.

    Parameters
    ----------
    threads
        Threads that the job was given.

    Returns
    -------
    torch.device
        ``DEG_DEVICE`` decides where it is set.

    Raises
    ------
    ConfigError
        If ``DEG_DEVICE`` names no device of this machine.
    """
    torch.set_num_threads(max(1, threads))
    wanted = os.environ.get("DEG_DEVICE")
    if wanted:
        try:
            torch.zeros(1, device=wanted)
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"DEG_DEVICE: expected a device of this machine such as cpu or cuda:0, got "
                f"'{wanted}' ({str(error).splitlines()[0]})."
            ) from error
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def describe(device: torch.device) -> str:
    """Name a device for the run record."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return device.type
