"""A resource that agents run, seen from outside: its machines by the hypervisors, its service by
commands in them.
"""

import shlex

from bed.guest import Machine
from bed.site import REPOSITORY

SECONDS = 600  # An emulated guest that was reset was seen to boot for 232 s, on two busy cores.


class Declared:
    """The resource `name` of a site whose agents run. `rows` are figures, shown at the end."""

    def __init__(self, site, folder, name):
        self.site, self.folder, self.name, self.rows = site, folder, name, []

    def apply(self, manifest):
        """Applies a manifest, a text, and waits until it is as declared."""
        file = self.folder / f"{self.name}.yaml"
        file.write_text(manifest, encoding="utf-8")
        self.site.agentctl(self.site.leader(), "apply", file, seconds=SECONDS)

    def machine(self, role, number=1):
        """The machine of an instance."""
        name = f"{self.name}-{role}-{number}"
        for host in self.site.hosts:
            if name in host.virsh("list", "--name").split():
                return Machine(host, name)
        raise LookupError(f"no host runs {name}")

    def gone(self, role, number):
        """True when no host runs it."""
        return not any(f"{self.name}-{role}-{number}" in host.virsh("list", "--name").split()
                       for host in self.site.hosts)

    def wait(self, condition, what):
        """Waits until it is true."""
        return self.site.wait_until(condition, SECONDS, what, poll=0.5)

    def script(self, machine, kind, name, **variables):
        """Runs a script of a type in a machine as its agent would; (status, what it said)."""
        text = (REPOSITORY / "resources" / "types" / kind / name).read_text(encoding="utf-8")
        exports = " ".join(f"{key}={shlex.quote(value)}" for key, value in
                           {"CIERZO_NAME": machine.name, **variables}.items())
        return machine.shell(f"export {exports}; sh -c {shlex.quote(text)}", seconds=SECONDS)

    def show(self, config, title):
        """Prints the figures on pytest's terminal, also where output is captured."""
        terminal = config.pluginmanager.getplugin("terminalreporter")
        with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
            terminal.write_line(f"\n{title}")
            for row in self.rows:
                terminal.write_line(f"  {row}")
