"""etcd in the bed: how soon another member leads when the leader's host loses power.

Three members, Debian's package, data on the disk that the agents' state is on. Beside the two
timings all is as etcd has it by default. Its followers wait for a random time between once and
twice the election timeout.
"""

import datetime
import json
import time
import urllib.request

import bed_bench
from bed.waiting import wait_until
from failover_hosts import Hosts

PROGRAMS = {"etcd": "etcd-server"}
CLIENTS, PEERS = 2379, 2380  # Ports.


class Etcd:
    """A cluster of three; heartbeat and election timeout in milliseconds."""

    def __init__(self, bed, heartbeat, election):
        self.bed = bed
        self.samples = []
        self._timing = [f"--heartbeat-interval={heartbeat}", f"--election-timeout={election}"]
        for host in bed.hosts:
            self._start(host)

    def _start(self, host):
        def url(other, port):
            return f"http://{other.address}:{port}"
        members = ",".join(f"{other.name}={url(other, PEERS)}" for other in self.bed.hosts)
        host.start("etcd", "etcd", f"--name={host.name}", f"--data-dir={host.folder}/etcd",
                   f"--listen-peer-urls={url(host, PEERS)}",
                   f"--initial-advertise-peer-urls={url(host, PEERS)}",
                   f"--listen-client-urls={url(host, CLIENTS)}",
                   f"--advertise-client-urls={url(host, CLIENTS)}",
                   f"--initial-cluster={members}", "--logger=zap", "--log-outputs=stderr",
                   *self._timing)

    @staticmethod
    def _status(host):
        request = urllib.request.Request(f"http://{host.address}:{CLIENTS}/v3/maintenance/status",
                                         data=b"{}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def leader(self):
        """The host that leads, when all three agree and have applied the same; else None."""
        status = {host: self._status(host) for host in self.bed.hosts}
        agreed = {(row.get("leader"), row["raftTerm"], row["raftAppliedIndex"])
                  for row in status.values()}
        if len(agreed) != 1:
            return None
        return next((host for host, row in status.items()
                     if row["header"]["member_id"] == row.get("leader")), None)

    def _became_leader(self, since):
        """Milliseconds from `since` to the first "became leader" of a log, or None."""
        found = []
        for host in self.bed.powered():
            for line in (host.folder / "log" / "etcd.log").read_text(encoding="utf-8").splitlines():
                if "became leader at term" in line:
                    stamp = json.loads(line)["ts"].replace("Z", "+0000")
                    at = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
                    if at >= since:
                        found.append(1000 * (at - since))
        return min(found, default=None)

    def cut(self):
        """Cuts the power of the leader's host and brings it back."""
        victim = wait_until(self.leader, 60, "three members agree", logs=self.bed.log_tail)
        since = time.time()
        victim.power_cut()
        self.samples.append(wait_until(lambda: self._became_leader(since), 60, "another leads",
                                       logs=self.bed.log_tail))
        victim.power_on()
        self._start(victim)


def measure(heartbeat, election, runs):
    """Milliseconds from each power cut to the next leader."""
    with Hosts(3) as bed:
        cluster = Etcd(bed, heartbeat, election)
        for number in range(1, runs + 1):
            cluster.cut()
            bed_bench.say(f"  etcd {heartbeat}/{election} {number}/{runs}: "
                          f"{cluster.samples[-1]:.0f} ms")
    return cluster.samples
