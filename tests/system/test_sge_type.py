"""The sge type's drain against clients that only say what they are told to: when it disables a node,
when it leaves its mark, and what it waits for. The real ones are in tests/types/test_sge.py.

The enclosure has a file system of its own: the folder of the mark is made here.
"""

import os
import pathlib
import subprocess

import pytest

from bed.site import REPOSITORY

DRAIN = REPOSITORY / "resources" / "types" / "sge" / "compute-drain"
COMMON = pathlib.Path("/var/lib/gridengine/default/common")
MARK = COMMON / "cierzo.drained"
CLIENTS = {
    "qmod": 'echo "$*" >>qmod.calls',
    # The second question after jobs has none left.
    "qstat": """case "$*" in
  -f*) echo "queuename                      qtype resv/used/tot. np_load  arch          states"
       echo "batch@q-compute-1              BIP   0/0/1          0.01     lx-amd64      $STATES" ;;
  *) case "$2" in *s*) [ -e asked ] || echo " 7 0.5 sleeper worker s batch@q-compute-1" ;; esac
     touch asked ;;
esac"""}


@pytest.fixture(name="drain")
def fixture_drain(tmp_path):
    """Drains a node whose queue has these states; what the clients were told to do."""
    COMMON.parent.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(COMMON.parent.parent)], check=True)
    COMMON.mkdir(parents=True)
    for name, text in CLIENTS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    calls = tmp_path / "qmod.calls"

    def run(states):
        done = subprocess.run(
            ["/bin/sh", DRAIN], cwd=tmp_path, timeout=60, text=True, stdout=subprocess.PIPE,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "CIERZO_NAME": "q-compute-1",
                 "STATES": states}, check=False)
        assert (done.returncode, done.stdout) == (0, "")
        return calls.read_text(encoding="utf-8") if calls.exists() else ""
    yield run
    subprocess.run(["umount", str(COMMON.parent.parent)], check=True)


@pytest.mark.parametrize("states", ["", "au"])
def test_a_node_is_disabled_with_our_mark(drain, states):
    assert drain(states) == "-d *@q-compute-1\n"
    assert MARK.exists()


@pytest.mark.parametrize("states", ["d", "dau"])
def test_what_an_administrator_disabled_gets_no_mark(drain, states):
    assert drain(states) == ""
    assert not MARK.exists()


def test_a_suspended_job_is_waited_for(drain, tmp_path):
    (tmp_path / "sleep").write_text("#!/bin/sh\ntouch waited\n", encoding="utf-8")
    (tmp_path / "sleep").chmod(0o755)
    drain("")
    assert (tmp_path / "waited").exists()
