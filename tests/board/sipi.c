/*
 * Repeats the firmware's SIPI while ExitBootServices runs, because Bochs 3.0 loses it.
 *
 * At ExitBootServices the firmware moves its application processors into memory that the operating
 * system leaves alone: it broadcasts INIT, SIPI, SIPI, and waits for every core. Bochs delivers a
 * broadcast one core after another, and where the core that takes the SIPI waits for it in VMX
 * non-root operation, the VM exit longjmps out of that loop: the cores behind it get nothing. So
 * two SIPIs start two cores, and with a third the firmware waits for ever. This is the engine's
 * defect: on hardware a broadcast reaches every core, and without a hypervisor it does on Bochs
 * too. SIPIs to one core are right, which is why operating systems can start theirs.
 *
 * So while the firmware waits, a timer sends its broadcast again. A core that does not wait for a
 * SIPI discards it (SDM 3C 26.2), so repeating it is harmless wherever it was not needed. Nothing
 * of this is left when ExitBootServices returns.
 */
#include <efi.h>
#include <efilib.h>

#include "tests/board/sipi.h"

#define VECTOR              0x50    /* OVMF uses 0x20 for its timer, 0x68 to 0x77 for the 8259s */
#define PERIOD              1000000 /* LAPIC timer ticks, one an instruction on Bochs: 20 ms */

/* The local APIC in xAPIC mode (SDM 3A 11.4.1), as OVMF uses it up to 255 cores. */
#define LAPIC_BASE          0xfee00000u
#define LAPIC_EOI           0x0b0
#define LAPIC_ICR           0x300
#define LAPIC_LVT_TIMER     0x320
#define LAPIC_INITIAL_COUNT 0x380
#define LAPIC_DIVIDE        0x3e0

#define ICR_DESTINATION     0xc0000 /* shorthand */
#define ICR_ALL_BUT_SELF    0xc0000
#define ICR_DELIVERY        0x700
#define ICR_STARTUP         0x600
#define TIMER_MASKED        0x10000
#define TIMER_PERIODIC      0x20000
#define TIMER_DIVIDE_BY_1   0xb

/* EFI_CPU_ARCH_PROTOCOL (PI 1.7 volume 2, 12.3), which gnu-efi does not declare. */
typedef VOID(EFIAPI *interrupt_handler)(INTN vector, VOID *context);

struct cpu_arch {
	VOID *flush_data_cache, *enable_interrupt, *disable_interrupt, *get_interrupt_state, *init;
	EFI_STATUS(EFIAPI *register_interrupt_handler)
	(struct cpu_arch *self, INTN vector, interrupt_handler handler);
};

static EFI_GUID cpu_arch_guid = {
	0x26baccb1, 0x6f42, 0x11d4, { 0xbc, 0xe7, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 }
};

static struct cpu_arch *cpu;
static EFI_EVENT first, last; /* they start and stop the timer */
static struct {
	UINT32 lvt, divide, count;
} timer; /* as the firmware left it */

static UINT32 lapic_read(UINT32 reg)
{
	return *(volatile UINT32 *)(UINTN)(LAPIC_BASE + reg);
}

static void lapic_write(UINT32 reg, UINT32 value)
{
	*(volatile UINT32 *)(UINTN)(LAPIC_BASE + reg) = value;
}

static VOID EFIAPI tick(INTN vector, VOID *context)
{
	const UINT32 broadcast_startup = ICR_ALL_BUT_SELF | ICR_STARTUP;
	UINT32 icr = lapic_read(LAPIC_ICR);

	(void)vector;
	(void)context;
	if ((icr & (ICR_DESTINATION | ICR_DELIVERY)) == broadcast_startup)
		lapic_write(LAPIC_ICR, icr);
	lapic_write(LAPIC_EOI, 0);
}

/*
 * Runs before the firmware's handlers, for its TPL is above theirs (TPL_CALLBACK). They are queued
 * by now, so that what is signalled here at their TPL comes after all of them. The firmware has
 * stopped its own use of the timer before it signalled any.
 */
static VOID EFIAPI start_timer(EFI_EVENT event, VOID *context)
{
	(void)event;
	(void)context;
	BS->SignalEvent(last);
	timer.lvt = lapic_read(LAPIC_LVT_TIMER);
	timer.divide = lapic_read(LAPIC_DIVIDE);
	timer.count = lapic_read(LAPIC_INITIAL_COUNT);
	lapic_write(LAPIC_DIVIDE, TIMER_DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, TIMER_PERIODIC | VECTOR);
	lapic_write(LAPIC_INITIAL_COUNT, PERIOD);
}

static VOID EFIAPI stop_timer(EFI_EVENT event, VOID *context)
{
	(void)event;
	(void)context;
	lapic_write(LAPIC_LVT_TIMER, TIMER_MASKED | VECTOR);
	lapic_write(LAPIC_DIVIDE, timer.divide);
	lapic_write(LAPIC_INITIAL_COUNT, timer.count);
	lapic_write(LAPIC_LVT_TIMER, timer.lvt);
	cpu->register_interrupt_handler(cpu, VECTOR, NULL);
}

EFI_STATUS repeat_sipis(void)
{
	EFI_STATUS status = BS->LocateProtocol(&cpu_arch_guid, NULL, (void **)&cpu);

	if (!EFI_ERROR(status))
		status = cpu->register_interrupt_handler(cpu, VECTOR, tick);
	if (EFI_ERROR(status))
		return status;
	status = BS->CreateEvent(EVT_NOTIFY_SIGNAL, TPL_CALLBACK, stop_timer, NULL, &last);
	if (!EFI_ERROR(status))
		status = BS->CreateEvent(EVT_SIGNAL_EXIT_BOOT_SERVICES, TPL_NOTIFY, start_timer,
					 NULL, &first);
	if (EFI_ERROR(status))
		stop_repeating_sipis();
	return status;
}

void stop_repeating_sipis(void)
{
	if (first)
		BS->CloseEvent(first);
	if (last)
		BS->CloseEvent(last);
	if (cpu)
		cpu->register_interrupt_handler(cpu, VECTOR, NULL);
	first = last = NULL;
	cpu = NULL;
}
