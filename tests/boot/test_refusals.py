"""Machines that cannot run plinth: it says what is missing, and Linux boots all the same."""
import re

import pytest

from linux import BOOT, linux

REFUSED = r"^plinth: this machine cannot run plinth; continuing without it$"

MISSING = [
    ("bochs", "ryzen", "the processor's vendor is not supported: CPUID.0:EBX:EDX:ECX = \"AuthenticAMD\""),
    ("bochs", "corei5_lynnfield_750", '"unrestricted guest" cannot be turned on: MSR 0x48b = 0x'),
    ("bochs", "core2_penryn_t9600", '"enable EPT" cannot be turned on: MSR 0x48b = 0x'),
    ("tcg", "qemu64", "the processor's vendor is not supported"),
    ("tcg", "Skylake-Client-v1", "VMX is not supported: CPUID.1:ECX = 0x"),
]


@pytest.mark.parametrize("engine, cpu, sentence", MISSING, ids=[f"{e}-{c}" for e, c, _ in MISSING])
def test_the_missing_thing_is_named_and_linux_boots(engine, cpu, sentence):
    with linux(engine, script="plinthctl status; nproc | sed 's/^/nproc: /'", cpu=cpu) as machine:
        machine.start()
        machine.expect("^plinth: core 0: .*" + re.escape(sentence), 90)
        machine.expect(REFUSED, 60)
        machine.expect(r"^no plinth here: .*\nnproc: 2$", BOOT)
        assert machine.wait_exit(60) == "poweroff"
        assert machine.serial.count("enters VMX operation") == 0
