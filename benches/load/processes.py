"""Starts programs on a CPU of their own, measures what they use, and ends every one of them."""

import contextlib
import os
import re
import resource
import select
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# Apart, so that neither side's CPU time holds waiting for the other.
SERVER_CPU, CLIENT_CPU = 0, 1
PATIENCE_S = 5
SAMPLE_S = 0.2


class Failed(Exception):
    """A figure cannot be measured; the others can."""


@dataclass(frozen=True)
class Finished:
    output: str
    errors: str
    cpu_us: float
    peak_bytes: int


def run(command: Sequence[str], timeout_s: float = 60, accepted: Sequence[int] = (0,)) -> Finished:
    """A client, to its end; what it used is the kernel's account of exactly this process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = _start(command, CLIENT_CPU, out, err)
        try:
            usage, peak_bytes = _wait(child, timeout_s)
        finally:
            end(child)
        output, errors = _text(out), _text(err)
    if child.returncode not in accepted:
        raise Failed(f"{Path(command[0]).name} ended with {child.returncode}: {_first_line(errors or output)}")
    return Finished(output, errors, (usage.ru_utime + usage.ru_stime) * 1e6, peak_bytes)


@contextlib.contextmanager
def running(command: Sequence[str], port: int, ready_s: float = PATIENCE_S) -> Iterator[subprocess.Popen]:
    """A server, from when it listens until the block is left."""
    with tempfile.TemporaryFile() as said:
        child = _start(command, SERVER_CPU, subprocess.DEVNULL, said)
        try:
            _await_port(child, port, ready_s, said)
            yield child
        finally:
            end(child)


@contextlib.contextmanager
def urgent() -> Iterator[None]:
    """What is started within goes before what else the machine does, where that is allowed: for what waits for timers
    most of its time, and would be late by others' doing."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


def end(child: subprocess.Popen) -> None:
    """By its id: politely, then not."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def cpu_us(pid: int) -> float:
    """On-CPU time of all of its threads until now, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e3


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _start(command: Sequence[str], cpu: int, out: IO | int, err: IO | int) -> subprocess.Popen:
    def prepare() -> None:
        os.sched_setaffinity(0, {cpu})
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    # Loopback only, whatever proxy the user has.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    # A session of its own: the terminal's Ctrl-C reaches us alone, and we end the rest.
    return subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
        start_new_session=True, preexec_fn=prepare,
    )


def _wait(child: subprocess.Popen, timeout_s: float) -> tuple[resource.struct_rusage, int]:
    """What `Popen.wait` throws away, and the most memory. The kernel's own `ru_maxrss` would not do: it begins with
    what this interpreter held when the child was forked."""
    name, peak_bytes, deadline = Path(child.args[0]).name, 0, time.monotonic() + timeout_s
    ended = os.pidfd_open(child.pid)
    try:
        while not select.select([ended], [], [], SAMPLE_S)[0]:
            peak_bytes = _peak_bytes(child.pid) or peak_bytes
            if time.monotonic() > deadline:
                raise Failed(f"{name} did not end within {timeout_s:.0f} s")
    finally:
        os.close(ended)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage, peak_bytes


def _peak_bytes(pid: int) -> int:
    """0 for one that has just ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _await_port(child: subprocess.Popen, port: int, patience_s: float, said: IO) -> None:
    name, deadline = Path(child.args[0]).name, time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise Failed(f"{name} ended with {child.returncode}: {_first_line(_text(said))}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise Failed(f"{name} does not listen on port {port}")


def _text(file: IO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "it said nothing")
