"""What ran when: a trace for Perfetto or chrome://tracing, and a table of totals. MXNet's interface.

    from minpy import profiler
    profiler.set_config(filename="profile.json", profile_memory=True)
    profiler.start()
    train()
    profiler.stop()
    print(profiler.dumps())      # the table
    profiler.dump()              # the file

Recorded are operators, native functions, calls that NumPy served, matrix products, fused segments and background
tasks, each with its operands, and what the program marks itself by `Task`, `Frame`, `Event`, `Counter`, `Marker`
and `scope`. Without a running profiler all of it costs next to nothing.
"""

import contextlib as _contextlib
import json as _json
import os as _os
import time as _time

from minpy._core import engine as _engine
from minpy._files import write_atomically as _write_atomically

__all__ = [
    "Counter",
    "Domain",
    "Event",
    "Frame",
    "Marker",
    "Task",
    "dump",
    "dump_profile",
    "dumps",
    "pause",
    "profiler_set_config",
    "profiler_set_state",
    "resume",
    "scope",
    "set_config",
    "set_state",
    "start",
    "stop",
]

_SPAN, _COUNTER, _MARKER = range(3)

# Which categories of events each of MXNet's switches asks for.
_SWITCHES = {
    "profile_imperative": {"operator", "function", "fallback", "matmul"},
    "profile_symbolic": {"segment", "task"},
    "profile_api": {"function", "fallback"},
    "profile_memory": {"memory"},
}
_EVERYTHING = set().union(*_SWITCHES.values())
_OTHER_SETTINGS = {
    "filename": "profile.json",
    "profile_all": False,
    "aggregate_stats": True,
    "continuous_dump": False,
    "dump_period": 1.0,
    "profile_process": "worker",
}


class _State:
    filename = "profile.json"
    categories = _EVERYTHING
    running = False
    paused = False


def set_config(**kwargs):
    """Set what is recorded and where `dump` writes it.

    Parameters
    ----------
    filename : str
        The trace, "profile.json" by default.
    profile_all : bool
        Everything. This is also what happens when no switch is given.
    profile_imperative, profile_symbolic, profile_api, profile_memory : bool
        Operators and functions; fused segments and tasks; functions only; the bytes in use after each of them.
    aggregate_stats, continuous_dump, dump_period, profile_process
        Accepted for MXNet's sake: totals are always available, and nothing is written before `dump`.
    """
    for name in kwargs:
        if name not in _SWITCHES and name not in _OTHER_SETTINGS:
            known = ", ".join(sorted([*_SWITCHES, *_OTHER_SETTINGS]))
            raise ValueError(f"profiler.set_config has no setting {name!r}; it has: {known}")
    _State.filename = kwargs.get("filename", _State.filename)
    wanted = [_SWITCHES[name] for name in _SWITCHES if kwargs.get(name)]
    _State.categories = set().union(*wanted) if wanted and not kwargs.get("profile_all") else _EVERYTHING
    _engine.set_memory_tracing("memory" in _State.categories)


def profiler_set_config(mode="symbolic", filename="profile.json"):
    """The old form of `set_config`; mode "all" or "symbolic"."""
    set_config(filename=filename, profile_all=mode == "all", profile_symbolic=mode == "symbolic")


def set_state(state="stop", profile_process="worker"):
    """Start ("run") or end ("stop") recording."""
    if state not in ("run", "stop"):
        raise ValueError(f"the profiler's state is 'run' or 'stop', not {state!r}")
    _State.running, _State.paused = state == "run", False
    _engine.set_memory_tracing(_State.running and "memory" in _State.categories)
    _engine.set_tracing(_State.running)


profiler_set_state = set_state


def start(profile_process="worker"):
    """Begin recording."""
    set_state("run")


def stop(profile_process="worker"):
    """End recording; what was recorded stays for `dump` and `dumps`."""
    set_state("stop")


