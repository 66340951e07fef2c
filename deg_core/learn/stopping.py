"""Requests to stop, by SIGTERM or Ctrl-C: a time limit must not lose a training."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class StopFlag:
    """Set by SIGTERM or Ctrl-C, looked at between steps.

    A second signal of the same kind does what it does anywhere.

    Attributes
    ----------
    on
        Whether a signal came.
    """

    def __init__(self) -> None:
        self.on = False
        self._before: dict[int, Any] = {}
        self._error: Callable[[], Exception] | None = None

    def __enter__(self) -> "StopFlag":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    @contextmanager
    def at_once(self, error: Callable[[], Exception]) -> Iterator[None]:
        """Have a signal end what is done here, which keeps nothing, by raising an error.

        Parameters
        ----------
        error
            Makes what is raised; a signal that came before raises it, too.
        """
        self._error = error
        try:
            if self.on:
                raise error()
            yield
        finally:
            self._error = None

    def _stop(self, number: int, _: object) -> None:
        self.on = True
        signal.signal(number, self._before[number])
        if self._error is not None:
            raise self._error()
