/*
 * Every core that the firmware reports is virtualised, or none is: this file finds them and runs
 * the kernel on each. Application cores run one at a time, on firmware's stack for them, and may
 * not use boot services; each knows its place by asking EFI_MP_SERVICES.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/cores.h"
#include "boot/text.h"

/* An emulator on a busy machine may need seconds for what a processor does in microseconds. */
#define CORE_TIMEOUT_US 20000000u

static EFI_GUID mp_services = EFI_MP_SERVICES_PROTOCOL_GUID;

/* EFI_MP_SERVICES may count the boot core anywhere; plinth counts it as 0. */
static uint32_t index_of(const struct machine *machine, UINTN number)
{
	if (number == machine->boot_number)
		return 0;
	return (uint32_t)(number < machine->boot_number ? number + 1 : number);
}

static bool examine_core(struct machine *machine, UINTN number)
{
	struct core *core = &machine->cores[index_of(machine, number)];
	EFI_PROCESSOR_INFORMATION info = { 0 };
	EFI_STATUS status = machine->mp->GetProcessorInfo(machine->mp, number, &info);

	if (EFI_ERROR(status)) {
		say("core %d: firmware does not describe it: %r", index_of(machine, number),
		    status);
		return false;
	}
	core->apic_id = (uint32_t)info.ProcessorId;
	if (!(info.StatusFlag & PROCESSOR_ENABLED_BIT)) {
		say("core %d (APIC id %d) is disabled by firmware, out of plinth's reach and perhaps "
		    "not out of the operating system's: enable it in the firmware's setup",
		    index_of(machine, number), core->apic_id);
		return false;
	}
	if (!(info.StatusFlag & PROCESSOR_HEALTH_STATUS_BIT)) {
		say("core %d (APIC id %d) is unhealthy, says firmware: have the processor checked",
		    index_of(machine, number), core->apic_id);
		return false;
	}
	return true;
}

static uint32_t initial_apic_id(void)
{
	uint32_t eax = 1, ebx, ecx, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
	return ebx >> 24;
}

bool cores_find(struct machine *machine)
{
	UINTN enabled, count = 1;
	EFI_STATUS status;
	bool all = true;

	status = BS->LocateProtocol(&mp_services, NULL, (VOID **)&machine->mp);
	if (EFI_ERROR(status)) {
		machine->mp = NULL;
	} else {
		status = machine->mp->GetNumberOfProcessors(machine->mp, &count, &enabled);
		if (!EFI_ERROR(status))
			status = machine->mp->WhoAmI(machine->mp, &machine->boot_number);
		if (EFI_ERROR(status)) {
			say("firmware does not say how many cores there are: %r", status);
			return false;
		}
	}

	machine->cores = AllocateZeroPool(count * sizeof(*machine->cores));
	if (!machine->cores) {
		say("firmware has no memory left for the list of %d cores", count);
		return false;
	}
	machine->core_count = (uint32_t)count;
	if (!machine->mp)
		machine->cores[0].apic_id = initial_apic_id();
	for (UINTN number = 0; machine->mp && number < count; number++)
		all = examine_core(machine, number) && all;
	return all;
}

void cores_forget(struct machine *machine)
{
	if (machine->cores)
		FreePool(machine->cores);
	machine->cores = NULL;
}

/* On the core itself. */
static void call_kernel(struct machine *machine, uint32_t index, uint64_t call)
{
	struct core *core = &machine->cores[index];
	uint64_t stack = machine->info->cores[index].stack;

	if (stack)
		core->gate.stack = stack;
	core->result = gate_call(&core->gate, call, index);
	if (call == KERNEL_START && core->result == BOOT_OK)
		core->inside = true; /* from here on the region is out of reach */
	else
		machine->info->cores[index].status = (int32_t)core->result;
}

static VOID EFIAPI call_on_application_core(VOID *argument)
{
	struct machine *machine = argument;
	UINTN number;

	if (!EFI_ERROR(machine->mp->WhoAmI(machine->mp, &number)))
		call_kernel(machine, index_of(machine, number), machine->call);
}

static VOID EFIAPI leave_on_application_core(VOID *argument)
{
	struct machine *machine = argument;
	UINTN number;
	struct core *core;

	if (EFI_ERROR(machine->mp->WhoAmI(machine->mp, &number)))
		return;
	core = &machine->cores[index_of(machine, number)];
	if (core->inside && gate_leave() == 0)
		core->inside = false;
}

static EFI_STATUS run_application_cores(struct machine *machine, EFI_AP_PROCEDURE procedure)
{
	UINTN timeout = (UINTN)CORE_TIMEOUT_US * machine->core_count;

	if (machine->core_count == 1)
		return EFI_SUCCESS;
	return machine->mp->StartupAllAPs(machine->mp, procedure, TRUE, NULL, timeout, machine,
					  NULL);
}

int64_t cores_call_boot(struct machine *machine, enum boot_call call)
{
	call_kernel(machine, 0, call);
	return machine->cores[0].result;
}

bool cores_call_all(struct machine *machine, enum boot_call call)
{
	EFI_STATUS status;
	bool ok = true;

	for (uint32_t i = 0; i < machine->core_count; i++)
		machine->cores[i].result = BOOT_NOT_RUN;
	machine->call = call;
	/* The boot core first: if it can't start, there is nothing to undo. */
	if (cores_call_boot(machine, call) != BOOT_OK && call == KERNEL_START)
		return false;

	status = run_application_cores(machine, call_on_application_core);
	for (uint32_t i = 0; i < machine->core_count; i++) {
		struct core *core = &machine->cores[i];

		if (core->result == BOOT_NOT_RUN) {
			say("core %d (APIC id %d) did not answer when firmware called it: %r", i,
			    core->apic_id, status);
			machine->lost = true;
		}
		ok = ok && core->result == BOOT_OK;
	}
	return ok;
}

bool cores_leave(struct machine *machine)
{
	EFI_STATUS status = run_application_cores(machine, leave_on_application_core);
	bool all = true;

	if (machine->cores[0].inside && gate_leave() == 0)
		machine->cores[0].inside = false;
	for (uint32_t i = 0; i < machine->core_count; i++) {
		struct core *core = &machine->cores[i];

		if (!core->inside)
			continue;
		say("core %d (APIC id %d) stays in virtual operation, %a: restart the machine", i,
		    core->apic_id,
		    i && EFI_ERROR(status) ? "as firmware cannot call it to leave"
					   : "as plinth does not let it leave");
		all = false;
	}
	return all;
}
