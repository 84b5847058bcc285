/*
 * A core's own tables while plinth runs on it: GDT, TSS, the stacks for traps that must not trust
 * the current one, and the pointer to them in GS. Nothing of the firmware's is used after
 * cpu_enter().
 */
#pragma once

#include "arch/x86/types.h"

struct vcpu;

#define HOST_CS 0x08
#define HOST_DS 0x10
/*
 * Beyond the limit of any firmware's GDT, for a core that is given back: nothing can empty TR
 * again, and EDK II reloads a selector that its own table has room for.
 */
#define HOST_TR 0xff0

/* Interrupt stack table slots (SDM 3A 7.7): each trap that can strike anywhere has its own. */
enum ist {
	IST_NONE,
	IST_NMI,
	IST_DF,
	IST_MC,
	IST_COUNT,
};

struct __attribute__((packed)) tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map_base;
};
_Static_assert(sizeof(struct tss) == 104, "SDM 3A figure 7-11");

struct cpu {
	struct cpu *self; /* at GS:0 */
	struct vcpu *vcpu;
	struct tss tss;
	uint64_t gdt[HOST_TR / 8 + 2]; /* a TSS descriptor has two slots */
};

/* STACKS are the tops of the stacks by enum ist; [IST_NONE] is not used. */
void cpu_init(struct cpu *cpu, const uint64_t stacks[IST_COUNT]);

/* Load the core's GDT, IDT, task register, data segments and GS base. */
void cpu_enter(struct cpu *cpu);

/* The core that this runs on; only after cpu_enter() or in an exit handler. */
static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	__asm__("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

/* The address that the IDT has, for the host state of a VMCS. */
uint64_t idt_base(void);
