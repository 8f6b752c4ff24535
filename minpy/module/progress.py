"""A progress bar for `fit` where a person watches: on a terminal, and nowhere else."""

import sys
import time

_WIDTH = 30
_INTERVAL = 0.1  # seconds between two drawings


class Progress:
    """A line on stderr that says how far an epoch is; nothing where stderr is no terminal.

    The length of the first epoch is not known beforehand; from the second on there is a bar.
    """

    def __init__(self):
        self._on = sys.stderr is not None and sys.stderr.isatty()
        self._total = None
        self._done = 0
        self._drawn = False
        self._next = 0.0

    def step(self, epoch):
        """One more batch of the epoch is done."""
        self._done += 1
        now = time.monotonic()
        if not self._on or now < self._next:
            return
        self._next = now + _INTERVAL
        text = f"Epoch[{epoch}] batch {self._done}"
        if self._total:
            full = min(_WIDTH, _WIDTH * self._done // self._total)
            text += f"/{self._total} [{'=' * full}{' ' * (_WIDTH - full)}]"
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
        self._drawn = True

    def clear(self):
        """Remove the line, before others write."""
        if self._drawn:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._drawn = False

    def end_epoch(self):
        """The epoch is over."""
        self.clear()
        self._total, self._done = self._done, 0
