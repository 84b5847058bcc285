/*
 * The processor behind tests/unit/shim/arch/x86/insn.h. Its state is plain memory; an access to
 * something that the test has not provided fails the test, or faults where the caller can take it.
 */
#pragma once

#include "arch/x86/insn.h"

#define FAKE_MSRS   64u
#define FAKE_LEAVES 64u

struct fake_msr {
	uint32_t index;
	bool read_only;
	uint64_t value;
	unsigned reads, writes;
};

struct fake_leaf {
	uint32_t leaf, subleaf;
	struct cpuid value;
};

struct fake_cpu {
	uint64_t cr0, cr2, cr3, cr4;
	uint64_t dr[8];
	unsigned dr_writes, cr_writes; /* of CR2 in particular */
	struct fake_msr msrs[FAKE_MSRS];
	unsigned msr_count;
	struct fake_leaf leaves[FAKE_LEAVES];
	unsigned leaf_count;
	uint64_t tsc, tsc_step; /* each RDTSC adds a step */
	bool xsetbv_faults;
	uint32_t xsetbv_index;
	uint64_t xsetbv_value;
	unsigned xsetbvs, wbinvds, invlpgs;
};

extern struct fake_cpu fake_cpu;

/* All zero: no MSR, no CPUID leaf. */
void fake_cpu_reset(void);

/* Make MSR or the leaf exist with this value, or change it. */
struct fake_msr *fake_msr_set(uint32_t msr, uint64_t value);
void fake_cpuid_set(uint32_t leaf, uint32_t subleaf, struct cpuid value);

/* NULL: there is none. */
struct fake_msr *fake_msr(uint32_t msr);
