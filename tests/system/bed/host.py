"""One host of the bed: power, network link, daemons, commands."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

from . import enclosure
from .network import run
from .waiting import wait_until

HOST_INIT = pathlib.Path(__file__).with_name("host_init.py")

# What libvirtd says four times a second of every guest that boots.
NOISE = "Guest agent is not responding: QEMU guest agent is not connected"

LIBVIRTD_CONF = """\
listen_tls = 0
listen_tcp = 0
auth_unix_rw = "none"
auth_unix_ro = "none"
host_uuid = "{uuid}"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
"""

# cgroup_controllers: there are none in a host. stdio_handler: else virtlogd would be needed.
QEMU_CONF = """\
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = [ ]
cgroup_controllers = [ ]
stdio_handler = "file"
"""


def children_of(pid):
    """The process ids of the direct children of `pid`."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{entry}/stat").read_text(encoding="utf-8")
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry))
    return found


class Daemon:
    """A process inside a host. `pid` is its process id as seen from the enclosure."""

    def __init__(self, host, name, command):
        self.name = name
        self.log = host.folder / "log" / f"{name}.log"
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [*host.enter, "setsid", *command], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        # nsenter forks to get into the PID namespace: the daemon is its only child.
        self.pid = wait_until(lambda: children_of(self._process.pid) or self.ended(), 10,
                              f"{name} started on {host.name}", poll=0.01)
        self.pid = self.pid[0] if isinstance(self.pid, list) else None

    def ended(self):
        """True when the process is gone and reaped."""
        return self._process.poll() is not None

    def signal(self, number):
        """Sends a signal; one to a process that has ended is lost, as always."""
        try:
            if self.pid is not None and not self.ended():
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def wait(self, seconds=30):
        """Waits for the end."""
        self.wake_launcher()
        self._process.wait(timeout=seconds)

    def wake_launcher(self):
        """Continues nsenter, which stops itself when the daemon it started is stopped."""
        if not self.ended():
            self._process.send_signal(signal.SIGCONT)


