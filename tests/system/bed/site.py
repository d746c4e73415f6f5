"""A site: hosts on a switch, each with its libvirtd and its agent, keys and configuration made.

    with Site(hosts=3) as site:
        site.start_agents()
        site.agentctl(site.host(1), "apply", "manifests/examples/web.yaml")

Must run inside an enclosure. Everything it writes is under the enclosure's scratch folder; images,
QEMU's capabilities and the answer about KVM are kept under build/ for the next run.
"""

import json
import os
import shutil
import signal
import subprocess

from . import enclosure, virtualization
from .host import Host
from .network import Network, Switch, run
from .waiting import wait_until

REPOSITORY = enclosure.REPOSITORY
BUILD = REPOSITORY / "build"
IMAGES = BUILD / "images"
CACHE = BUILD / "cache"
AGENT_PORT = 7400
SOCKET = "/run/cierzo/agent.sock"
NO_LEADER = 4  # agentctl's exit status when nobody leads now.


class CommandFailed(RuntimeError):
    """agentctl ended with another status than 0: `status`, `output` and `errors` say how."""

    def __init__(self, arguments, done):
        words = " ".join(str(argument) for argument in arguments)
        super().__init__(f"agentctl {words}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        self.status, self.output, self.errors = done.returncode, done.stdout, done.stderr


class Site:
    """`hosts` hosts, powered on, with libvirtd running. `programs` is the folder of agentd, `types`
    are folders of types beside the built-in ones.

    `network`: the addresses of hosts and guests. `memory`: what each host offers its guests. `own`:
    folders that every host has beside the machine's: path in the host -> folder on the machine.
    `timing`: the keys of the configuration's `timing`, in YAML. `voters`: the first so many hosts
    vote; all of them unless it is given. `settings`: further lines of the configuration. `fences`:
    the number of a host -> its `fence`, in YAML. `outside`: the numbers of hosts that the files of
    the others do not name; `witnesses`: of those that the files call so.
    """

    def __init__(self, hosts=3, programs=BUILD / "bin", images=IMAGES, types=(),
                 network=Network(), memory="2 GiB", own=None, timing="profile: default",
                 voters=None, settings="", fences=None, outside=(), witnesses=()):
        self.programs = programs
        self.types = [REPOSITORY / "resources" / "types", *types]
        self.network = network
        self.memory = memory
        self.timing = timing
        self.voters = voters or hosts
        self.settings = settings
        self.fences = fences or {}
        self.outside, self.witnesses = set(outside), set(witnesses)
        self.images = images
        if not (images / "mini.qcow2").exists():  # No network in an enclosure: build them outside.
            raise RuntimeError(f"no images: run resources/images/build {images} first")
        self.virtualization = virtualization.probe(images, CACHE / "virtualization.json")
        self.folder = enclosure.scratch() / "hosts"
        self.folder.mkdir()
        self.switch = Switch(network)
        self.hosts = [Host(number, self.folder / f"node{number}", self.switch, own)
                      for number in range(1, hosts + 1)]
        self._keys = {}
        try:
            for host in self.hosts:
                host.power_on()
                host.share_capabilities(CACHE / "capabilities")
                host.start_libvirtd()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Cuts everybody's power and removes the switch and the hosts' disks."""
        for host in self.hosts:
            if host.powered:
                host.power_cut()
        self.switch.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def host(self, which):
        """A host by its number or its name."""
        return next(host for host in self.hosts if which in (host.number, host.name))

    # Agents

    def configuration(self, host):
        """The text of a host's agentd.yaml."""
        members = "\n".join(
            f"  - {{id: {other.number}, name: {other.name}, "
            f"voter: {str(other.number <= self.voters).lower()},\n"
            f"     witness: {str(other.number in self.witnesses).lower()},\n"
            f'     address: "{other.address}:{AGENT_PORT}", key: "{self.key(other)}"'
            + (f",\n     fence: {self.fences[other.number]}" if other.number in self.fences else "")
            + "}"
            for other in self.hosts if other is host or other.number not in self.outside)
        return f"""\
host: {{id: {host.number}, name: {host.name}}}
listen: "{host.address}:{AGENT_PORT}"
hosts:
{members}
secret_key_file: {host.folder}/cierzo/secret.key
hypervisor: qemu:///system
virtualization: {self.virtualization}
images: {self.images}
networks:
  - {{name: site, cidr: {self.network.cidr}, bridge: br0,
     gateway: {self.network.control}}}
capacity: {{memory: {self.memory}, cpus: 8}}
state: {host.folder}/cierzo/state
socket: {SOCKET}
timing: {{{self.timing}}}
types: [{", ".join(str(folder) for folder in self.types)}]
{self.settings}
"""

    def new_machine(self, host):
        """Another machine in the place of a host without an agent: no state, and a new key."""
        shutil.rmtree(host.folder / "cierzo")
        (host.folder / "cierzo").mkdir()
        del self._keys[host.name]

    def key(self, host):
        """The host's public key; makes the pair at first."""
        if host.name not in self._keys:
            secret = host.folder / "cierzo" / "secret.key"
            self._keys[host.name] = run(str(self.programs / "agentctl"), "keygen",
                                        str(secret)).strip()
        return self._keys[host.name]

    def start_agent(self, host):
        """Starts a host's agent, which may find the state of an earlier run."""
        file = host.folder / "cierzo" / "agentd.yaml"
        file.write_text(self.configuration(host), encoding="utf-8")
        (host.folder / "cierzo" / "state").mkdir(exist_ok=True)
        self.start_guard(host)
        host.start("agentd", *host.clock, self.programs / "agentd", "--config", file)

    def start_guard(self, host):
        """Starts a host's guard, if it has none: as its unit does, before the agent."""
        if "guard" not in host.daemons or host.daemons["guard"].ended():
            host.start("guard", *host.clock, self.programs / "cierzo-guard")

    def start_agents(self):
        """Starts the agents of all hosts that have power and no agent."""
        for host in self.hosts:
            if host.powered and "agentd" not in host.daemons:
                self.start_agent(host)

    def boot(self, host):
        """Power back after a cut: the host as it comes up by itself, libvirtd and agent started."""
        host.power_on()
        host.start_libvirtd()
        self.start_agent(host)

    def restart_agent(self, host, number=signal.SIGTERM):
        """Ends the agent (SIGKILL: a crash) and starts it again."""
        host.stop("agentd", number)
        self.start_agent(host)

    # Asking

    def agentctl_command(self, host, *arguments):
        """The command line of an agentctl in a host."""
        types = [word for folder in self.types[1:] for word in ("--types", folder)]
        return [*host.enter, str(self.programs / "agentctl"), "--socket", SOCKET,
                *[str(argument) for argument in (*types, *arguments)]]

    def agentctl(self, host, *arguments, seconds=60):
        """Runs agentctl in a host; returns its output, raises CommandFailed with all it said."""
        command = self.agentctl_command(host, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode != 0:
            raise CommandFailed(arguments, done)
        return done.stdout

    def status(self, host=None):
        """`agentctl status` as an object, from `host` or the first that answers.

        Without a leader it is the answering host's own view (exit 4), `leader` absent.
        """
        error = None
        for candidate in [host] if host else self.hosts:
            if candidate.powered and (host or "agentd" in candidate.daemons):
                try:
                    return json.loads(self.agentctl(candidate, "--output", "json", "status",
                                                    seconds=10))
                except CommandFailed as caught:
                    if caught.status == NO_LEADER:
                        return json.loads(caught.output)
                    error = caught
                except (subprocess.TimeoutExpired, ValueError) as caught:
                    error = caught
        raise RuntimeError(f"no agent answers: {error}")

    def leader(self):
        """The host that leads, once one does."""
        def named():
            leader = self.status().get("leader") or {}
            return leader.get("name") and self.host(leader["name"])
        return self.wait_until(named, 30, "a host leads")

    def events(self, host):
        """`agentctl events` as a list of objects, oldest first."""
        text = self.agentctl(host, "--output", "json", "events")
        return [json.loads(line) for line in text.splitlines() if line.strip()]

    def wait_until(self, condition, seconds, what, poll=0.1):
        """As waiting.wait_until; a time-out shows the logs of every host."""
        return wait_until(condition, seconds, what, logs=self.log_tail, poll=poll)

    def log_tail(self):
        """The last lines of every log of every host."""
        return "\n".join(text for text in (host.log_tail() for host in self.hosts) if text)

    def save_logs(self, folder):
        """Copies every host's logs and configuration to `folder`, for the one who looks later."""
        for host in self.hosts:
            target = folder / host.name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(host.folder / "log", target, ignore_dangling_symlinks=True)
            configuration = host.folder / "cierzo" / "agentd.yaml"
            if os.path.exists(configuration):
                shutil.copy(configuration, target)
