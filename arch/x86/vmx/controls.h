/*
 * The control fields of a VMCS, computed from what we want and what this core's capability MSRs
 * allow (SDM 3D A.2 to A.5). Pure, so that tests can try any processor.
 */
#pragma once

#include "arch/x86/types.h"

/* The capability MSRs of one core, read once. */
struct vmx_capabilities {
	uint64_t basic;
	uint64_t misc;
	uint64_t pin, proc, proc2, exit, entry; /* the TRUE ones where they exist */
	uint64_t ept_vpid;
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
};

enum vmx_control_field {
	CONTROL_PIN,
	CONTROL_PROC,
	CONTROL_PROC2,
	CONTROL_EXIT,
	CONTROL_ENTRY,
	CONTROL_FIELD_COUNT,
};

struct vmx_controls {
	uint32_t value[CONTROL_FIELD_COUNT];
	uint32_t cannot_set[CONTROL_FIELD_COUNT];   /* required, but not allowed to be 1 */
	uint32_t cannot_clear[CONTROL_FIELD_COUNT]; /* refused, but not allowed to be 0 */
};

/* What each control field's capability MSR is, by number and in CAPABILITIES, and its name. */
uint32_t vmx_control_msr(const struct vmx_capabilities *c, enum vmx_control_field field);
uint64_t vmx_control_capability(const struct vmx_capabilities *c, enum vmx_control_field field);
const char *vmx_control_name(enum vmx_control_field field);
const char *vmx_control_bit_name(enum vmx_control_field field, unsigned bit);

/*
 * VALUE has all required bits and the optional ones that CAPABILITIES allow; every other bit is as
 * the processor's default demands. True when nothing that is required or refused is in the way.
 */
bool vmx_controls_compute(const struct vmx_capabilities *c, struct vmx_controls *controls);

/* Read this core's capability MSRs. Only where CPUID shows VMX. */
void vmx_read_capabilities(struct vmx_capabilities *c);