class Host:
    """Host `number` (from 1) on a switch: named node<number>, at the network's address for it.

    `folder` is its disk. `own` are folders that this host has and the machine has not, or has
    otherwise: path in the host -> folder on the machine. Off until `power_on`.
    """

    def __init__(self, number, folder, switch, own=None):
        self.number = number
        self.name = f"node{number}"
        self.address = switch.network.host(number)
        self.folder = folder
        self._switch = switch
        self._process = None
        self.pid = None  # The host's first process, as seen from the enclosure.
        self._stopped_before = set()  # When it was frozen last.
        self.daemons = {}
        self.clock = []  # Words before the command of what decides by time: a clock of its own.
        for part in ("etc", "lib", "log", "cache", "cierzo"):
            (folder / part).mkdir(parents=True)
        (folder / "etc" / "libvirtd.conf").write_text(
            LIBVIRTD_CONF.format(uuid=f"00000000-0000-4000-8000-{number:012d}"), encoding="utf-8")
        (folder / "etc" / "qemu.conf").write_text(QEMU_CONF, encoding="utf-8")
        (folder / "etc" / "libvirt.conf").touch()
        (folder / "own").write_text(
            "".join(f"{path}\t{source}\n" for path, source in (own or {}).items()),
            encoding="utf-8")

    # Power

    def power_on(self):
        """Starts the host: namespaces and network, no daemon yet."""
        (self.folder / "ready").unlink(missing_ok=True)
        with open(self.folder / "log" / "host_init.log", "ab") as log:
            self._process = subprocess.Popen(
                [*enclosure.NAMESPACES, enclosure.PYTHON, str(HOST_INIT), self.name,
                 str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C at a prompt ends a command, not the hosts.
                preexec_fn=enclosure.die_with_parent)
        wait_until((self.folder / "ready").exists, 10, f"{self.name} is up", poll=0.01)
        self.pid = children_of(self._process.pid)[0]
        self._switch.plug(self.number, self.pid)
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "add", "br0", "type", "bridge", "stp_state", "0", "forward_delay",
                 "0", "mcast_snooping", "0")
        # The same hardware address after every boot, as a real host's: peers remember it.
        self.run("ip", "link", "set", "br0", "address", f"02:00:00:77:00:{self.number:02x}")
        self.run("ip", "link", "set", "up0", "master", "br0", "up")
        self.run("ip", "address", "add", f"{self.address}/{self._switch.network.prefix}",
                 "dev", "br0")
        self.run("ip", "link", "set", "br0", "up")

    def power_cut(self):
        """Cuts the power: link down first, then every process at once. Returns when it happened.

        The order matters: a kernel that outlives its processes would reset their connections, and
        the peers would know at once; from a host without power nothing comes at all.
        """
        self._switch.link(self.number, up=False)
        cut_at = time.monotonic()
        os.kill(self.pid, signal.SIGKILL)
        # Whoever started something in a frozen host has stopped with it, and must see it end.
        self._process.send_signal(signal.SIGCONT)
        for daemon in self.daemons.values():
            daemon.wake_launcher()
        self._process.wait(timeout=30)
        for daemon in self.daemons.values():
            daemon.wait()
        self.daemons.clear()
        self.pid = None
        self._switch.unplug(self.number)
        return cut_at

    @property
    def powered(self):
        """True between power_on and power_cut."""
        return self.pid is not None

    # Freezing: what a host does whose hypervisor or firmware stops it for a while.

    def processes(self):
        """The process ids of everything in the host, as seen from the enclosure."""
        own = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    if os.readlink(f"/proc/{entry}/ns/pid") == own:
                        found.append(int(entry))
                except OSError:
                    continue
        return found

    def freeze(self):
        """Stops every process, repeatedly until none was missed between listing and stopping."""
        def state(pid):
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            except OSError:
                return "Z"  # It has ended meanwhile.
            return stat.rpartition(")")[2].split()[0]

        # What was stopped before, such as a hypervisor by the guard, stays stopped after the thaw.
        self._stopped_before = {pid for pid in self.processes() if state(pid) == "T"}

        def all_stopped():
            self._signal_all(signal.SIGSTOP, self.processes())
            return all(state(pid) in "TZ" for pid in self.processes())
        wait_until(all_stopped, 10, f"{self.name} is frozen", poll=0.01)

    def thaw(self):
        """Continues every process that ran before."""
        self._signal_all(signal.SIGCONT, set(self.processes()) - self._stopped_before)
        for daemon in self.daemons.values():
            daemon.wake_launcher()

    @staticmethod
    def _signal_all(number, pids):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    # Commands and daemons

    @property
    def enter(self):
        """The words to put before a command that shall run in this host, in the repository."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--net", "--pid",
                f"--wdns={enclosure.REPOSITORY}"]

    def run(self, *command):
        """Runs a command in the host and returns its output; RuntimeError with its words if not."""
        return run(*self.enter, *[str(word) for word in command])

    def start(self, name, *command):
        """Starts a daemon; its output goes to the host's log folder."""
        self.daemons[name] = Daemon(self, name, [str(word) for word in command])
        return self.daemons[name]

    def stop(self, name, number=signal.SIGTERM):
        """Ends a daemon by a signal (SIGKILL for a crash) and waits for its end."""
        daemon = self.daemons.pop(name)
        daemon.signal(number)
        daemon.wait()

    def start_libvirtd(self):
        """Starts the host's libvirtd and waits until it answers."""
        self.start("libvirtd", "libvirtd", "--config", "/etc/libvirt/libvirtd.conf")
        wait_until(lambda: self.virsh("list") is not None, 30, f"libvirtd of {self.name} answers",
                   logs=self.log_tail, poll=0.05)

    def virsh(self, *command):
        """Runs virsh in the host."""
        return self.run("virsh", "--quiet", "--connect", "qemu:///system", *command)

    # Files

    def share_capabilities(self, cache):
        """Tells libvirtd from the `cache` folder what QEMU can do, or asks QEMU and fills it.

        Without it every libvirtd asks at its first guest, which takes seconds.
        """
        own = self.folder / "cache" / "qemu" / "capabilities"
        if any(cache.glob("*.xml")):
            own.mkdir(parents=True, exist_ok=True)
            for file in cache.glob("*.xml"):
                shutil.copy2(file, own)
            return
        self.start_libvirtd()
        self.virsh("domcapabilities", "--virttype", "qemu")
        cache.mkdir(parents=True, exist_ok=True)
        for file in own.glob("*.xml"):
            shutil.copy2(file, cache)
        self.stop("libvirtd")

    def log_tail(self, lines=25):
        """The last lines of every log of the host."""
        text = []
        for log in sorted((self.folder / "log").glob("*.log")):
            tail = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
                    if NOISE not in line][-lines:]
            if tail:
                text.append(f"--- {self.name}: {log.name}")
                text.extend(tail)
        return "\n".join(text)
