"""Runs a command in namespaces of its own, so that nothing it starts is left behind.

    python3 -m bed.enclosure COMMAND [ARGUMENT...]

Two links make that true even for kill -9: `unshare` dies with us, and the namespace's first process
dies with `unshare` (both by the kernel's parent-death signal). With a PID namespace's first process
everything in it dies, and with the last process its network, its mounts and its tmpfs go.

The first process inside is this file again: it reaps orphans and ends with COMMAND's exit status.
"""

import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
# Several who run at once may each have a folder of their own.
SCRATCH_BASE = REPOSITORY / os.environ.get("CIERZO_SITES", "build/sites")
PYTHON = "/usr/bin/python3"
PR_SET_PDEATHSIG = 1

NAMESPACES = ["unshare", "--pid", "--mount", "--net", "--uts", "--fork", "--kill-child",
              "--mount-proc"]


def die_with_parent():
    """For Popen's preexec_fn: the kernel kills the new process when its parent dies."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def inside():
    """True in a process that an enclosure runs."""
    return "CIERZO_SCRATCH" in os.environ


def scratch():
    """The enclosure's own folder on disk, removed when it ends."""
    return pathlib.Path(os.environ["CIERZO_SCRATCH"])


def _remove_abandoned():
    """Removes scratch folders whose owner was killed: nobody holds their lock any more."""
    for folder in SCRATCH_BASE.glob("site-*"):
        try:
            with open(folder / "lock", "a", encoding="utf-8") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # Held by a running enclosure, or gone already.
            continue


def run(command, environment=None):
    """Runs `command` enclosed, on our terminal, and returns its exit status (128 + n for signal n).

    Ctrl-C reaches the command itself, which may clean up or ask; SIGTERM and SIGHUP end it at once.
    """
    SCRATCH_BASE.mkdir(parents=True, exist_ok=True)
    _remove_abandoned()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="site-", dir=SCRATCH_BASE))
    child = None

    def end(number, _frame):
        if child is not None:
            child.kill()
        else:
            sys.exit(128 + number)

    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        variables = {**os.environ, **(environment or {}), "CIERZO_SCRATCH": str(folder)}
        previous = {number: signal.signal(number, end)
                    for number in (signal.SIGTERM, signal.SIGHUP)}
        previous[signal.SIGINT] = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            child = subprocess.Popen(
                [*NAMESPACES, PYTHON, __file__, "--first", *command],
                env=variables, preexec_fn=die_with_parent)
            status = child.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            shutil.rmtree(folder, ignore_errors=True)
    return status if status >= 0 else 128 - status


def _first(command):
    """The enclosure's first process: private /run and /sys; runs the command, reaps meanwhile."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    ours = (signal.SIGINT, signal.SIGQUIT)  # The terminal sends them to the command as well.
    for number in ours:
        signal.signal(number, signal.SIG_IGN)
    # Kept in a name: a Popen that is forgotten reaps its process, and we would wait for ever.
    child = subprocess.Popen(
        command, preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in ours])
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if sys.argv[1:2] == ["--first"]:
        sys.exit(_first(sys.argv[2:]))
    sys.exit(run(sys.argv[1:]))
