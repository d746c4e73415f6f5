"""A host's first process: makes the host's file system private, then reaps until it is killed.

    host_init.py NAME FOLDER

FOLDER is the host's disk: it outlives the process, as a disk outlives a power cut. /run and
/dev/shm are memory and start empty each time. FOLDER/own has a line "PATH<tab>SOURCE" for each further folder that is
the host's own. Writes FOLDER/ready when commands may run in the host.
"""

import os
import pathlib
import signal
import subprocess
import sys
import uuid

# What the host's libvirtd and agent write, and where it lies on the host's disk.
PRIVATE = {
    "/etc/libvirt": "etc",
    "/var/lib/libvirt": "lib",
    "/var/log/libvirt": "log",
    "/var/cache/libvirt": "cache",
}


def mount(*arguments):
    """Runs mount(8)."""
    subprocess.run(["mount", *arguments], check=True)


# libvirtd looks these up even where QEMU runs as root. Debian's libvirt-daemon-system would make
# them, and start a libvirtd on the machine itself: so the host has them, and the machine has not.
ACCOUNTS = {
    "/etc/passwd": "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin",
    "/etc/group": "libvirt-qemu:x:64055:",
}


def add_accounts(folder):
    """Lays copies with the accounts over the machine's files, where they lack them."""
    for path, line in ACCOUNTS.items():
        text = pathlib.Path(path).read_text(encoding="utf-8")
        if "libvirt-qemu:" not in text:
            copy = folder / pathlib.Path(path).name
            copy.write_text(f"{text}{line}\n", encoding="utf-8")
            mount("--bind", str(copy), path)


def main(name, folder):
    """Never returns: the host lives until its first process is killed."""
    subprocess.run(["hostname", name], check=True)
    private = {path: str(folder / part) for path, part in PRIVATE.items()}
    private.update(line.split("\t") for line in
                   (folder / "own").read_text(encoding="utf-8").splitlines())
    for path, source in private.items():
        os.makedirs(path, exist_ok=True)
        mount("--bind", source, path)
    add_accounts(folder)
    for path in ("/run", "/dev/shm"):
        mount("-t", "tmpfs", "tmpfs", path)
    mount("-t", "sysfs", "sysfs", "/sys")  # Shows this host's interfaces; holds no cgroups.
    # Each host's own, and after each boot another, as the kernel's of a real host.
    boot_id = pathlib.Path("/run/boot_id")
    boot_id.write_text(f"{uuid.uuid4()}\n", encoding="utf-8")
    mount("--bind", str(boot_id), "/proc/sys/kernel/random/boot_id")
    os.makedirs("/run/libvirt")
    os.makedirs("/run/cierzo")
    # Blocked, so that sigwait gets it; a daemon must not inherit that, but daemons are started by
    # nsenter from outside, not by this process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    (folder / "ready").touch()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigwait({signal.SIGCHLD})


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