def pause(profile_process="worker"):
    """Record nothing until `resume`."""
    _State.paused = True
    _engine.set_tracing(False)


def resume(profile_process="worker"):
    """Go on after `pause`."""
    _State.paused = False
    _engine.set_tracing(_State.running)


def _active():
    return _State.running and not _State.paused


def _record(kind, name, domain, start_ns, duration_ns=0, value=-1):
    if _active():
        _engine.record_event(kind, name, str(domain or ""), start_ns, duration_ns, value)


class _Recorded:
    """One event of the engine, with the fields by name."""

    def __init__(self, fields):
        (self.kind, self.category, self.thread, self.start, self.duration) = fields[:5]
        (self.bytes, self.flops, self.value, self.name, self.operands) = fields[5:]
        if self.category == "user" and self.operands:
            self.category, self.operands = self.operands, ""


def _events(clear):
    events, lost = _engine.recorded_events(clear)
    wanted = [_Recorded(fields) for fields in events]
    return [e for e in wanted if e.category in _State.categories or e.category not in _EVERYTHING], lost


def _trace_entries(events, pid):
    yield {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": "minpy"}}
    for e in events:
        entry = {"name": e.name, "cat": e.category, "pid": pid, "tid": e.thread, "ts": e.start / 1000}
        if e.kind == _COUNTER:
            yield entry | {"ph": "C", "args": {e.name: e.value}}
        elif e.kind == _MARKER:
            yield entry | {"ph": "i", "s": "p"}
        else:
            shown = {"operands": e.operands, "bytes": e.bytes, "flops": e.flops}
            args = {key: value for key, value in shown.items() if value}
            yield entry | {"ph": "X", "dur": e.duration / 1000, "args": args}
            if e.value >= 0 and "memory" in _State.categories:
                end = (e.start + e.duration) / 1000
                memory = {"ph": "C", "name": "memory in use", "cat": "memory", "pid": pid, "tid": 0}
                yield memory | {"ts": end, "args": {"bytes": e.value}}


def dump(finished=True, profile_process="worker"):
    """Write what was recorded to the configured file, in the trace event format (times in microseconds).

    With `finished`, recording ends. The events are kept, so that `dumps` still has them.
    """
    if finished:
        stop()
    events, lost = _events(clear=False)
    trace = {"traceEvents": list(_trace_entries(events, _os.getpid())), "displayTimeUnit": "ms"}
    if lost:
        trace["otherData"] = {"lost events": lost}
    _write_atomically(_os.fspath(_State.filename), _json.dumps(trace).encode())


def dump_profile():
    """The old name of `dump`."""
    dump(True)


def _totals(events):
    """{category: {name: [duration in ms, ...]}} and the bytes in use, as a list."""
    times, memory = {}, []
    for e in events:
        if e.kind == _SPAN:
            times.setdefault(e.category, {}).setdefault(e.name, []).append(e.duration / 1e6)
            if e.value >= 0:
                memory.append(e.value)
    return times, memory


def _statistics(values):
    total = sum(values)
    return {
        "count": len(values),
        "total": total,
        "min": min(values),
        "max": max(values),
        "avg": total / len(values),
    }


def _table(times, memory, sort_by, ascending):
    lines = ["Profile Statistics:"]
    row = "{:<40}{:>12}{:>16}{:>16}{:>16}{:>16}"
    heads = ("Name", "Total Count", "Time (ms)", "Min Time (ms)", "Max Time (ms)", "Avg Time (ms)")
    for category in sorted(times):
        lines += ["", category, "=" * len(category), row.format(*heads)]
        lines += [row.format(*("-" * len(head) for head in heads))]
        rows = [(name, _statistics(values)) for name, values in times[category].items()]
        for name, s in sorted(rows, key=lambda r: r[1][sort_by], reverse=not ascending):
            figures = (f"{s[key]:.4f}" for key in ("total", "min", "max", "avg"))
            lines.append(row.format(name[:39], s["count"], *figures))
    if memory:
        mib = [f"{f(memory) / 2**20:.3f}" for f in (min, max)]
        lines += ["", "memory", "======", f"in use (MiB): min {mib[0]}, max {mib[1]}"]
    return "\n".join(lines) + "\n"


def dumps(reset=False, format="table", sort_by="total", ascending=False):
    """The totals by name.

    Parameters
    ----------
    reset : bool
        Forget what was recorded so far.
    format : {"table", "json"}
    sort_by : {"total", "avg", "min", "max", "count"}
    ascending : bool

    Returns
    -------
    str
    """
    if format not in ("table", "json"):
        raise ValueError(f"format must be 'table' or 'json', not {format!r}")
    if sort_by not in ("total", "avg", "min", "max", "count"):
        raise ValueError(f"sort_by must be 'total', 'avg', 'min', 'max' or 'count', not {sort_by!r}")
    times, memory = _totals(_events(reset)[0])
    if format == "table":
        return _table(times, memory, sort_by, ascending)
    result = {
        "Time": {c: {name: _statistics(v) for name, v in names.items()} for c, names in times.items()},
        "Memory": _statistics(memory) if memory else {},
        "Unit": {"Time": "ms", "Memory": "byte"},
    }
    return _json.dumps(result)


class Domain:
    """A name under which tasks, frames, counters and markers are grouped."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name

    def new_task(self, name):
        """A `Task` of this domain."""
        return Task(self, name)

    def new_frame(self, name):
        """A `Frame` of this domain."""
        return Frame(self, name)

    def new_counter(self, name, value=None):
        """A `Counter` of this domain."""
        return Counter(self, name, value)

    def new_marker(self, name):
        """A `Marker` of this domain."""
        return Marker(self, name)


class _Timed:
    """Something with a start and a stop; also a context manager."""

    def __init__(self, domain, name):
        self.domain, self.name, self._start = domain, name, None

    def __str__(self):
        return self.name

    def start(self):
        """Begin; a start without a stop records nothing."""
        self._start = _time.perf_counter_ns()

    def stop(self):
        """End and record."""
        if self._start is not None:
            _record(_SPAN, self.name, self.domain, self._start, _time.perf_counter_ns() - self._start)
            self._start = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


class Task(_Timed):
    """A piece of work, which may begin and end anywhere."""


class Frame(_Timed):
    """One round of something that repeats, such as a training step."""


class Event(_Timed):
    """A span on the calling thread, without a domain."""

    def __init__(self, name):
        super().__init__(None, name)


class Counter:
    """A number that changes over time."""

    def __init__(self, domain, name, value=None):
        self.domain, self.name, self._value = domain, name, 0
        if value is not None:
            self.set_value(value)

    def __str__(self):
        return self.name

    def set_value(self, value):
        """Set the number (an integer) and record it."""
        self._value = int(value)
        _record(_COUNTER, self.name, self.domain, _time.perf_counter_ns(), value=self._value)

    def increment(self, delta=1):
        """Add `delta`."""
        self.set_value(self._value + delta)

    def decrement(self, delta=1):
        """Subtract `delta`."""
        self.set_value(self._value - delta)

    def __iadd__(self, delta):
        self.increment(delta)
        return self

    def __isub__(self, delta):
        self.decrement(delta)
        return self


class Marker:
    """A moment."""

    def __init__(self, domain, name):
        self.domain, self.name = domain, name

    def mark(self, scope="process"):
        """Record it. `scope` is "global", "process", "thread", "task" or "marker", and all mean the process."""
        _record(_MARKER, self.name, self.domain, _time.perf_counter_ns())


@_contextlib.contextmanager
def scope(name="<unk>:", append_mode=False):
    """Record a with-block as a span."""
    with Event(name.rstrip(":")):
        yield


_os.register_at_fork(after_in_child=_engine.forget_profiler_lock)
