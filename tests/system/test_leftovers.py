"""Whatever way a site ends, nothing of it is left: no process, interface, mount or folder."""

import os
import pathlib
import signal
import subprocess

import pytest

from bed import enclosure
from bed.host import children_of
from bed.waiting import wait_until

# A site with a guest, as the quickstart has it, that then waits for the end.
HOLD = """
import signal
from bed.guest import Guest
from bed.site import Site
with Site(hosts=2) as site:
    Guest(site, site.host(1), "held")
    print("up", flush=True)
    signal.pause()
"""


def processes():
    """Every process that there is (in the enclosure that the tests run in)."""
    return {int(entry) for entry in os.listdir("/proc") if entry.isdigit()}


def traces():
    """What a site could leave behind, beside processes."""
    return {
        "interfaces": os.listdir("/sys/class/net"),
        "mounts": pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines(),
        "folders": sorted(path.name for path in enclosure.SCRATCH_BASE.iterdir()
                          if path != enclosure.scratch()),
    }


ENDS = {
    "Ctrl-C": lambda program: os.killpg(program.pid, signal.SIGINT),
    "the terminal closed": lambda program: os.killpg(program.pid, signal.SIGHUP),
    "SIGTERM": lambda program: program.send_signal(signal.SIGTERM),
    "kill -9": lambda program: program.send_signal(signal.SIGKILL),
    "kill -9 of unshare": lambda program: os.kill(children_of(program.pid)[0], signal.SIGKILL),
}


@pytest.mark.parametrize("name", ENDS)
def test_nothing_is_left_behind_after(name):
    processes_before, traces_before = processes(), traces()
    program = subprocess.Popen(
        [enclosure.PYTHON, "-m", "bed.enclosure", enclosure.PYTHON, "-c", HOLD],
        cwd=pathlib.Path(__file__).parent, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent)})
    try:
        assert program.stdout.readline() == "up\n"
        assert len(processes() - processes_before) > 5, "the site should run now"
        ENDS[name](program)
        program.wait(timeout=30)
        # Orphans go to our enclosure's first process, which reaps them: also none remains a zombie.
        wait_until(lambda: processes() <= processes_before, 30, f"no process remains after {name}")
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    if name == "kill -9":  # Nobody could remove the folder; the next enclosure does.
        assert enclosure.run(["true"]) == 0
    assert traces() == traces_before


def test_an_enclosure_ends_with_the_status_of_its_command():
    assert enclosure.run(["sh", "-c", "exit 7"]) == 7
    assert enclosure.run(["sh", "-c", "kill -9 $$"]) == 128 + 9


def test_what_a_command_leaves_running_ends_with_it():
    before = processes()
    assert enclosure.run(["sh", "-c", "setsid sleep 1000 & sleep 0.1"]) == 0
    wait_until(lambda: processes() <= before, 10, "the sleeper is gone")
