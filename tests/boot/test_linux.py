"""Linux under plinth on Bochs: it comes up on every core as it does bare, and pays next to nothing."""
import re

import pytest

from linux import BOOT, exits, linux, run

REPORT = "nproc | sed 's/^/nproc: /'; plinthctl status; cat /proc/iomem; dmesg"
SUSPICIOUS = r"^\[ *[\d.]+\] (.*(?:BUG|WARNING|Oops|Call Trace|Error|error:|[Ff]ailed|nobody cared|NMI received).*)$"


@pytest.fixture(scope="module")
def two_cores():
    return run("grep -c -w vmx /proc/cpuinfo | sed 's/^/vmx: /'; " + REPORT)


def test_plinth_says_what_it_does(two_cores):
    lines = re.findall(r"^plinth: (.*)$", two_cores, re.MULTILINE)
    expected = [r"version \d+\.\d+\.\d+$", r'processor: GenuineIntel family 6 model 60 .*, 2 cores$',
                r"memory: \d+ KiB reserved at 0x[0-9a-f]+$",
                r"core 0 \(APIC id 0\) enters VMX operation$",
                r"core 1 \(APIC id 1\) enters VMX operation$",
                r"starting \\EFI\\linux\\vmlinuz initrd="]
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected):
        assert re.match(pattern, line)


def test_linux_has_both_cores_and_no_vmx(two_cores):
    assert re.search(r"^nproc: 2$", two_cores, re.MULTILINE)
    assert re.search(r"^vmx: 0$", two_cores, re.MULTILINE)


def test_both_cores_took_exits(two_cores):
    table = exits(two_cores)[0]
    assert all(count > 0 for count in table["CPUID"])
    assert table["INIT"][0] == 0 and table["INIT"][1] > 0
    assert table["SIPI"][1] > 0


def test_interrupts_timers_and_halts_do_not_exit(two_cores):
    allowed = {"CPUID", "INIT", "SIPI", "VMCALL", "CR_ACCESS", "RDMSR", "WRMSR", "XSETBV"}
    table = exits(two_cores)[0]
    assert set(table) <= allowed
    assert sum(sum(counts) for counts in table.values()) < 4000


def test_plinths_memory_is_reserved(two_cores):
    kib, base = re.search(r"memory: (\d+) KiB reserved at (0x[0-9a-f]+)", two_cores).groups()
    first, last = int(base, 16), int(base, 16) + int(kib) * 1024 - 1
    ranges = re.findall(r"^([0-9a-f]{8})-([0-9a-f]{8}) : Reserved$", two_cores, re.MULTILINE)
    assert any(int(a, 16) <= first and last <= int(b, 16) for a, b in ranges)


def test_dmesg_is_as_on_the_bare_machine(two_cores):
    bare = run("dmesg", plinth=False)
    said = set(re.findall(SUSPICIOUS, two_cores, re.MULTILINE))
    assert said <= set(re.findall(SUSPICIOUS, bare, re.MULTILINE))


@pytest.mark.parametrize("cores", [1, 4])
def test_other_numbers_of_cores(cores):
    text = run(REPORT, cores=cores)
    assert re.search(rf"^nproc: {cores}$", text, re.MULTILINE)
    assert len(re.findall(r"^plinth: core \d \(APIC id \d\) enters VMX operation$", text,
                          re.MULTILINE)) == cores
    assert all(len(counts) == cores for counts in exits(text)[0].values())


def test_an_idle_guest_takes_no_exits():
    """Ten idle seconds cost what one costs: the CPUIDs of starting `sleep` and `plinthctl`."""
    script = "plinthctl status; sleep 1; plinthctl status; sleep 10; plinthctl status"
    first, second, third = exits(run(script))
    assert set(first) == set(third)
    for name in first:
        assert sum(third[name]) - sum(second[name]) <= sum(second[name]) - sum(first[name])


def test_one_core_twice_gives_the_same_exits():
    first, second = (exits(run("plinthctl status", cores=1))[0] for _ in range(2))
    del first["VMCALL"], second["VMCALL"]
    assert first == second


@pytest.mark.parametrize("how, line", [("", r"^plinth-demo: rebooting$"),
                                       ("reboot=t", r"^plinth: core \d: triple fault at RIP 0x")])
def test_reboot_and_triple_fault_reset_the_machine(how, line):
    with linux(append=f"plinth.demo=reboot {how}".strip()) as machine:
        machine.start()
        machine.expect(line, BOOT)
        machine.wait_reset(60)
        # It is a reset of the whole machine: firmware comes back, and plinth on every core.
        machine.expect(r"^plinth: core 1 \(APIC id 1\) enters VMX operation$", BOOT)


def test_another_model():
    text = run(REPORT, cpu="corei7_skylake_x", append="tsc_early_khz=50000")
    assert re.search(r"^nproc: 2$", text, re.MULTILINE)
    assert exits(text)[0]["CPUID"][1] > 0
