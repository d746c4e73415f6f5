"""The slurm type with the real Slurm, run by agents: jobs while machines die, come and go."""

import pytest

from batch import Cluster, Scenarios, made

HOSTS = 2
MANIFEST = """
slurm:
  queue:
    ensure: running
    head: {{ip: 10.77.3.10, image: slurm.qcow2}}
    compute: {{ips: {compute}, image: slurm.qcow2}}
    vm_mem: 192 MiB
"""


class Slurm(Cluster):
    """The cluster, of Slurm."""

    kind, start = "slurm", "start"
    daemons = [("head", "slurmctld"), ("head", "munged"), ("compute", "slurmd")]
    idle, busy, drained, draining = "idle", "alloc", "drain", "drng"
    disable = "scontrol update nodename=queue-compute-1 state=drain reason=disk"
    enable = "scontrol update nodename=queue-compute-1 state=resume"

    def declare(self, compute):
        self.apply(MANIFEST.format(compute=compute))

    def submit(self, word, file, node):
        where = f"--nodelist={node}" if node else ""
        return f"sbatch --job-name={word} {where} --output=/dev/null {file}"

    def nodes(self):
        return dict(line.split() for line in self.head("sinfo -h -N -o '%N %t'").splitlines())

    def jobs(self):
        words = {"RUNNING": "runs", "PENDING": "waits"}
        lines = [line.split() for line in self.head("squeue -h -o '%j %T'").splitlines()]
        return {job: words.get(state, state) for job, state in lines}

    def kept(self):  # Slurm writes its queue down within 5 s. What counts is what the disk has.
        return ("until find /var/lib/slurm/slurmctld/job_state -newer /tmp/sent | grep -q .; "
                "do sleep 1; done")

    def attributes(self):  # The key was made up: what the machine itself was given.
        key = self.machine("head").shell("cat /etc/munge/munge.key")[1]
        return {"CIERZO_ATTRIBUTE_MUNGE_KEY": key, "CIERZO_ATTRIBUTE_NODE_CPUS": "1"}


@pytest.fixture(scope="module")
def queue(site, tmp_path_factory, request):
    """The cluster, both its nodes idle."""
    yield from made(Slurm, site, tmp_path_factory.mktemp("queue"), request.config)


class TestSlurm(Scenarios):
    """The scenarios."""
