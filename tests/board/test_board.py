"""The test board without plinth: what an operating system sees on Bochs with the board's helper.

When one of these fails, the boots under plinth say nothing.
"""
import re
import time

import pytest

from engine import Machine, boot_files, guest_initrd

BOOT = 180  # seconds to Linux's first process; a loaded machine takes three times what it should


def bare(script=None, append="", **options):
    """A started machine with bare Linux that runs `script`."""
    files = boot_files("bochs", plinth=False, initrd=guest_initrd(script),
                       append=f"cryptomgr.notests quiet {append}")
    return Machine("bochs", files=files, **options)


@pytest.mark.parametrize("cores", [1, 2, 4])
def test_linux_finds_cores_devices_and_the_power_switch(cores):
    script = "nproc | sed 's/^/nproc: /'; dmesg; cat /proc/interrupts; plinthctl status; echo rc=$?"
    with bare(script, cores=cores) as machine:
        machine.start()
        machine.expect(rf"^board: ACPI tables installed, {cores} cores$", 60)
        machine.expect(rf"^nproc: {cores}$", BOOT)
        machine.expect(r"^no plinth here: .*\nrc=1$", 60)
        assert machine.wait_exit(60) == "poweroff"
        assert machine.resets == 0
        text = machine.serial
    wrong = re.findall(r"^.*(?:ACPI (?:BIOS )?(?:Error|Warning)|Call Trace|nobody cared).*$", text,
                       re.MULTILINE)
    assert not wrong
    assert "ACPI: PM: (supports S0 S5)" in text
    assert re.search(r"hpet0: at MMIO 0xfed00000", text)
    assert re.search(r"ttyS0 at I/O 0x3f8 \(irq = 4", text)
    assert re.search(r"^ *4: .*IO-APIC +4-edge +ttyS0", text, re.MULTILINE)


@pytest.mark.parametrize("how", ["", "reboot=t"])
def test_reboot_resets_the_machine(how):
    with bare(append=f"plinth.demo=reboot {how}", reset="stop") as machine:
        machine.start()
        machine.expect(r"^plinth-demo: rebooting", BOOT)
        assert machine.wait_exit(60) == "reset"
        assert machine.resets == 1


def test_the_shell_takes_what_is_typed():
    with bare(append="plinth.demo=shell") as machine:
        machine.start()
        machine.expect(r"# $", BOOT)
        machine.send("echo $((6 * 7)) | sed s/^/answer:/\n")
        machine.expect(r"^answer:42$", 60)
        machine.send("poweroff\n")
        assert machine.wait_exit(60) == "poweroff"


def test_stopping_leaves_nothing():
    with bare() as machine:
        machine.start()
        process = machine.process
        machine.expect("board: ACPI tables", 60)
        begin = time.monotonic()
    assert process.returncode is not None
    assert machine.end == "stopped"
    assert time.monotonic() - begin < 10
