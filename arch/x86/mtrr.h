/*
 * Memory type range registers (SDM 3A 12.11): a copy of one core's, and what memory type they give
 * an address. Nothing here touches hardware; the caller passes the function that reads an MSR.
 */
#pragma once

#include "arch/x86/virt.h"

#define IA32_MTRRCAP        0xfeu
#define IA32_MTRR_PHYSBASE0 0x200u /* PHYSBASEn at 0x200 + 2n, PHYSMASKn at 0x201 + 2n */
#define IA32_MTRR_PHYSMASK0 0x201u
#define IA32_MTRR_FIX64K    0x250u /* 00000h */
#define IA32_MTRR_FIX16K_0  0x258u /* 80000h */
#define IA32_MTRR_FIX16K_1  0x259u /* a0000h */
#define IA32_MTRR_FIX4K_0   0x268u /* c0000h, and seven more up to 26fh */
#define IA32_MTRR_FIX4K_7   0x26fu
#define IA32_MTRR_DEF_TYPE  0x2ffu

/* IA32_MTRRCAP (SDM 3A 12.11.1) */
#define MTRRCAP_VCNT        0xffu
#define MTRRCAP_FIX         BIT(8)

/* IA32_MTRR_DEF_TYPE (SDM 3A 12.11.2.1) */
#define MTRR_DEF_TYPE_TYPE  0xffu
#define MTRR_DEF_TYPE_FE    BIT(10)
#define MTRR_DEF_TYPE_E     BIT(11)

/* IA32_MTRR_PHYSMASKn (SDM 3A 12.11.2.3) */
#define MTRR_PHYSMASK_VALID BIT(11)

#define MTRR_FIXED_COUNT    11u
#define MTRR_FIXED_TOP      0x100000ull /* the fixed ranges end at 1 MiB */
#define MTRR_VARIABLE_MAX   32u         /* pairs that we keep; processors have 8 to 10 */

struct mtrr_variable {
	uint64_t base;
	uint64_t mask;
};

struct mtrr_state {
	bool supported;       /* CPUID.1:EDX.MTRR; without it only the PAT speaks, over WB */
	bool fixed_supported; /* MTRRCAP.FIX */
	uint8_t maxphyaddr;   /* bits */
	uint8_t count;        /* of variable[] in use */
	uint64_t def_type;
	uint64_t fixed[MTRR_FIXED_COUNT]; /* in the order of their MSR numbers */
	struct mtrr_variable variable[MTRR_VARIABLE_MAX];
};

/* Fill STATE from the MSRs of this core. READ_MSR is called only for registers that exist. */
void mtrr_read(struct mtrr_state *state, uint64_t (*read_msr)(uint32_t msr), unsigned maxphyaddr,
	       bool supported);

/* The memory type of the page at ADDR (SDM 3A 12.11.4.1). Never a reserved value. */
enum memory_type mtrr_type(const struct mtrr_state *state, gpa_t addr);

/*
 * The end of the longest prefix of [START, END) that has one memory type, and that type. START and
 * END are page-aligned, START < END. Takes time by the number of range boundaries, not of pages.
 * Only with masks so scattered that a prefix has more than 64 Ki boundaries inside may the answer
 * be shorter than the longest; what it says of the prefix is true in any case.
 */
uint64_t mtrr_uniform(const struct mtrr_state *state, gpa_t start, gpa_t end,
		      enum memory_type *type);

/* Is MSR one whose value matters above? (Not MTRRCAP, which is read-only.) */
bool mtrr_is_msr(uint32_t msr);

/*
 * Do A and B give the same types? Registers that have no effect (a pair without its valid bit,
 * fixed ranges that are off, all of it when MTRRs are disabled) are not compared.
 */
bool mtrr_same(const struct mtrr_state *a, const struct mtrr_state *b);
