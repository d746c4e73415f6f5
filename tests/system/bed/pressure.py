"""Memory that runs out, for some processes and not for the machine: a memory cgroup with little in it,
and a hog there that takes all and reads more than fits, so that the kernel takes pages from whoever does
not hold them.
"""

import contextlib
import os
import pathlib
import subprocess
import tempfile

from . import enclosure
from .network import run

LIMIT = 96 << 20  # Bytes. The guard with its libraries locks some 10 MiB, Python itself takes as much.
HELD = 56 << 20
READ = 64 << 20

HOG = """
import sys
held, file = bytearray(int(sys.argv[1])), sys.argv[2]
while True:
    for at in range(0, len(held), 4096):
        held[at] = (held[at] + 1) % 256
    with open(file, "rb", buffering=0) as much:
        while much.read(1 << 20):
            pass
"""


class Pressure:
    """With `folder` on a disk for the file that is read. Ends with everything in it."""

    @staticmethod
    def possible():
        """Where the memory controller is one of cgroup v1."""
        return any("memory" in line.split(":")[1].split(",")
                   for line in open("/proc/self/cgroup", encoding="ascii"))

    def __init__(self, folder):
        # An enclosure has a /sys of its own, without what was mounted there.
        self._controller = pathlib.Path(tempfile.mkdtemp(prefix="memory-", dir=folder))
        run("mount", "-t", "cgroup", "-o", "memory", "none", str(self._controller))
        self._group = pathlib.Path(tempfile.mkdtemp(prefix="cierzo-", dir=self._controller))
        (self._group / "memory.limit_in_bytes").write_text(str(LIMIT), encoding="ascii")
        self._file = folder / "much"
        with open(self._file, "wb") as much:
            for _ in range(READ >> 20):
                much.write(os.urandom(1 << 20))
            much.flush()
            os.fsync(much.fileno())
            # Whoever reads it has it counted as its own: nobody has it in memory now.
            os.posix_fadvise(much.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self._hog = None

    @contextlib.contextmanager
    def joined(self):
        """What is started within is in it, and what it reads first is counted there."""
        before = next(line.rstrip().split(":")[2] for line in open("/proc/self/cgroup",
                                                                  encoding="ascii")
                      if "memory" in line.split(":")[1].split(","))
        self._join(self._group)
        try:
            yield
        finally:
            self._join(self._controller / before.lstrip("/"))

    @staticmethod
    def _join(group):
        (group / "cgroup.procs").write_text("0", encoding="ascii")

    def begin(self):
        """The hog takes what it can get."""
        with self.joined():
            self._hog = subprocess.Popen([enclosure.PYTHON, "-c", HOG, str(HELD), str(self._file)])

    def refused(self):
        """How often the kernel had to look for memory that was not there."""
        return int((self._group / "memory.failcnt").read_text(encoding="ascii"))

    def lives(self):
        """The hog was not ended for want of memory: it goes on pressing."""
        return self._hog.poll() is None

    def end(self):
        """Ends the hog. Others that are in it live on, outside."""
        if self._hog is not None:
            self._hog.kill()
            self._hog.wait()
        for pid in (self._group / "cgroup.procs").read_text(encoding="ascii").split():
            with contextlib.suppress(OSError):
                (self._controller / "cgroup.procs").write_text(pid, encoding="ascii")
        with contextlib.suppress(OSError):
            self._group.rmdir()
        run("umount", "--lazy", str(self._controller))
        self._controller.rmdir()
        self._file.unlink(missing_ok=True)
