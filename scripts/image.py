"""Images for the boots, without root and reproducible: initramfs archives and EFI system partitions.

An initramfs is a list of newc cpio archives one behind the other, so that a test adds files of its
own (/test.sh, say) by appending a second archive to the standard one.
"""
import gzip
import os
import stat
import subprocess
import sys

SECTOR = 512


def cpio(files):
    """A newc cpio archive. `files` maps a path to bytes (a file, executable if it is a script or an
    ELF), str (a symbolic link), None (a directory) or a (major, minor) pair (a character device).
    Missing parents are added."""
    entries = dict(files)
    for path in files:
        parent = os.path.dirname(path)
        while parent:
            entries.setdefault(parent, None)
            parent = os.path.dirname(parent)
    archive = bytearray()
    for inode, path in enumerate(sorted(entries), 1):
        archive += _cpio_entry(inode, path, entries[path])
    archive += _cpio_entry(0, "TRAILER!!!", b"")
    return bytes(archive) + bytes(-len(archive) % SECTOR)


def _cpio_entry(inode, path, content):
    data, device = b"", (0, 0)
    if content is None:
        mode = stat.S_IFDIR | 0o755
    elif isinstance(content, str):
        mode, data = stat.S_IFLNK | 0o777, content.encode()
    elif isinstance(content, tuple):
        mode, device = stat.S_IFCHR | 0o600, content
    else:
        executable = content[:2] == b"#!" or content[:4] == b"\x7fELF"
        mode, data = stat.S_IFREG | (0o755 if executable else 0o644), content
    name = path.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initramfs(init, busybox, plinthctl=None):
    """The demo guest's initramfs: gzipped, the same bytes for the same input."""
    files = {"init": init, "bin/busybox": busybox, "bin/sh": "busybox", "proc": None, "sys": None,
             "dev": None, "tmp": None, "root": None, "dev/console": (5, 1), "dev/null": (1, 3)}
    if plinthctl:
        files["bin/plinthctl"] = plinthctl
    return gzip.compress(cpio(files), compresslevel=9, mtime=0)


def esp(path, files):
    """Write a FAT image to `path` that holds `files`: EFI path ("EFI/BOOT/BOOTX64.EFI") to bytes or
    the name of a file on this machine."""
    contents = {}
    for name, content in files.items():
        if not isinstance(content, bytes):
            with open(content, "rb") as file:
                content = file.read()
        contents[name.replace("\\", "/").strip("/")] = content
    used = sum(len(content) for content in contents.values())
    size = max(34, used // (1 << 20) + 8) << 20  # FAT32 wants 33 MiB at least
    environment = dict(os.environ, MTOOLS_SKIP_CHECK="1", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")

    def tool(*command, data=None):
        result = subprocess.run(command, input=data, env=environment, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, check=False)
        if result.returncode:
            raise RuntimeError(f"{command[0]} failed: {result.stdout.decode(errors='replace')}")

    with open(path, "wb") as image:
        image.truncate(size)
    tool("mkfs.fat", "-F", "32", "-i", "504c5448", "-n", "PLINTH", path)
    made = set()
    for name in sorted(contents):
        parent = ""
        for part in name.split("/")[:-1]:
            parent += "/" + part
            if parent not in made:
                tool("mmd", "-i", path, "::" + parent)
                made.add(parent)
        tool("mcopy", "-i", path, "-", "::/" + name, data=contents[name])


def _main(action, output, *inputs):
    """`image.py initramfs OUTPUT INIT BUSYBOX PLINTHCTL`, for the Makefile."""
    contents = []
    for name in inputs:
        with open(name, "rb") as file:
            contents.append(file.read())
    assert action == "initramfs"
    with open(output, "wb") as file:
        file.write(initramfs(*contents))


if __name__ == "__main__":
    _main(*sys.argv[1:])
