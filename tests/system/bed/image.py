"""Images made from the mini image by adding files to it: for tests that need another program.

The kernel unpacks one archive after another into a guest's first file system, a later one over an
earlier one. So such an image is the mini image's initramfs with an archive of the files behind it,
made in a moment and without anything to download.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile

PERL = "/usr/bin/perl"


def perl(*modules):
    """The files of this machine's perl-base, which every Debian has, with these modules.

    Path in the guest -> file here. The guest must be of the same Debian, as the images are.
    """
    uses = "".join(f"use {module} (); " for module in modules)
    loaded = subprocess.run(
        [PERL, "-e", f"{uses} print join qq(\\n), values %INC, @DynaLoader::dl_shared_objects"],
        capture_output=True, text=True, check=True).stdout.split()
    linked = subprocess.run(["ldd", PERL], capture_output=True, text=True, check=True).stdout
    libraries = [path for path in re.findall(r"=> (/\S+)", linked)
                 if "/libc.so" not in path]  # The guest agent brought it.
    return {path: pathlib.Path(path) for path in [PERL, *loaded, *libraries]}


def add_to_mini(images, target, files, inittab=""):
    """Makes `target` (a qcow2 file) and its sidecar from mini.qcow2 of the folder `images`.

    `files`: path in the guest -> a file here, whose mode is kept, or the text of a program.
    `inittab`: lines added to the guest's /etc/inittab.
    """
    with tempfile.TemporaryDirectory(prefix="cierzo-image-") as folder:
        root = pathlib.Path(folder)
        base = images / "boot" / "mini.cpio"
        subprocess.run(["cpio", "--extract", "--quiet", "--make-directories", "etc/inittab"],
                       input=base.read_bytes(), cwd=root, check=True)
        with open(root / "etc/inittab", "a", encoding="utf-8") as lines:
            lines.write(inittab)
        for path, source in files.items():
            # Debian's /lib is a link to usr/lib, and the guests' is not: the loader looks in both.
            inside = root / path.lstrip("/")
            inside.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source, pathlib.Path):
                shutil.copy(source, inside)
            else:
                inside.write_text(source, encoding="utf-8")
                inside.chmod(0o755)
        names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
        added = subprocess.run(
            ["cpio", "--create", "--quiet", "--format=newc", "--owner=0:0"], cwd=root,
            input="\n".join(names).encode(), capture_output=True, check=True).stdout
    target.with_suffix(".cpio").write_bytes(base.read_bytes() + added)
    shutil.copy(images / "mini.qcow2", target)
    settings = (images / "mini.qcow2.yaml").read_text(encoding="utf-8")
    settings = settings.replace("boot/mini.cpio", target.with_suffix(".cpio").name)
    settings = settings.replace("boot/vmlinux", str(images / "boot" / "vmlinux"))
    pathlib.Path(f"{target}.yaml").write_text(settings, encoding="utf-8")
