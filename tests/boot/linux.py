"""What the boots of Linux share: starting one, and reading `plinthctl status`."""
import re

from engine import Machine, boot_files, guest_initrd

BOOT = 240  # seconds to Linux's first process; a loaded machine takes three times what it should
QUICK = "cryptomgr.notests"  # Linux's tests of its own ciphers are a third of its start-up on Bochs


def linux(engine="bochs", script=None, append="", config="", plinth=True, **options):
    """A machine, not yet on, with Linux that runs `script` (sh), or its demo without one."""
    files = boot_files(engine, plinth=plinth, config=config, append=f"{QUICK} {append}".strip(),
                       initrd=guest_initrd(script) if script else None)
    return Machine(engine, files=files, **options)


def run(script, timeout=BOOT, **options):
    """Boot, run `script`, power off; returns all serial output."""
    with linux(script=script, **options) as machine:
        machine.start()
        machine.expect(r"^plinth-demo: test ended with 0$", timeout)
        assert machine.wait_exit(60) == "poweroff"
        assert machine.resets == 0
        return machine.serial


def exits(text):
    """The tables of `plinthctl status` in `text`: one {name: [count per core]} for each."""
    tables = []
    for table in re.findall(r"^reason  name.*\n((?: .*\n)+)", text, re.MULTILINE):
        rows = re.findall(r"^ +\d+ +(\w+) +([\d ]+)$", table, re.MULTILINE)
        tables.append({name: [int(n) for n in counts.split()[:-1]] for name, counts in rows})
    return tables
