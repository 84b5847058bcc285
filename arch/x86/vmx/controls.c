/*
 * What plinth wants of each control field, in one table, and the arithmetic that makes a control
 * value of it on any processor.
 */
#include "arch/x86/vmx/controls.h"
#include "arch/x86/msr.h"
#include "arch/x86/vmx/vmcs.h"

struct wish {
	uint32_t required; /* plinth does not work without */
	uint32_t optional; /* set where allowed, so that an instruction CPUID shows works */
	uint32_t refused;  /* must be clear: it would make exits nobody handles */
	uint32_t msr;      /* capability MSR, and its TRUE form (SDM 3D A.2: better when present) */
	uint32_t true_msr;
	const char *name;
};

static const struct wish wishes[CONTROL_FIELD_COUNT] = {
	[CONTROL_PIN] = {
		.required = PIN_NMI_EXITING | PIN_VIRTUAL_NMIS,
		.refused = PIN_EXTERNAL_INTERRUPT_EXITING,
		.msr = IA32_VMX_PINBASED_CTLS,
		.true_msr = IA32_VMX_TRUE_PINBASED_CTLS,
		.name = "pin-based controls",
	},
	[CONTROL_PROC] = {
		.required = PROC_MSR_BITMAPS | PROC_SECONDARY,
		.refused = PROC_HLT_EXITING | PROC_INVLPG_EXITING | PROC_MWAIT_EXITING |
			   PROC_RDPMC_EXITING | PROC_RDTSC_EXITING | PROC_CR3_LOAD_EXITING |
			   PROC_CR3_STORE_EXITING | PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING |
			   PROC_MOV_DR_EXITING | PROC_IO_EXITING | PROC_MONITOR_EXITING |
			   PROC_PAUSE_EXITING | PROC_INTERRUPT_WINDOW,
		.msr = IA32_VMX_PROCBASED_CTLS,
		.true_msr = IA32_VMX_TRUE_PROCBASED_CTLS,
		.name = "primary processor-based controls",
	},
	[CONTROL_PROC2] = {
		.required = PROC2_EPT | PROC2_VPID | PROC2_UNRESTRICTED_GUEST,
		.optional = PROC2_RDTSCP | PROC2_INVPCID | PROC2_XSAVES | PROC2_USER_WAIT_PAUSE |
			    PROC2_PCONFIG | PROC2_CONCEAL_FROM_PT,
		.refused = PROC2_DESCRIPTOR_EXITING | PROC2_WBINVD_EXITING,
		.msr = IA32_VMX_PROCBASED_CTLS2,
		.name = "secondary processor-based controls",
	},
	[CONTROL_EXIT] = {
		.required = EXIT_HOST_ADDRESS_SPACE | EXIT_SAVE_DEBUG_CONTROLS | EXIT_SAVE_PAT |
			    EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_LOAD_EFER,
		.refused = EXIT_ACK_INTERRUPT,
		.msr = IA32_VMX_EXIT_CTLS,
		.true_msr = IA32_VMX_TRUE_EXIT_CTLS,
		.name = "VM-exit controls",
	},
	[CONTROL_ENTRY] = {
		/* ENTRY_IA32E_GUEST follows the guest's EFER.LMA: vmx.c sets it. */
		.required = ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER,
		.msr = IA32_VMX_ENTRY_CTLS,
		.true_msr = IA32_VMX_TRUE_ENTRY_CTLS,
		.name = "VM-entry controls",
	},
};

/* Controls that must exist though they are set only at times. */
static const uint32_t must_be_available[CONTROL_FIELD_COUNT] = {
	[CONTROL_PROC] = PROC_NMI_WINDOW | PROC_MONITOR_TRAP,
	[CONTROL_ENTRY] = ENTRY_IA32E_GUEST,
};

uint64_t vmx_control_capability(const struct vmx_capabilities *c, enum vmx_control_field field)
{
	switch (field) {
	case CONTROL_PIN:
		return c->pin;
	case CONTROL_PROC:
		return c->proc;
	case CONTROL_PROC2:
		return c->proc2;
	case CONTROL_EXIT:
		return c->exit;
	case CONTROL_ENTRY:
		return c->entry;
	default:
		return 0;
	}
}

uint32_t vmx_control_msr(const struct vmx_capabilities *c, enum vmx_control_field field)
{
	const struct wish *w = &wishes[field];

	return (c->basic & VMX_BASIC_TRUE_CONTROLS) && w->true_msr ? w->true_msr : w->msr;
}

const char *vmx_control_name(enum vmx_control_field field)
{
	return wishes[field].name;
}

