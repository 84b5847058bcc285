"""EFI programs of ours (tests/guest) as the guest: plinth's memory, plinth.cfg, load options, and
firmware that has locked VMX off."""
import re

import pytest

from engine import Machine, boot_files, built

PROGRAMS = ("lockvmx", "run", "status", "touch")
STATUS = r"\EFI\test\status.efi"


def guest(config=None, board_next=None, run=None, plinth_options="", **options):
    """A machine, not yet on, with the test programs on its ESP and `config` as plinth.cfg (None:
    there is none). `run`: the lines of run.cfg, for board_next=run.efi."""
    files = boot_files("bochs", config=config or "next = none\n", board_next=board_next,
                       plinth_options=plinth_options,
                       files={f"EFI/test/{name}.efi": built("tests", "guest", f"{name}.efi")
                              for name in PROGRAMS})
    if config is None:
        del files["EFI/plinth/plinth.cfg"]
    if run:
        files["run.cfg"] = run.encode()
    for unused in ("EFI/linux/vmlinuz", "EFI/linux/initrd.img"):
        del files[unused]
    return Machine("bochs", files=files, **options)


def serial_of(machine, timeout=120):
    with machine:
        machine.start()
        assert machine.wait_exit(timeout) == "shutdown port"
        return machine.serial


@pytest.mark.parametrize("cores", [1, 2])
def test_touching_plinths_memory_does_no_harm(cores):
    text = serial_of(guest("next = \\EFI\\test\\touch.efi\n", cores=cores))
    assert re.search(r"^touch: \d+ passed, 0 failed$", text, re.MULTILINE), text[-3000:]
    for access in ("read of", "write to"):
        assert re.search(rf"^plinth: core 0: touch \d of plinth's memory: {access} 0x[0-9a-f]+ "
                         r"at RIP 0x[0-9a-f]+$", text, re.MULTILINE)


def test_vmx_locked_off_is_named_on_every_core():
    text = serial_of(guest(f"next = {STATUS} off\n", board_next=r"\EFI\test\run.efi",
                           run="\\EFI\\test\\lockvmx.efi\n\\EFI\\plinth\\plinth.efi\n"))
    assert "lockvmx: 2 of 2 cores locked" in text
    assert re.search(r"^plinth: core 0: VMX is turned off: IA32_FEATURE_CONTROL \(MSR 0x3a\) = 0x1 "
                     r"is locked", text, re.MULTILINE)
    assert "plinth: this machine cannot run plinth; continuing without it" in text
    assert "status: no plinth" in text


def test_the_rest_of_a_bad_configuration_is_used():
    text = serial_of(guest(f"# a comment\nnonsense\nbaud = fast\ncolour = blue\nnext = {STATUS} off\n"))
    for number, piece in ((2, "nonsense"), (3, "baud = fast"), (4, "colour = blue")):
        assert re.search(rf"^plinth: plinth.cfg line {number}: .*{piece}", text, re.MULTILINE), text
    assert re.search(r"^status: plinth \d+\.\d+\.\d+, 2 cores$", text, re.MULTILINE)


def test_load_options_win_over_the_file():
    text = serial_of(guest("log = error\nnext = \\nowhere.efi\n",
                           plinth_options=f'log=info "next={STATUS} off"'))
    assert "plinth: version" in text
    assert 'status: options "off"' in text


def test_no_file_and_a_missing_next_go_back_to_who_started_plinth():
    text = serial_of(guest(None, board_next=r"\EFI\test\run.efi",
                           run="\\EFI\\plinth\\plinth.efi\n\\EFI\\plinth\\plinth.efi next=\\no.efi\n"
                               f"{STATUS}\n"))
    assert "run: returned 0\n" in text
    assert "plinth already runs on this machine" in text
    assert re.search(r"^plinth: next = \\no.efi cannot be loaded", text, re.MULTILINE)
    assert re.search(r"^status: plinth ", text, re.MULTILINE)


def test_without_a_serial_port_plinth_is_silent_and_runs():
    text = serial_of(guest(f"serial = none\nnext = {STATUS} off\n"))
    assert "enters VMX operation" not in text
    assert re.search(r"^status: plinth \d+\.\d+\.\d+, 2 cores$", text, re.MULTILINE)
