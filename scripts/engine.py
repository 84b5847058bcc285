"""The machines that plinth boots on here: Bochs, QEMU with KVM, QEMU without (TCG).

A Machine is one such machine with its ESP and its serial line:

    with Machine("bochs", cores=2, files=boot_files("bochs", plinth=True)) as machine:
        machine.start()
        machine.expect(r"plinth-demo: report complete", timeout=120)
        assert machine.wait_exit(30) == "poweroff"

Everything it makes lives in one temporary directory, which stop() removes (leaving the `with` calls
it). The emulator runs in a process group of its own and is ended by that group's number; it also
dies with its parent. The serial line is a socket that this side listens on, so that no output is
lost and no port is guessed.
"""
import ctypes
import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from image import cpio, esp

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
ENGINES = ("bochs", "kvm", "tcg")
DEFAULT_CPU = {"bochs": "corei7_haswell_4770", "kvm": "host", "tcg": "Nehalem,-vmx"}
IPS = 50_000_000  # Bochs: instructions per virtual second, and so the frequency of its TSC
RESET = b"bx_pc_system_c::Reset("  # in Bochs's log


class EngineError(Exception):
    """The engine is missing, could not start, or ended in a way that nobody asked for."""


class Timeout(EngineError):
    """What was waited for did not come in time."""


class Ended(EngineError):
    """The machine ended while something was expected from it."""


def built(*parts):
    """The path of a build output; a missing one is an error that says how to make it."""
    path = os.path.join(BUILD, *parts)
    if not os.path.exists(path):
        raise EngineError(f"{os.path.relpath(path, ROOT)} is missing: run `make all`")
    return path


# --- Which engines there are ---------------------------------------------------------------------


class Bochs:
    """Where Bochs is: unpacked by scripts/fetch-bochs, or the distribution's package if it is 3.0."""

    def __init__(self, command, share, environment):
        self.command, self.share, self.environment = command, share, environment

    @classmethod
    @functools.lru_cache(maxsize=None)
    def find(cls):
        unpacked = os.path.join(BUILD, "engine", "bochs")
        program = os.path.join(unpacked, "usr/bin/bochs-bin")
        if os.path.exists(program):
            # Its C library is newer than this system's: both are used through their own loader.
            libraries = os.path.join(unpacked, "usr/lib/x86_64-linux-gnu")
            loader = os.path.join(unpacked, "usr/lib64/ld-linux-x86-64.so.2")
            return cls([loader, "--library-path", libraries, program],
                       os.path.join(unpacked, "usr/share/bochs"),
                       {"LTDL_LIBRARY_PATH": os.path.join(libraries, "bochs/plugins")})
        query = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "bochs"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if query.stdout.startswith(b"3.0"):
            return cls(["/usr/bin/bochs-bin"], "/usr/share/bochs", {})
        raise EngineError("Bochs 3.0 is missing: run `make deps`")

    def cpu_models(self):
        """The names that `cpu: model=` takes."""
        result = subprocess.run([*self.command, "--help", "cpu"], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                env={**os.environ, **self.environment}, check=False)
        text = result.stdout.decode(errors="replace")
        return re.findall(r"^(\w+)$", text.partition("Supported CPU models:")[2], re.MULTILINE)


