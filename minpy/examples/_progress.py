"""A progress bar: tqdm's where it is installed, else a line of our own."""

import sys
import time


class PlainBar:
    """The part of `tqdm.tqdm` that the examples use, drawn at most ten times a second."""

    WIDTH = 30

    def __init__(self, total, desc=""):
        self.total, self.desc, self.done, self.note = total, desc, 0, ""
        self.drawn, self.started = 0.0, time.perf_counter()

    def update(self, n=1):
        self.done += n
        if time.perf_counter() - self.drawn > 0.1 or self.done >= self.total:
            self._draw()

    def set_postfix_str(self, note, refresh=False):
        self.note = note

    def close(self):
        self._draw()
        sys.stderr.write("\n")

    def _draw(self):
        self.drawn = time.perf_counter()
        filled = self.WIDTH * self.done // max(self.total, 1)
        bar = "#" * filled + "." * (self.WIDTH - filled)
        seconds = self.drawn - self.started
        sys.stderr.write(f"\r{self.desc}: [{bar}] {self.done}/{self.total} {seconds:.1f}s {self.note}")
        sys.stderr.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def progress_bar(total, desc):
    """A bar with `update(n)` and `set_postfix_str(note)`, to be used in a `with` statement."""
    try:
        from tqdm import tqdm
    except ImportError:
        return PlainBar(total, desc)
    return tqdm(total=total, desc=desc, unit="batch", mininterval=0.1)
