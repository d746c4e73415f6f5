"""Whether guests run under KVM here, found out by really booting one.

/dev/kvm may exist, open and create machines, and yet boot no ordinary kernel (nested hosts do
that), so nothing less than a guest agent that answers counts.
"""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time

from . import enclosure

BOOT_SECONDS = 15


def sidecar(image):
    """The settings beside an image: kernel and initrd as absolute paths, and cmdline."""
    settings = {}
    for line in pathlib.Path(f"{image}.yaml").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(": ")
        settings[key] = value.strip('"')
    for key in ("kernel", "initrd"):
        settings[key] = str(pathlib.Path(image).parent / settings[key])
    return settings


def _answers(path):
    """True when a guest agent answers guest-ping at this socket."""
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(1)
            agent.connect(str(path))
            agent.sendall(b'{"execute": "guest-ping"}\n')
            return b"return" in agent.recv(4096)
    except OSError:
        return False


def boots(image, accelerator, seconds=BOOT_SECONDS):
    """True when the image's guest agent answers within `seconds` under this accelerator."""
    settings = sidecar(image)
    with tempfile.TemporaryDirectory(prefix="cierzo-boot-") as folder:
        agent = pathlib.Path(folder) / "agent"
        machine = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35",
             "-accel", accelerator, "-cpu", "host" if accelerator == "kvm" else "max", "-m", "128",
             "-kernel", settings["kernel"], "-initrd", settings["initrd"],
             "-append", settings["cmdline"],
             "-drive", f"file={image},if=virtio,format=qcow2,snapshot=on",
             "-device", "virtio-serial",
             "-chardev", f"socket,id=agent,path={agent},server=on,wait=off",
             "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=enclosure.die_with_parent)
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and machine.poll() is None:
                if _answers(agent):
                    return True
                time.sleep(0.1)  # A poll: its answer, its end or the deadline ends the loop.
            return False
        finally:
            machine.kill()
            machine.wait()


def probe(images, cache):
    """`kvm` or `qemu` (emulation), as the configuration's `virtualization:` takes it.

    The answer holds for this boot of this machine and is kept in the file `cache`.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "qemu"
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
        if known["boot"] == boot:
            return known["virtualization"]
    except (OSError, ValueError, KeyError):
        pass
    found = "kvm" if boots(images / "mini.qcow2", "kvm") else "qemu"
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps({"boot": boot, "virtualization": found}), encoding="utf-8")
    return found
