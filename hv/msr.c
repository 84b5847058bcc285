/*
 * MSRs are the guest's own, except for a few. Which those are is a table; an access that exits
 * without being in it (outside what the vendor's bitmap covers) is carried out here on the guest's
 * behalf, and a fault is the guest's.
 */
#include "hv/msr.h"
#include "arch/x86/msr.h"
#include "hv/debug/log.h"
#include "hv/debug/panic.h"
#include "hv/event.h"
#include "hv/memory.h"

enum msr_kind {
	MSR_PASS,            /* carry it out */
	MSR_ABSENT,          /* #GP, as on a processor without it */
	MSR_FEATURE_CONTROL, /* reads as locked without VMX, so writes are #GP */
	MSR_MICROCODE,       /* writes have no effect: the update would be for the host */
	MSR_MTRR,            /* carry it out, and follow it in the nested tables */
};

struct msr_policy {
	uint32_t first, last;
	enum msr_kind kind;
	bool on_read, on_write;
};

static const struct msr_policy policies[] = {
	{ IA32_FEATURE_CONTROL, IA32_FEATURE_CONTROL, MSR_FEATURE_CONTROL, true, true },
	{ IA32_BIOS_UPDT_TRIG, IA32_BIOS_UPDT_TRIG, MSR_MICROCODE, false, true },
	{ IA32_SMM_MONITOR_CTL, IA32_SMM_MONITOR_CTL, MSR_ABSENT, true, true },
	{ IA32_MTRR_PHYSBASE0, IA32_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE_MAX - 1, MSR_MTRR, false,
	  true },
	{ IA32_MTRR_FIX64K, IA32_MTRR_FIX64K, MSR_MTRR, false, true },
	{ IA32_MTRR_FIX16K_0, IA32_MTRR_FIX16K_1, MSR_MTRR, false, true },
	{ IA32_MTRR_FIX4K_0, IA32_MTRR_FIX4K_7, MSR_MTRR, false, true },
	{ IA32_MTRR_DEF_TYPE, IA32_MTRR_DEF_TYPE, MSR_MTRR, false, true },
	{ IA32_VMX_BASIC, IA32_VMX_LAST, MSR_ABSENT, true, true },
};

void msr_init(struct vm *vm)
{
	for (size_t i = 0; i < array_size(policies); i++)
		for (uint32_t msr = policies[i].first; msr <= policies[i].last; msr++)
			vm->ops->intercept_msr(vm, msr, policies[i].on_read, policies[i].on_write);
}

static enum msr_kind kind_of(uint32_t msr)
{
	for (size_t i = 0; i < array_size(policies); i++)
		if (msr >= policies[i].first && msr <= policies[i].last)
			return policies[i].kind;
	return MSR_PASS;
}

/* #GP(0) for the guest, which stays at the instruction. */
static enum exit_action refuse(struct vcpu *vcpu)
{
	inject_gp(vcpu);
	return EXIT_RESUME;
}

enum exit_action exit_rdmsr(struct vcpu *vcpu)
{
	uint32_t msr = (uint32_t)vcpu->regs[RCX];
	enum msr_kind kind = kind_of(msr);
	uint64_t value;

	trace_detail(vcpu->run, 0, msr);
	if (kind == MSR_ABSENT || !rdmsr_safe(msr, &value))
		return refuse(vcpu);
	if (kind == MSR_FEATURE_CONTROL) {
		value |= FEATURE_CONTROL_LOCK;
		value &= ~(FEATURE_CONTROL_VMX_INSIDE_SMX | FEATURE_CONTROL_VMX_OUTSIDE_SMX |
			   FEATURE_CONTROL_SENTER);
	}
	vcpu->regs[RAX] = (uint32_t)value;
	vcpu->regs[RDX] = value >> 32;
	return EXIT_ADVANCE;
}

enum exit_action exit_wrmsr(struct vcpu *vcpu)
{
	uint32_t msr = (uint32_t)vcpu->regs[RCX];
	uint64_t value = vcpu->regs[RDX] << 32 | (uint32_t)vcpu->regs[RAX];
	enum msr_kind kind = kind_of(msr);

	trace_detail(vcpu->run, value, msr);
	switch (kind) {
	case MSR_ABSENT:
	case MSR_FEATURE_CONTROL:
		return refuse(vcpu);
	case MSR_MICROCODE:
		/* The guest sees the revision unchanged and says that the update was refused. */
		return EXIT_ADVANCE;
	case MSR_MTRR:
	case MSR_PASS:
		break;
	}
	if (!wrmsr_safe(msr, value))
		return refuse(vcpu);
	if (kind == MSR_MTRR && memory_mtrr_written(vcpu) != MEMORY_RESUME)
		panic("no memory for the tables of the guest's new MTRRs (MSR %#x = %#lx)", msr,
		      (unsigned long)value);
	return EXIT_ADVANCE;
}
