"""The sge type with the real Grid Engine, run by agents: jobs while machines die, come and go."""

import re

import pytest

from batch import Cluster, Scenarios, made

HOSTS = 2
MANIFEST = """
sge:
  queue:
    ensure: running
    head: {{ip: 10.77.3.10, image: sge.qcow2}}
    compute: {{ips: {compute}, image: sge.qcow2}}
    vm_mem: 192 MiB
"""


class GridEngine(Cluster):
    """The cluster, of Grid Engine."""

    kind, start = "sge", "compute-start"
    client = "export SGE_ROOT=/var/lib/gridengine SGE_CELL=default PATH=/usr/lib/gridengine:$PATH;"
    daemons = [("head", "sge_qmaster"), ("compute", "sge_execd")]
    idle, busy, drained, draining = "0/0", "0/1", "0/0 d", "0/1 d"
    disable, enable = "qmod -d '*@queue-compute-1'", "qmod -e '*@queue-compute-1'"

    def declare(self, compute):
        self.apply(MANIFEST.format(compute=compute))

    def submit(self, word, file, node):
        where = f"-q batch@{node}" if node else ""
        return f"qsub -N {word} {where} -o /dev/null -j y {file}"

    def nodes(self):
        """Node -> slots reserved and used, and the letters of its state where there are any."""
        lines = re.findall(r"^batch@(\S+) +\S+ +(\d+/\d+)/\d+ +\S+ +\S+ *(\S*) *$",
                           self.head("qstat -f -q batch"), re.MULTILINE)
        return {node: f"{used} {letters}".strip() for node, used, letters in lines}

    def jobs(self):
        words = {"r": "runs", "Rr": "runs", "qw": "waits"}
        lines = [line.split() for line in self.head('qstat -u "*"').splitlines()[2:]]
        return {line[2]: words.get(line[4], line[4]) for line in lines}

    def attributes(self):
        return {"CIERZO_ATTRIBUTE_NODE_SLOTS": "1"}


@pytest.fixture(scope="module")
def queue(site, tmp_path_factory, request):
    """The cluster, both its nodes idle."""
    yield from made(GridEngine, site, tmp_path_factory.mktemp("queue"), request.config)


class TestGridEngine(Scenarios):
    """The scenarios."""
