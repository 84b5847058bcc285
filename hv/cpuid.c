/*
 * CPUID always exits. The guest is shown the processor as it is, minus what it cannot have while
 * plinth owns it: VMX, SMX, and features whose control the processor does not let us enable (an
 * instruction that CPUID shows must not be #UD). Bits that mirror CR4 mirror the guest's.
 */
#include "hv/cpuid.h"
#include "arch/x86/regs.h"
#include "hv/hypercall.h"
#include "hv/string.h"
#include "hv/version.h"

/* Filled once: bits of leaf 7, leaf 0xd and leaf 0x80000001 to hide. */
static struct {
	uint32_t leaf7_ebx, leaf7_ecx, leaf7_edx;
	uint32_t leaf_d1_eax;
	uint32_t leaf_80000001_edx;
	bool pt;
} hidden;

/*
 * Leaf 7, subleaf 1, on any processor: MSR lists are #UD without a control that plinth does not
 * set, RDMSR and WRMSR with an immediate have exits of their own, and FRED wants other events.
 */
static const uint32_t hidden_7_1_eax = CPUID_7_1_EAX_FRED | CPUID_7_1_EAX_MSRLIST;
static const uint32_t hidden_7_1_ecx = CPUID_7_1_ECX_MSR_IMM;

unsigned cpuid_maxphyaddr(void)
{
	if (cpuid(0x80000000, 0).eax < 0x80000008)
		return 36;
	return cpuid(0x80000008, 0).eax & 0xff;
}

void cpuid_init(struct vm *vm)
{
	unsigned can = vm->ops->guest_features();

	if (!(can & FEATURE_INVPCID))
		hidden.leaf7_ebx |= CPUID_7_EBX_INVPCID;
	if (!(can & FEATURE_PT)) {
		hidden.leaf7_ebx |= CPUID_7_EBX_PT;
		hidden.pt = true;
	}
	if (!(can & FEATURE_WAITPKG))
		hidden.leaf7_ecx |= CPUID_7_ECX_WAITPKG;
	if (!(can & FEATURE_PCONFIG))
		hidden.leaf7_edx |= CPUID_7_EDX_PCONFIG;
	if (!(can & FEATURE_XSAVES))
		hidden.leaf_d1_eax |= CPUID_D1_EAX_XSAVES;
	if (!(can & FEATURE_RDTSCP))
		hidden.leaf_80000001_edx |= CPUID_80000001_EDX_RDTSCP;
}

static uint32_t mirror(uint32_t value, uint32_t bit, bool on)
{
	return on ? value | bit : value & ~bit;
}

static bool in_64bit_mode(struct vcpu *vcpu)
{
	const struct virt_ops *ops = vcpu->vm->ops;

	return ops->read_reg(vcpu, REG_EFER) & EFER_LMA &&
	       ops->read_segment(vcpu, SEG_CS).access & SEGMENT_LONG;
}

static void hypervisor_leaf(struct vcpu *vcpu, uint32_t leaf, struct cpuid *r)
{
	if (leaf == PLINTH_CPUID_BASE) {
		r->eax = PLINTH_CPUID_VERSION;
		memcpy(&r->ebx, PLINTH_SIGNATURE, 4);
		memcpy(&r->ecx, &PLINTH_SIGNATURE[4], 4);
		memcpy(&r->edx, &PLINTH_SIGNATURE[8], 4);
	} else {
		*r = (struct cpuid){
			.eax = PLINTH_VERSION_NUMBER,
			.ebx = vcpu->vm->core_count,
		};
	}
}

enum exit_action exit_cpuid(struct vcpu *vcpu)
{
	uint32_t leaf = (uint32_t)vcpu->regs[RAX];
	uint32_t subleaf = (uint32_t)vcpu->regs[RCX];
	struct cpuid r = cpuid(leaf, subleaf);

	switch (leaf) {
	case 1:
		r.ecx &= ~(uint32_t)(CPUID_1_ECX_VMX | CPUID_1_ECX_SMX);
		r.ecx = mirror(r.ecx, CPUID_1_ECX_OSXSAVE,
			       vcpu->vm->ops->read_reg(vcpu, REG_CR4) & CR4_OSXSAVE);
		break;
	case 7:
		if (subleaf == 1) {
			r.eax &= ~hidden_7_1_eax;
			r.ecx &= ~hidden_7_1_ecx;
		}
		if (subleaf != 0)
			break;
		r.ebx &= ~hidden.leaf7_ebx;
		r.ecx &= ~hidden.leaf7_ecx;
		r.edx &= ~hidden.leaf7_edx;
		r.ecx = mirror(r.ecx, CPUID_7_ECX_OSPKE,
			       vcpu->vm->ops->read_reg(vcpu, REG_CR4) & CR4_PKE);
		break;
	case 0xd:
		if (subleaf == 1)
			r.eax &= ~hidden.leaf_d1_eax;
		break;
	case 0x14:
		if (hidden.pt)
			r = (struct cpuid){ 0 };
		break;
	case PLINTH_CPUID_BASE:
	case PLINTH_CPUID_VERSION:
		hypervisor_leaf(vcpu, leaf, &r);
		break;
	case 0x80000001:
		r.edx &= ~hidden.leaf_80000001_edx;
		/* Intel shows SYSCALL in 64-bit mode only (SDM 2A CPUID), and that is our mode. */
		if (r.edx & CPUID_80000001_EDX_SYSCALL && !in_64bit_mode(vcpu))
			r.edx &= ~(uint32_t)CPUID_80000001_EDX_SYSCALL;
		break;
	}
	trace_detail(vcpu->run, 0, (uint64_t)subleaf << 32 | leaf);
	vcpu->regs[RAX] = r.eax;
	vcpu->regs[RBX] = r.ebx;
	vcpu->regs[RCX] = r.ecx;
	vcpu->regs[RDX] = r.edx;
	return EXIT_ADVANCE;
}
