/*
 * What plinth needs of an Intel processor, as a list: each line is a requirement with the evidence
 * for it being missing. Nothing is changed here; vmx_enable() relies on all of it.
 */
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "hv/preflight.h"

void vmx_read_capabilities(struct vmx_capabilities *c)
{
	c->basic = rdmsr(IA32_VMX_BASIC);
	c->misc = rdmsr(IA32_VMX_MISC);
	c->pin = rdmsr(vmx_control_msr(c, CONTROL_PIN));
	c->proc = rdmsr(vmx_control_msr(c, CONTROL_PROC));
	c->exit = rdmsr(vmx_control_msr(c, CONTROL_EXIT));
	c->entry = rdmsr(vmx_control_msr(c, CONTROL_ENTRY));
	/* SDM 3D A.3.3, A.10: these two exist only where the controls before them say so. */
	c->proc2 = c->proc >> 32 & PROC_SECONDARY ? rdmsr(IA32_VMX_PROCBASED_CTLS2) : 0;
	c->ept_vpid = c->proc2 >> 32 & (PROC2_EPT | PROC2_VPID) ? rdmsr(IA32_VMX_EPT_VPID_CAP) : 0;
	c->cr0_fixed0 = rdmsr(IA32_VMX_CR0_FIXED0);
	c->cr0_fixed1 = rdmsr(IA32_VMX_CR0_FIXED1);
	c->cr4_fixed0 = rdmsr(IA32_VMX_CR4_FIXED0);
	c->cr4_fixed1 = rdmsr(IA32_VMX_CR4_FIXED1);
}

static void check_controls(const struct vmx_capabilities *c, struct requirements *missing)
{
	struct vmx_controls controls;

	if (vmx_controls_compute(c, &controls))
		return;
	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		for (unsigned bit = 0; bit < 32; bit++) {
			bool set = controls.cannot_set[f] & BIT(bit);
			bool clear = controls.cannot_clear[f] & BIT(bit);

			if (set || clear)
				requirement_missing(
					missing,
					"%s: \"%s\" cannot be turned %s: MSR %#x = %#lx, bit %u",
					vmx_control_name(f), vmx_control_bit_name(f, bit),
					set ? "on" : "off", vmx_control_msr(c, f),
					(unsigned long)vmx_control_capability(c, f),
					set ? bit + 32 : bit);
		}
}

static void check_ept(uint64_t capability, struct requirements *missing)
{
	static const struct {
		uint64_t bits;
		const char *name;
	} needed[] = {
		{ EPT_CAP_WALK_4, "EPT with 4-level walks" },
		{ EPT_CAP_PAGE_2M, "EPT with 2 MiB pages" },
		{ EPT_CAP_INVEPT, "INVEPT" },
		{ EPT_CAP_INVEPT_ALL, "INVEPT of all contexts" },
		{ EPT_CAP_INVVPID, "INVVPID" },
		{ EPT_CAP_INVVPID_SINGLE, "INVVPID of a single context" },
	};

	for (size_t i = 0; i < array_size(needed); i++)
		if (!(capability & needed[i].bits))
			requirement_missing(missing,
					    "%s is not supported: IA32_VMX_EPT_VPID_CAP (MSR %#x) "
					    "= %#lx has bit %u clear",
					    needed[i].name, IA32_VMX_EPT_VPID_CAP,
					    (unsigned long)capability,
					    (unsigned)__builtin_ctzll(needed[i].bits));
}

void vmx_check(struct requirements *missing)
{
	uint32_t ecx = cpuid(1, 0).ecx;
	uint64_t feature_control;
	struct vmx_capabilities c;

	if (!(ecx & CPUID_1_ECX_VMX)) {
		requirement_missing(missing,
				    "VMX is not supported: CPUID.1:ECX = %#x has bit 5 clear", ecx);
		return; /* without it none of the MSRs below exists */
	}
	feature_control = rdmsr(IA32_FEATURE_CONTROL);
	if (feature_control & FEATURE_CONTROL_LOCK &&
	    !(feature_control & FEATURE_CONTROL_VMX_OUTSIDE_SMX))
		requirement_missing(missing,
				    "VMX is turned off: IA32_FEATURE_CONTROL (MSR 0x3a) = %#lx is "
				    "locked (bit 0) with bit 2 clear; enable virtualisation "
				    "(VT-x) in the firmware's setup",
				    (unsigned long)feature_control);

	vmx_read_capabilities(&c);
	if (VMX_BASIC_MEMORY_TYPE(c.basic) != MEMORY_WB)
		requirement_missing(missing,
				    "the VMCS cannot be in write-back memory: IA32_VMX_BASIC "
				    "(MSR 0x480) = %#lx, bits 53:50",
				    (unsigned long)c.basic);
	if (!(c.misc & VMX_MISC_WAIT_FOR_SIPI))
		requirement_missing(missing,
				    "the activity state wait-for-SIPI is not supported: "
				    "IA32_VMX_MISC (MSR 0x485) = %#lx has bit 8 clear",
				    (unsigned long)c.misc);
	check_controls(&c, missing);
	if (c.proc2 >> 32 & PROC2_EPT)
		check_ept(c.ept_vpid, missing);
}