def kvm_problem():
    """Why QEMU/KVM cannot carry a hypervisor here, or None when it can."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        flags = set(re.search(r"^flags\s*:(.*)$", file.read(), re.MULTILINE).group(1).split())
    vendor = {"vmx": "kvm_intel", "svm": "kvm_amd"}
    module = next((vendor[flag] for flag in vendor if flag in flags), None)
    if not module:
        return "the processor offers neither vmx nor svm (/proc/cpuinfo)"
    try:
        with open(f"/sys/module/{module}/parameters/nested", encoding="ascii") as file:
            nested = file.read().strip()
    except OSError:
        return f"the {module} module is not loaded"
    if nested not in ("Y", "y", "1"):
        return f"{module}'s parameter nested is {nested}"
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        return f"/dev/kvm cannot be opened: {error.strerror}"
    return None


def default_engine():
    """KVM where it can carry a hypervisor, else Bochs."""
    return "bochs" if kvm_problem() else "kvm"


# --- What is on the ESP --------------------------------------------------------------------------


def boot_files(engine, plinth=True, kernel=None, initrd=None, append="", config="", board_next=None,
               plinth_options="", files=None):
    """The ESP's files for one boot: Linux, under plinth or (plinth=False) bare.

    kernel, initrd: file names or bytes; the demo guest's by default.
    append: the kernel's command line, after console=ttyS0.
    config: plinth.cfg's text; `next` is added when it names none.
    board_next: what the board starts in place of all this (path and load options).
    plinth_options: load options for plinth.efi (only where the board helper starts it).
    files: more files; one that is named as another here replaces it.
    """
    kernel = kernel or built("guest", "vmlinuz")
    initrd = initrd or built("guest", "initrd.img")
    linux = f"\\EFI\\linux\\vmlinuz initrd=\\EFI\\linux\\initrd.img console=ttyS0 {append}".strip()
    found = {"EFI/linux/vmlinuz": kernel, "EFI/linux/initrd.img": initrd}
    if plinth and not re.search(r"^\s*next\s*=", config, re.MULTILINE):
        config = config.rstrip("\n") + ("\n" if config.strip() else "") + f"next = {linux}\n"
    if plinth and engine != "bochs" and not board_next and not plinth_options:
        found["EFI/BOOT/BOOTX64.EFI"] = built("plinth.efi")
        found["EFI/BOOT/plinth.cfg"] = config.encode()
    else:
        found["EFI/BOOT/BOOTX64.EFI"] = built("board", "board.efi")
        program = linux
        if plinth:
            found["EFI/plinth/plinth.efi"] = built("plinth.efi")
            found["EFI/plinth/plinth.cfg"] = config.encode()
            program = f"\\EFI\\plinth\\plinth.efi {plinth_options}".strip()
        found["board.cfg"] = ((board_next or program) + "\n").encode()
    found.update(files or {})
    return found


def guest_initrd(script=None, files=None):
    """The demo guest's initramfs with more in it: `script` (sh) becomes /test.sh, which runs in
    place of the demo; `files` is for image.cpio()."""
    more = dict(files or {})
    if script is not None:
        more["test.sh"] = script.encode()
    with open(built("guest", "initrd.img"), "rb") as file:
        base = file.read()
    return base + bytes(-len(base) % 512) + cpio(more)


# --- The machine ---------------------------------------------------------------------------------


class Machine:
    """One machine. Options:

    engine: "bochs", "kvm" or "tcg"; cores; mem in MiB; cpu: the engine's model name, or None
    files: the ESP (see boot_files)
    on_serial: called with each piece of serial output (bytes), on a thread of its own
    bochs: more lines for the configuration; bochs_cpu: more for its cpu line ("ignore_bad_msrs=0")
    qemu: more arguments for QEMU
    reset: "go on" (what a machine does) or "stop": end with reason "reset" at the first one
    """

    def __init__(self, engine="bochs", cores=2, mem=1024, cpu=None, files=None, on_serial=None,
                 bochs=(), bochs_cpu="", qemu=(), reset="go on"):
        self.engine, self.cores, self.mem = engine, cores, mem
        self.cpu = cpu or DEFAULT_CPU[engine]
        self.files, self.on_serial = files, on_serial
        self.bochs, self.bochs_cpu, self.qemu, self.reset = bochs, bochs_cpu, qemu, reset
        self.process = self.started = self.end = None
        self.resets = 0  # machine resets since it was turned on
        self._dir = self._link = self._listener = self._qmp = None
        self._log = self._past = ""
        self._log_position, self._log_tail, self._log_resets = 0, b"", 0
        self._messages = []
        self._output = bytearray()
        self._seen = 0  # expect() goes on where its last match ended
        self._news = threading.Condition()
        self._threads = []

    # Life

    def start(self):
        """Make the machine and turn it on. Returns when the engine has opened the serial line."""
        self._dir = tempfile.mkdtemp(prefix="plinth-")
        try:
            esp(self._path("esp.img"), self.files)
            self.started = time.monotonic()
            self._turn_on()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, reason="stopped"):
        """End the engine if it runs, remove everything. May be called at any time, more than once.
        """
        if self.process and self.process.poll() is None:
            self.end = self.end or reason
        self._turn_off()
        if self._dir:
            self.log()  # keep it for whoever asks afterwards
            shutil.rmtree(self._dir, ignore_errors=True)
            self._dir = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # The serial line

    @property
    def serial(self):
        """All serial output so far, as text without carriage returns."""
        with self._news:
            return _text(self._output)

    def send(self, text):
        """Type `text` (str or bytes) into the serial line."""
        self._link.sendall(text.encode() if isinstance(text, str) else text)

    def expect(self, pattern, timeout):
        """Wait until `pattern` (a regular expression, . excludes newlines) appears behind the last
        match; returns the match. Timeout or Ended is raised with the last lines of output."""
        expression = re.compile(pattern, re.MULTILINE)
        deadline = time.monotonic() + timeout
        while True:
            with self._news:
                size = len(self._output)
                text = _text(self._output)
                match = expression.search(text, self._seen)
            if match:
                self._seen = match.end()
                return match
            if self.over():
                raise Ended(f"the machine ended ({self.end}) before /{pattern}/ came; "
                            f"its last lines:\n{self.tail()}")
            if not self._wait(deadline, size):
                raise Timeout(f"/{pattern}/ did not come within {timeout} s; "
                              f"the last lines:\n{self.tail()}")

    def tail(self, lines=20):
        """The last lines of serial output."""
        return "\n".join(_plain(self.serial).splitlines()[-lines:])

    # The end

    def over(self):
        """True when the machine has ended; self.end then says how."""
        if self.end:
            return True
        self._watch_resets()
        if self.end:
            return True
        if not self.process or self.process.poll() is None:
            return False
        self._finish()
        self.end = self.end or self._why()
        return True

    def wait_exit(self, timeout):
        """Wait for the end and return how it came: "poweroff", "reset" (if reset="stop"),
        "shutdown port", "panic: ..." (Bochs's words), "killed by signal N", "exit status N: ..."
        or "stopped" (by stop()). Raises Timeout."""
        deadline = time.monotonic() + timeout
        while not self.over():
            if not self._wait(deadline):
                raise Timeout(f"the machine still runs after {timeout} s; "
                              f"the last lines:\n{self.tail()}")
        return self.end

    def wait_reset(self, timeout, count=1):
        """Wait until the machine has been reset `count` times since it was turned on."""
        deadline = time.monotonic() + timeout
        while self.resets < count:
            if self.over() and self.resets < count:
                raise Ended(f"the machine ended ({self.end}) without a reset")
            if self.resets < count and not self._wait(deadline):
                raise Timeout(f"no reset within {timeout} s; the last lines:\n{self.tail()}")

    def log(self):
        """Bochs's own log and output, or QEMU's output, of the whole life of the machine."""
        if self._dir:
            self._log = self._past + self._read_logs()
        return self._log

    @property
    def triple_faults(self):
        """Bochs: triple faults of the processor itself. A guest's is not one (it is a VM exit),
        so that under plinth this tells of a fault in plinth or before it."""
        return self.log().count("exception with no resolution")

    # Inside

    def _turn_on(self):
        if self.engine == "bochs":
            self._listener = socket.create_server(("127.0.0.1", 0))
            command, environment = self._bochs()
        else:
            self._listener, self._qmp = self._unix_server("serial"), self._unix_server("qmp")
            command, environment = self._qemu(), {}
        with open(self._path("output"), "wb") as output:
            self.process = subprocess.Popen(
                command, cwd=self._dir, env={**os.environ, **environment},
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=_die_with_parent)
        self._link = self._accept(self._listener)
        if self._qmp:
            self._qmp = self._accept(self._qmp)
            self._qmp.sendall(b'{"execute": "qmp_capabilities"}\n{"execute": "cont"}\n')
            self._thread(self._read_qmp)
        self._thread(self._read_serial)

    def _turn_off(self):
        """End the engine's process, if it runs, and close the line to it."""
        for number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
            if not self.process or self.process.poll() is not None:
                break
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(patience)
            except (subprocess.TimeoutExpired, ProcessLookupError):
                continue
        self._finish()
        for thing in (self._link, self._listener, self._qmp):
            if thing:
                thing.close()

    def _path(self, name):
        return os.path.join(self._dir, name)

    def _read_logs(self):
        text = ""
        for name in ("bochs.log", "output"):
            if os.path.exists(self._path(name)):
                with open(self._path(name), encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def _unix_server(self, name):
        server = socket.socket(socket.AF_UNIX)
        server.bind(self._path(name))
        server.listen()
        return server

    def _bochs(self):
        bochs = Bochs.find()
        port = self._listener.getsockname()[1]
        firmware = self._path("firmware.fd")
        with open(firmware, "wb") as file:
            for part in ("VARS", "CODE"):
                file.write(_firmware(part))
        cpu = f"model={self.cpu}, count={self.cores}, ips={IPS}, reset_on_triple_fault=1"
        if self.bochs_cpu:
            cpu += ", " + self.bochs_cpu
        if self.cores > 2 and "exclude_features" not in self.bochs_cpu:
            # OVMF's parked cores sit in MWAIT with armed monitors, and that makes Bochs crawl from
            # ExitBootServices on: with four cores, bare Linux was still setting up its TSC after
            # 300 s. Without MWAIT they use HLT, and the whole boot takes 60 to 120 s.
            cpu += ', exclude_features="mwait"'
        lines = [
            f"memory: guest={self.mem}, host={min(self.mem, 2048)}",
            f"cpu: {cpu}",
            f'romimage: file="{firmware}"',
            f'vgaromimage: file="{bochs.share}/VGABIOS-lgpl-latest"',
            'display_library: rfb, options="timeout=0"',
            f"com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}",
            "clock: sync=none, time0=utc",
            "speaker: enabled=0",
            f'ata0-master: type=disk, path="{self._path("esp.img")}", mode=flat',
            f'log: "{self._path("bochs.log")}"',
            *self.bochs,
        ]
        with open(self._path("bochsrc"), "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        with open(self._path("commands"), "w", encoding="ascii") as file:
            file.write("c\n")  # Debian builds the debugger in, and it would wait at its prompt
        return ([*bochs.command, "-q", "-unlock", "-f", "bochsrc", "-rc", "commands"],
                {**bochs.environment, "LD_PRELOAD": built("engine", "loopback.so")})

    def _qemu(self):
        with open(self._path("vars.fd"), "wb") as file:
            file.write(_firmware("VARS"))
        pflash = "if=pflash,format=raw,unit="
        command = ["qemu-system-x86_64", "-machine", f"q35,accel={self.engine}", "-cpu", self.cpu,
                   "-m", str(self.mem), "-smp", str(self.cores), "-nodefaults", "-display", "none",
                   "-S", "-chardev", "socket,id=serial,path=serial", "-serial", "chardev:serial",
                   "-chardev", "socket,id=qmp,path=qmp", "-mon", "chardev=qmp,mode=control",
                   "-drive", f"{pflash}0,readonly=on,file={_firmware_file('CODE')}",
                   "-drive", f"{pflash}1,file=vars.fd",
                   "-drive", "if=ide,format=raw,file=esp.img"]
        if self.reset == "stop":
            command.append("-no-reboot")
        return command + list(self.qemu)

    def _accept(self, listener):
        """The engine's connection, or an error as soon as the engine ends without one."""
        listener.settimeout(0.2)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                connection = listener.accept()[0]
                connection.settimeout(None)
                listener.close()
                return connection
            except socket.timeout:
                if self.process.poll() is not None:
                    raise EngineError(f"{self.engine} did not start: {self._why()}") from None
        raise EngineError(f"{self.engine} did not open its serial line within 30 s")

    def _thread(self, target):
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _read_serial(self):
        while True:
            try:
                data = self._link.recv(65536)
            except OSError:
                data = b""
            with self._news:
                self._output += data
                self._news.notify_all()
            if not data:
                return
            if self.on_serial:
                self.on_serial(data)

    def _read_qmp(self):
        for line in self._qmp.makefile("rb"):
            message = json.loads(line)
            if "event" not in message:
                continue
            with self._news:
                self._messages.append(message)
                if message["event"] == "RESET" and message["data"].get("guest"):
                    self.resets += 1
                self._news.notify_all()

    def _watch_resets(self):
        """Bochs: carry out the reset that its log tells of. Bochs 3.0 leaves the PIIX4's PMREGMISC
        as it was, and OVMF, which takes that for a sign that the timer has its address, then waits
        for ever. So the reset is done by starting Bochs again with the same disk."""
        if self.engine != "bochs" or not self._dir or not os.path.exists(self._path("bochs.log")):
            return
        with open(self._path("bochs.log"), "rb") as file:
            file.seek(self._log_position)
            new = self._log_tail + file.read()
            self._log_position = file.tell()
        self._log_resets += new.count(RESET)
        self._log_tail = new[-len(RESET) + 1:]
        if self._log_resets < 2:  # the first is the machine being turned on
            return
        self.resets += 1
        if self.reset == "stop":
            self.stop("reset")
            return
        self._turn_off()
        self._past += self._read_logs()
        self._log_position, self._log_tail, self._log_resets = 0, b"", 0
        self._turn_on()

    def _wait(self, deadline, size=None):
        """Wait a moment for news (for output beyond `size`); False once the deadline has passed."""
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        with self._news:
            if size is None or len(self._output) == size:
                self._news.wait(min(left, 0.2))
        return True

    def _finish(self):
        """Take in what the engine wrote before it ended."""
        for thread in self._threads:
            thread.join(5)

    def _why(self):
        for message in self._messages:
            if message["event"] == "SHUTDOWN":
                reason = message["data"]["reason"]
                return {"guest-shutdown": "poweroff", "guest-reset": "reset"}.get(reason, reason)
        log = self.log()
        panics = re.findall(r">>PANIC<< (.*)", log)
        if panics and "soft power off" in panics[-1]:
            return "poweroff"
        if panics and "Shutdown port" in panics[-1]:
            return "shutdown port"
        if panics:
            return f"panic: {panics[-1]}"
        code = self.process.returncode
        if code < 0:
            return f"killed by signal {-code}"
        return f"exit status {code}: {' '.join(log.splitlines()[-3:])}"


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _firmware_file(part):
    path = f"/usr/share/OVMF/OVMF_{part}_4M.fd"
    if not os.path.exists(path):
        raise EngineError(f"{path} is missing: run `make deps`")
    return path


def _firmware(part):
    with open(_firmware_file(part), "rb") as file:
        return file.read()


def _text(data):
    return data.decode("utf-8", errors="replace").replace("\r", "")


def _plain(text):
    """Text without the escape sequences that firmware writes."""
    return re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]", "", text)
