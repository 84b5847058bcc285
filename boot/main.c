/*
 * plinth.efi: the story of one boot, as the loader sees it. It reads the settings, loads what comes
 * next, brings the kernel up on every core, and, by then a guest of it, starts what comes next.
 * Where plinth cannot run, it says why and starts what comes next without it.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/cores.h"
#include "boot/next.h"
#include "boot/place.h"
#include "boot/settings.h"
#include "boot/text.h"
#include "hv/hypercall.h"

/* Does plinth already run below us? */
static bool plinth_runs(void)
{
	uint32_t eax = PLINTH_CPUID_BASE, ecx = 0, signature[3];

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(signature[0]), "+c"(ecx), "=d"(signature[2]));
	signature[1] = ecx;
	return CompareMem(signature, PLINTH_SIGNATURE, sizeof(signature)) == 0;
}

static const char *reason_of(int64_t status)
{
	switch (status) {
	case BOOT_UNFIT:
		return "requirements are missing";
	case BOOT_BAD_INFO:
		return "the kernel and its loader are of different versions: build both together";
	case BOOT_NO_MEMORY:
		return "the kernel's heap is too small: please report this with the machine's "
		       "memory and cores";
	case BOOT_VIRT_FAILED:
		return "virtual operation cannot be entered";
	case BOOT_NOT_RUN:
		return "it did not answer";
	default:
		return "the kernel gives an unknown reason";
	}
}

/* The report's lines, which the kernel has logged, go to the rest of the console. */
static void show_report(struct boot_info *info, uint16_t log_port)
{
	size_t length = info->report_length;

	if (length <= sizeof(info->report))
		text_show_lines(info->report, length, log_port);
}

/* Hand what is kept to the kernel's log, and show it where the log does not reach. */
static void tell(struct machine *machine, uint16_t log_port)
{
	text_to_notes(machine->info);
	cores_call_boot(machine, KERNEL_LOG);
	text_show(log_port);
}

/* Everything that changes no core for good. */
static bool prepare(struct machine *machine, const struct config *config)
{
	uint16_t log_port = config->kernel.serial_port;
	int64_t status;

	if (!cores_find(machine) || !place_kernel(machine, config))
		return false;
	text_to_notes(machine->info);
	status = cores_call_boot(machine, KERNEL_INIT);
	if (status != BOOT_OK && status != BOOT_UNFIT) {
		say("the kernel does not start: %a", reason_of(status));
		return false;
	}
	machine->log_works = true;
	text_show(log_port);
	if (status == BOOT_OK && cores_call_all(machine, KERNEL_CHECK))
		return true;
	show_report(machine->info, log_port);
	return false;
}

static bool start(struct machine *machine)
{
	if (cores_call_all(machine, KERNEL_START))
		return true;
	for (uint32_t i = 0; i < machine->core_count; i++) {
		struct core *core = &machine->cores[i];

		if (core->result != BOOT_OK && core->result != BOOT_NOT_RUN)
			say("core %d (APIC id %d) does not start: %a", i, core->apic_id,
			    reason_of(core->result));
	}
	if (!cores_leave(machine))
		machine->lost = true;
	return false;
}

/* Start plinth on every core or on none. */
static void start_plinth(const struct config *config)
{
	struct machine machine = { 0 };
	int64_t status;

	if (!prepare(&machine, config)) {
		say("this machine cannot run plinth; continuing without it");
	} else if (!start(&machine)) {
		say("not every core of this machine can run plinth; continuing without it");
	} else {
		status = gate_hypercall(PLINTH_CALL(PLINTH_SEAL));
		if (status)
			say("plinth refuses to be sealed (%d): restart the machine", (int)status);
		cores_forget(&machine);
		return;
	}
	if (!machine.lost) {
		if (machine.log_works)
			tell(&machine, config->kernel.serial_port);
		place_forget(&machine);
	}
	cores_forget(&machine);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	struct config config;
	EFI_LOADED_IMAGE *self;
	EFI_STATUS status;
	EFI_HANDLE next;

	InitializeLib(image, system);
	/* What comes next may take its time, and on an emulator plinth does too. */
	BS->SetWatchdogTimer(0, 0, 0, NULL);
	status = BS->HandleProtocol(image, &LoadedImageProtocol, (VOID **)&self);
	if (EFI_ERROR(status))
		return status;

	read_settings(self, &config);
	status = load_next(image, self->DeviceHandle, &config, &next);
	if (!next)
		config.next[0] = 0; /* the kernel tells what it starts */
	if (plinth_runs())
		say("plinth already runs on this machine; continuing without another one");
	else
		start_plinth(&config);
	text_show(0);
	if (next)
		status = start_next(next, &config);
	else if (!EFI_ERROR(status))
		status = without_next(self);
	text_show(0);
	return status;
}
