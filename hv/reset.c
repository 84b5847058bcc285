/*
 * Resetting the machine: the chipset's reset control register, then the keyboard controller, then a
 * triple fault, each given time to act. All cores and devices are reset with it.
 */
#include "hv/reset.h"
#include "arch/x86/insn.h"
#include "arch/x86/io.h"

#define RESET_CONTROL     0xcf9u /* PIIX3 and later */
#define RESET_CPU_AND_BUS 0x06u
#define RESET_TYPE_HARD   0x02u
#define KEYBOARD_COMMAND  0x64u
#define KEYBOARD_RESET    0xfeu
#define RESET_TICKS       1000000000ull

static void give_time(void)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < RESET_TICKS)
		cpu_pause();
}

_Noreturn void reset_machine(void)
{
	static const struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} no_idt = { 0, 0 };

	outb(RESET_CONTROL, RESET_TYPE_HARD);
	outb(RESET_CONTROL, RESET_CPU_AND_BUS);
	give_time();
	outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
	give_time();
	__asm__ volatile("lidt %0; ud2" : : "m"(no_idt));
	for (;;)
		halt();
}