const char *vmx_control_bit_name(enum vmx_control_field field, unsigned bit)
{
	static const struct {
		enum vmx_control_field field;
		uint32_t bits;
		const char *name;
	} names[] = {
		{ CONTROL_PIN, PIN_EXTERNAL_INTERRUPT_EXITING, "external-interrupt exiting" },
		{ CONTROL_PIN, PIN_NMI_EXITING, "NMI exiting" },
		{ CONTROL_PIN, PIN_VIRTUAL_NMIS, "virtual NMIs" },
		{ CONTROL_PROC, PROC_INTERRUPT_WINDOW, "interrupt-window exiting" },
		{ CONTROL_PROC, PROC_HLT_EXITING, "HLT exiting" },
		{ CONTROL_PROC, PROC_INVLPG_EXITING, "INVLPG exiting" },
		{ CONTROL_PROC, PROC_MWAIT_EXITING, "MWAIT exiting" },
		{ CONTROL_PROC, PROC_RDPMC_EXITING, "RDPMC exiting" },
		{ CONTROL_PROC, PROC_RDTSC_EXITING, "RDTSC exiting" },
		{ CONTROL_PROC, PROC_CR3_LOAD_EXITING, "CR3-load exiting" },
		{ CONTROL_PROC, PROC_CR3_STORE_EXITING, "CR3-store exiting" },
		{ CONTROL_PROC, PROC_CR8_LOAD_EXITING, "CR8-load exiting" },
		{ CONTROL_PROC, PROC_CR8_STORE_EXITING, "CR8-store exiting" },
		{ CONTROL_PROC, PROC_NMI_WINDOW, "NMI-window exiting" },
		{ CONTROL_PROC, PROC_MOV_DR_EXITING, "MOV-DR exiting" },
		{ CONTROL_PROC, PROC_IO_EXITING, "unconditional I/O exiting" },
		{ CONTROL_PROC, PROC_MONITOR_TRAP, "monitor trap flag" },
		{ CONTROL_PROC, PROC_MSR_BITMAPS, "use MSR bitmaps" },
		{ CONTROL_PROC, PROC_MONITOR_EXITING, "MONITOR exiting" },
		{ CONTROL_PROC, PROC_PAUSE_EXITING, "PAUSE exiting" },
		{ CONTROL_PROC, PROC_SECONDARY, "activate secondary controls" },
		{ CONTROL_PROC2, PROC2_EPT, "enable EPT" },
		{ CONTROL_PROC2, PROC2_DESCRIPTOR_EXITING, "descriptor-table exiting" },
		{ CONTROL_PROC2, PROC2_VPID, "enable VPID" },
		{ CONTROL_PROC2, PROC2_WBINVD_EXITING, "WBINVD exiting" },
		{ CONTROL_PROC2, PROC2_UNRESTRICTED_GUEST, "unrestricted guest" },
		{ CONTROL_EXIT, EXIT_SAVE_DEBUG_CONTROLS, "save debug controls" },
		{ CONTROL_EXIT, EXIT_HOST_ADDRESS_SPACE, "host address-space size" },
		{ CONTROL_EXIT, EXIT_ACK_INTERRUPT, "acknowledge interrupt on exit" },
		{ CONTROL_EXIT, EXIT_SAVE_PAT, "save IA32_PAT" },
		{ CONTROL_EXIT, EXIT_LOAD_PAT, "load IA32_PAT" },
		{ CONTROL_EXIT, EXIT_SAVE_EFER, "save IA32_EFER" },
		{ CONTROL_EXIT, EXIT_LOAD_EFER, "load IA32_EFER" },
		{ CONTROL_ENTRY, ENTRY_LOAD_DEBUG_CONTROLS, "load debug controls" },
		{ CONTROL_ENTRY, ENTRY_IA32E_GUEST, "IA-32e mode guest" },
		{ CONTROL_ENTRY, ENTRY_LOAD_PAT, "load IA32_PAT" },
		{ CONTROL_ENTRY, ENTRY_LOAD_EFER, "load IA32_EFER" },
	};

	for (size_t i = 0; i < array_size(names); i++)
		if (names[i].field == field && names[i].bits == BIT(bit))
			return names[i].name;
	return "?";
}

bool vmx_controls_compute(const struct vmx_capabilities *c, struct vmx_controls *controls)
{
	bool fit = true;

	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++) {
		const struct wish *w = &wishes[f];
		uint64_t capability = vmx_control_capability(c, f);
		uint32_t must = (uint32_t)capability;        /* allowed-0: a 1 must be 1 */
		uint32_t may = (uint32_t)(capability >> 32); /* allowed-1: a 0 must be 0 */

		controls->value[f] = ((w->required | w->optional) & may) | must;
		controls->cannot_set[f] = (w->required | must_be_available[f]) & ~may;
		controls->cannot_clear[f] = w->refused & must;
		if (controls->cannot_set[f] || controls->cannot_clear[f])
			fit = false;
	}
	return fit;
}
