"""Pacemaker and Corosync in the bed: how soon a lost resource is ordered elsewhere.

Three nodes, Debian's packages and Debian's defaults but for what is named here: no fencing
(stonith-enabled=false), one resource (ocf:pacemaker:Dummy, whose start is `touch`) that stays where
it is (resource-stickiness), and Corosync's `token`. Without fencing Pacemaker starts the resource as
soon as Corosync has left the lost node out of the membership: it has no proof that the node is dead.
"""

import os
import re
import shutil
import time

import bed_bench
from bed.waiting import wait_until
from failover_hosts import Hosts

PROGRAMS = {"corosync": "corosync", "pacemakerd": "pacemaker", "crm_mon": "pacemaker-cli-utils",
            "cibadmin": "pacemaker-cli-utils",
            "/usr/lib/ocf/resource.d/pacemaker/Dummy": "pacemaker-resource-agents"}

OWN = ("/etc/corosync", "/var/lib/corosync", "/var/log/corosync", "/var/lib/pacemaker",
       "/var/log/pacemaker")

COROSYNC = """\
totem {{
  version: 2
  cluster_name: bench
  crypto_cipher: none
  crypto_hash: none
{totem}}}
logging {{
  to_stderr: yes
  to_logfile: no
  to_syslog: no
}}
quorum {{
  provider: corosync_votequorum
}}
nodelist {{
{nodes}}}
"""

CONFIGURATION = """\
<configuration>
  <crm_config><cluster_property_set id="options">
    <nvpair id="options-stonith" name="stonith-enabled" value="false"/>
  </cluster_property_set></crm_config>
  <nodes/>
  <resources>
    <primitive id="dummy" class="ocf" provider="pacemaker" type="Dummy">
      <operations><op id="dummy-monitor" name="monitor" interval="10s"/></operations>
    </primitive>
  </resources>
  <constraints/>
  <rsc_defaults><meta_attributes id="stay">
    <nvpair id="stay-here" name="resource-stickiness" value="INFINITY"/>
  </meta_attributes></rsc_defaults>
</configuration>
"""

# What the designated controller logs when it orders the start.
ORDERED = re.compile(r"Initiating start operation dummy_start_0 (?:locally )?on (\w+)")


class Pacemaker:
    """A cluster of three; `totem` is more of that section of corosync.conf."""

    def __init__(self, bed, totem):
        self.bed = bed
        self.samples = []
        self.controllers_lost = 0
        nodes = "".join(f"  node {{\n    name: {host.name}\n    nodeid: {host.number}\n"
                        f"    ring0_addr: {host.address}\n  }}\n" for host in bed.hosts)
        self._text = COROSYNC.format(totem="".join(f"  {line}\n" for line in totem), nodes=nodes)
        for host in bed.hosts:
            self._prepare(host)
            self._start(host)

    @staticmethod
    def _own(host, path):
        return host.folder / "disk" / path.strip("/").replace("/", "-")

    def _prepare(self, host):
        (self._own(host, "/etc/corosync") / "corosync.conf").write_text(self._text,
                                                                       encoding="utf-8")
        for path in ("/var/lib/pacemaker", "/var/log/pacemaker"):
            folder = self._own(host, path)
            for part in ("", "cib", "cores", "pengine", "blackbox"):
                (folder / part).mkdir(exist_ok=True)
                shutil.chown(folder / part, "hacluster", "haclient")

    def _start(self, host):
        host.start("corosync", "corosync", "-f")
        wait_until(lambda: host.run("corosync-cmapctl", "-g", "totem.cluster_name"), 30,
                   f"corosync answers on {host.name}", logs=self.bed.log_tail)
        host.start("pacemakerd", "env", "PCMK_logfacility=none", "pacemakerd")

    def _wait(self, condition, seconds, what, poll=0.1):
        return wait_until(condition, seconds, what, logs=self.logs, poll=poll)

    def logs(self):
        """The ends of all logs."""
        text = [self.bed.log_tail()]
        for host in self.bed.hosts:
            lines = self._log(host).splitlines()[-30:]
            text.append("\n".join([f"--- {host.name}: pacemaker.log", *lines]))
        return "\n".join(text)

    def _log(self, host, offset=0):
        file = self._own(host, "/var/log/pacemaker") / "pacemaker.log"
        if not file.exists():
            return ""
        with open(file, encoding="utf-8", errors="replace") as log:
            log.seek(offset)
            return log.read()

    def _end_of_log(self, host):
        return os.path.getsize(self._own(host, "/var/log/pacemaker") / "pacemaker.log")

    def configure(self):
        """Declares the resource, once three nodes are online."""
        host = self.bed.hosts[0]
        self._wait(lambda: self._online() == 3, 120, "three nodes are online")
        host.run("cibadmin", "--replace", "--scope", "configuration", "--xml-text", CONFIGURATION)

    @staticmethod
    def _status(host):
        return host.run("crm_mon", "--one-shot", "--output-as=xml")

    def _online(self):
        return len(re.findall(r'<node name="\w+"[^>]* online="true"[^>]* pending="false"',
                              self._status(self.bed.hosts[0])))

    def _agreed(self):
        """What `_runs_on` says where all say the same; one that has just joined may be behind."""
        said = {self._runs_on(self._status(host)) for host in self.bed.hosts}
        return said.pop() if len(said) == 1 else None

    @staticmethod
    def _runs_on(status):
        """The name of the node that runs the resource, and the designated controller's."""
        resource = re.search(r'<resource id="dummy".*?</resource>', status, re.DOTALL)
        node = resource and re.search(r'<node name="(\w+)"', resource.group())
        controller = re.search(r'<current_dc present="true"[^>]* name="(\w+)"', status)
        return node and controller and (node.group(1), controller.group(1))

    def cut(self):
        """Cuts the power of the node that runs the resource, and brings it back."""
        self._wait(lambda: self._online() == 3, 120, "three nodes are online")
        # What is still to be done, such as the first monitor, is none of what is measured.
        self.bed.hosts[0].run("crm_resource", "--wait", "--timeout=25")
        name, controller = self._wait(self._agreed, 60, "all three say where the resource runs")
        victim = self.bed.named(name)
        others = [host for host in self.bed.hosts if host is not victim]
        ends = {host.name: self._end_of_log(host) for host in others}
        since = time.time()
        victim.power_cut()

        def ordered():
            return any(ORDERED.search(self._log(host, ends[host.name])) for host in others)
        self._wait(ordered, 120, "the resource is ordered elsewhere", poll=0.005)
        self.samples.append(1000 * (time.time() - since))
        self.controllers_lost += name == controller
        victim.power_on()
        self._start(victim)


def measure(totem, runs, name):
    """Milliseconds from each power cut to the order, and how often the controller was cut too."""
    with Hosts(3, own=OWN) as bed:
        cluster = Pacemaker(bed, totem)
        cluster.configure()
        for number in range(1, runs + 1):
            cluster.cut()
            bed_bench.say(f"  {name} {number}/{runs}: {cluster.samples[-1]:.0f} ms")
    return cluster.samples, cluster.controllers_lost
