"""Starts a program as a service file confines it, as far as that can be done without systemd.

``unshare --mount [--map-root-user] python confined.py UNIT WRITABLE PROGRAM…``: a read-only system but for one folder,
no capabilities, no new privileges, no memory that is written and run, and the system calls that the unit allows, by a
filter of libseccomp with systemd's own lists.
"""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_MDWE = 24, 38, 65
ERRNO_EPERM, ALLOW = 0x00050001, 0x7FFF0000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def settings(unit: str, name: str) -> list[str]:
    """The values of a setting, in their order."""
    return re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)


def allowed_calls(unit: str) -> set[str]:
    """The system calls that a unit allows."""
    allowed: set[str] = set()
    for value in settings(unit, "SystemCallFilter"):
        calls = {call for one in value.removeprefix("~").split() for call in members(one)}
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    return allowed | members("@default")


def members(name: str) -> set[str]:
    """The calls of one of systemd's sets, and of the sets in it."""
    if not name.startswith("@"):
        return {name}
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", name], capture_output=True, text=True, check=True
    )
    words = {line.strip() for line in told.stdout.splitlines()[1:] if not line.strip().startswith("#")}
    return {call for word in words - {""} for call in members(word)}


def only_calls(calls: set[str]) -> None:
    """From now on every other system call answers EPERM."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ERRNO_EPERM)))
    for call in calls:
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            assert seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, 0, None) == 0, call
    assert seccomp.seccomp_load(context) == 0


def read_only_but(writable: Path) -> None:
    """ProtectSystem=strict, in the mount namespace that this process has to itself."""
    mount(b"none", b"/", MS_REC | MS_PRIVATE)
    mount(str(writable).encode(), str(writable).encode(), MS_BIND)
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split()[1]
        if place != str(writable) and not place.startswith(("/proc", "/sys", "/dev")):
            mount(b"none", place.encode(), MS_REMOUNT | MS_BIND | MS_RDONLY)


def mount(source: bytes, target: bytes, flags: int) -> None:
    if libc.mount(source, target, None, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target.decode()}")


def confine(unit: str, writable: Path) -> None:
    """All of it, for this process and what it becomes."""
    calls = allowed_calls(unit)
    if "strict" in settings(unit, "ProtectSystem"):
        read_only_but(writable)
    if settings(unit, "CapabilityBoundingSet") == [""]:
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if "yes" in settings(unit, "NoNewPrivileges"):
        assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    if "yes" in settings(unit, "MemoryDenyWriteExecute"):
        libc.prctl(PR_SET_MDWE, 1, 0, 0, 0)  # older kernels than 6.3 do not know it
    only_calls(calls)


if __name__ == "__main__":
    confine(Path(sys.argv[1]).read_text(encoding="utf-8"), Path(sys.argv[2]).resolve())
    os.execvp(sys.argv[3], sys.argv[3:])
