"""The thesis' acceptance run for its TORQUE cluster: a head and three compute nodes.

It serves when the head lists every compute node as free, and a job sent to each of them by an
ordinary user has run there. TORQUE is a stand-in (tests/standins/torque).
"""

import re

import pytest

from bed import enclosure, thesis
from thesis_scenarios import CommonScenarios, Day

HEAD = "mytorque-head-1"
COMPUTE = ["mytorque-compute-1", "mytorque-compute-2", "mytorque-compute-3"]
DAEMONS = [(HEAD, "trqauthd"), (HEAD, "pbs_server"), (HEAD, "pbs_sched"), (COMPUTE[0], "pbs_mom")]


# A job on a node that does not answer stays queued: it is not waited for long, and sent again.
WAIT = """
for job in {jobs}; do
  tries=0
  until qstat -f $job | grep -q 'job_state = C' || [ $tries = 8 ]; do
    tries=$((tries + 1))
    sleep 0.5
  done
  qstat -f $job
done
"""


def in_head(head, command):
    """What a command of TORQUE prints in the head; nothing when it fails."""
    status, said = head.shell(f"cd /; PATH=$PATH:/usr/local/sbin; {command}", seconds=120)
    return said if status == 0 else ""


def run_jobs(head):
    """Sends a job to every compute node; node -> what it printed, of the jobs that have ended."""
    submit = "; ".join(f"echo hostname | qsub -l nodes={name}" for name in COMPUTE)
    jobs = in_head(head, f"su nobody -s /bin/sh -c '{submit}'").split()
    if len(jobs) != len(COMPUTE):
        return {}
    said = in_head(head, WAIT.format(jobs=" ".join(jobs)))
    printed = {}
    for text in said.split("Job Id: ")[1:]:
        ended = re.search(r"job_state = C.*exec_host = (\S+).*exit_status = 0.*output = (\S+)",
                          text, re.DOTALL)
        if ended:
            printed[ended[1]] = ended[2]
    return printed


def serves(day):
    """All nodes are free and run jobs."""
    head = day.machine(HEAD)
    states = dict(re.findall(r"<name>(.*?)</name><state>(.*?)</state>",
                             in_head(head, "pbsnodes -x")))
    return (states == {name: "free" for name in COMPUTE}
            and run_jobs(head) == {name: name for name in COMPUTE})


@pytest.fixture(scope="module")
def site():
    """The thesis' machines."""
    folder = enclosure.scratch() / "thesis-torque"
    folder.mkdir()
    with thesis.thesis_site("torque", folder) as made:
        made.start_agents()
        yield made


@pytest.fixture(scope="module")
def day(site, request):
    """The cluster; at the end the times are printed."""
    made = Day(site, enclosure.scratch() / "thesis-torque", "torque.pp", "mytorque", [HEAD, *COMPUTE],
               COMPUTE[:2], serves, DAEMONS)
    yield made
    made.table.show(request.config, "TORQUE")


class TestTorque(CommonScenarios):
    """The scenarios, on the cluster."""
