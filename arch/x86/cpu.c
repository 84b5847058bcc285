/*
 * Bringing a core under plinth's own descriptor tables, and the tables themselves. What the traps
 * do is in traps.c.
 */
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "arch/x86/traps.h"

struct __attribute__((packed)) table_register {
	uint16_t limit;
	uint64_t base;
};

struct __attribute__((packed)) gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM 3A figure 6-8");

#define GDT_CODE64        0x00af9b000000ffffull /* accessed, so that the CPU writes nothing */
#define GDT_DATA          0x00cf93000000ffffull
#define GDT_TSS_AVAILABLE 0x0000890000000000ull
#define GATE_INTERRUPT    0x8e

static struct gate idt[VECTOR_COUNT];

uint64_t idt_base(void)
{
	return (uint64_t)idt;
}

static uint8_t ist_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_NMI:
		return IST_NMI;
	case VECTOR_DF:
		return IST_DF;
	case VECTOR_MC:
		return IST_MC;
	default:
		return IST_NONE;
	}
}

/* The same for every core, so it is filled with the same values each time. */
static void idt_fill(void)
{
	for (unsigned v = 0; v < VECTOR_COUNT; v++) {
		uint64_t entry = (uint64_t)trap_entries + v * TRAP_ENTRY_SIZE;

		idt[v] = (struct gate){
			.offset_low = (uint16_t)entry,
			.selector = HOST_CS,
			.ist = ist_of(v),
			.type = GATE_INTERRUPT,
			.offset_middle = (uint16_t)(entry >> 16),
			.offset_high = (uint32_t)(entry >> 32),
		};
	}
}

static void tss_descriptor(uint64_t *slot, const struct tss *tss)
{
	uint64_t base = (uint64_t)tss;

	slot[0] = GDT_TSS_AVAILABLE | (sizeof(*tss) - 1) | (base & 0xffffff) << 16 |
		  (base >> 24 & 0xff) << 56;
	slot[1] = base >> 32;
}

void cpu_init(struct cpu *cpu, const uint64_t stacks[IST_COUNT])
{
	cpu->self = cpu;
	cpu->gdt[0] = 0;
	cpu->gdt[HOST_CS / 8] = GDT_CODE64;
	cpu->gdt[HOST_DS / 8] = GDT_DATA;
	for (unsigned i = IST_NONE + 1; i < IST_COUNT; i++)
		cpu->tss.ist[i - 1] = stacks[i];
	cpu->tss.io_map_base = sizeof(struct tss); /* none */
}

void cpu_enter(struct cpu *cpu)
{
	struct table_register gdtr = { sizeof(cpu->gdt) - 1, (uint64_t)cpu->gdt };
	struct table_register idtr = { sizeof(idt) - 1, (uint64_t)idt };

	idt_fill();
	/* Anew each time, since LTR marks the descriptor busy. */
	tss_descriptor(&cpu->gdt[HOST_TR / 8], &cpu->tss);

	__asm__ volatile("lgdt %[gdtr]\n\t"
			 "lidt %[idtr]\n\t"
			 "pushq %[cs]\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\tmov %[ds], %%ds\n\t"
			 "mov %[ds], %%es\n\t"
			 "mov %[ds], %%ss\n\t"
			 "mov %[ds], %%fs\n\t"
			 "mov %[ds], %%gs\n\t"
			 "ltr %[tr]"
			 :
			 : [gdtr] "m"(gdtr), [idtr] "m"(idtr), [cs] "i"(HOST_CS), [ds] "r"(HOST_DS),
			   [tr] "r"((uint16_t)HOST_TR)
			 : "rax", "memory");
	wrmsr(IA32_GS_BASE, (uint64_t)cpu);
}
