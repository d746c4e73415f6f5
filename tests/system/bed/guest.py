"""What is inside a virtual machine, seen past any agent; and guests started by hand."""

import base64
import json
import subprocess
import tempfile
from xml.sax.saxutils import quoteattr, escape

from . import virtualization
from .waiting import wait_until

DOMAIN = """\
<domain type={type}>
  <name>{name}</name>
  <memory unit='MiB'>128</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel}</kernel><initrd>{initrd}</initrd><cmdline>{cmdline}</cmdline></os>
  <features><acpi/><apic/></features>
  <cpu mode={cpu}/>
  <devices>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file={disk}/><target dev='vda' bus='virtio'/></disk>
    <interface type='bridge'><source bridge='br0'/><model type='virtio'/>
      <rom enabled='no'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <memballoon model='none'/>
  </devices>
</domain>
"""


class Machine:
    """The virtual machine `name` of `host`, whoever started it: its guest agent is asked."""

    def __init__(self, host, name):
        self.host, self.name = host, name

    def agent(self, command, **arguments):
        """Asks the guest agent; RuntimeError while it does not answer."""
        text = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(self.host.virsh("qemu-agent-command", "--timeout", "5", self.name,
                                          text))["return"]

    def answers(self):
        """True when the guest agent answers."""
        return self.agent("guest-ping") == {}

    def shell(self, command, seconds=30):
        """Runs a shell command in the guest; returns (exit status, output and errors)."""
        started = self.agent("guest-exec", path="/bin/sh", arg=["-c", command],
                             **{"capture-output": True})

        def finished():
            status = self.agent("guest-exec-status", pid=started["pid"])
            return status if status["exited"] else None
        status = wait_until(finished, seconds, f"`{command}` ended in {self.name}", poll=0.05)
        text = base64.b64decode(status.get("out-data", "")) + base64.b64decode(
            status.get("err-data", ""))
        return status["exitcode"], text.decode(errors="replace")

    def running(self):
        """True while libvirt knows the guest."""
        return self.name in self.host.virsh("list", "--name").split()

    def shut_down(self):
        """Presses the ACPI power button."""
        try:
            self.host.virsh("shutdown", "--mode", "acpi", self.name)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{self.name}: virsh shutdown hangs") from error


class Guest(Machine):
    """A running machine of image `image` on `host`, on a fresh disk of its own."""

    def __init__(self, site, host, name, image="mini.qcow2"):
        super().__init__(host, name)
        base = site.images / image
        settings = virtualization.sidecar(base)
        disk = host.folder / f"{name}.qcow2"
        host.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", disk)
        kvm = site.virtualization == "kvm"
        xml = DOMAIN.format(
            type=quoteattr(site.virtualization), name=escape(name), kernel=settings["kernel"],
            initrd=settings["initrd"], cmdline=escape(settings["cmdline"]),
            cpu=quoteattr("host-passthrough" if kvm else "maximum"), disk=quoteattr(str(disk)))
        with tempfile.NamedTemporaryFile("w", suffix=".xml", dir=host.folder) as file:
            file.write(xml)
            file.flush()
            host.virsh("create", file.name)
