/*
 * Interprocessor interrupts from the host (SDM 3A 10.6). The guest owns the APIC: it may sit in the
 * middle of its own two writes to the ICR, so the upper half is put back.
 */
#include "arch/x86/apic.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "arch/x86/window.h"

#define APIC_ICR_LOW   0x300u
#define APIC_ICR_HIGH  0x310u
#define ICR_NMI        (4u << 8)
#define ICR_ASSERT     BIT(14)
#define ICR_PENDING    BIT(12)
#define ICR_WAIT_TICKS 100000000ull

static volatile uint32_t *apic_register(volatile uint8_t *apic, unsigned offset)
{
	return (volatile uint32_t *)(apic + offset);
}

static void wait_for_delivery(volatile uint8_t *apic)
{
	uint64_t start = rdtsc();

	while (*apic_register(apic, APIC_ICR_LOW) & ICR_PENDING && rdtsc() - start < ICR_WAIT_TICKS)
		cpu_pause();
}

void apic_send_nmi(unsigned self, uint32_t apic_id)
{
	uint64_t base = rdmsr(IA32_APIC_BASE);
	volatile uint8_t *apic;
	uint32_t high;

	if (base & APIC_BASE_X2APIC) {
		wrmsr(X2APIC_ICR, (uint64_t)apic_id << 32 | ICR_ASSERT | ICR_NMI);
		return;
	}
	if (!(base & APIC_BASE_ENABLED))
		return; /* the guest has turned it off: there is no way to send anything */
	apic = window_map(self, WINDOW_APIC, base & APIC_BASE_ADDRESS);
	wait_for_delivery(apic);
	high = *apic_register(apic, APIC_ICR_HIGH);
	*apic_register(apic, APIC_ICR_HIGH) = apic_id << 24;
	*apic_register(apic, APIC_ICR_LOW) = ICR_ASSERT | ICR_NMI;
	wait_for_delivery(apic);
	*apic_register(apic, APIC_ICR_HIGH) = high;
	window_unmap(self, WINDOW_APIC);
}
