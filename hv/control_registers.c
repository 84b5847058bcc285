/*
 * MOV to CR0 and CR4 as the manual defines them (SDM 3A 2.5, SDM 2B MOV): which values are #GP, and
 * what paging and mode changes come with a legal one. Bits that plinth does not own never get here
 * on their own: the processor checks and carries out those writes without an exit.
 */
#include "hv/control_registers.h"
#include "arch/x86/regs.h"
#include "hv/event.h"
#include "hv/guest_memory.h"

#define CR0_DEFINED                                                                                \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)

#define TSS_16BIT_BUSY 3u /* SDM 3A table 3-2 */

static bool cr0_is_legal(struct vcpu *vcpu, uint64_t old, uint64_t value)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	uint64_t cr4 = ops->read_reg(vcpu, REG_CR4);
	uint64_t efer = ops->read_reg(vcpu, REG_EFER);
	bool code_is_64bit = ops->read_segment(vcpu, SEG_CS).access & SEGMENT_LONG;
	unsigned tss = ops->read_segment(vcpu, SEG_TR).access & SEGMENT_TYPE;

	if (value >> 32)
		return false;
	if (value & CR0_PG && !(value & CR0_PE))
		return false;
	if (value & CR0_NW && !(value & CR0_CD))
		return false;
	if (!(value & CR0_WP) && cr4 & CR4_CET)
		return false;
	if (!(value & CR0_PG) && old & CR0_PG)
		return !(cr4 & CR4_PCIDE) && !(efer & EFER_LMA && code_is_64bit);
	if (value & CR0_PG && !(old & CR0_PG) && efer & EFER_LME)
		return cr4 & CR4_PAE && !code_is_64bit && tss != TSS_16BIT_BUSY;
	return true;
}

enum exit_action write_guest_cr0(struct vcpu *vcpu, uint64_t value)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	uint64_t old = ops->read_reg(vcpu, REG_CR0);
	uint64_t efer = ops->read_reg(vcpu, REG_EFER);

	if (!cr0_is_legal(vcpu, old, value)) {
		inject_gp(vcpu);
		return EXIT_RESUME;
	}
	value = (value & CR0_DEFINED) | CR0_ET; /* reserved bits are ignored, ET is one */
	if ((old ^ value) & CR0_PG && efer & EFER_LME)
		efer = value & CR0_PG ? efer | EFER_LMA : efer & ~EFER_LMA;
	/* SDM 3A 4.4.1: these are what PDPTEs are loaded for. */
	if ((old ^ value) & (CR0_PG | CR0_CD | CR0_NW) &&
	    !load_pdptes(vcpu, value, ops->read_reg(vcpu, REG_CR4), efer)) {
		inject_gp(vcpu);
		return EXIT_RESUME;
	}
	ops->write_reg(vcpu, REG_EFER, efer);
	ops->write_reg(vcpu, REG_CR0, value);
	/* SDM 3A 4.10.4.1: a change of PG or PE drops what was translated before. */
	if ((old ^ value) & (CR0_PG | CR0_PE | CR0_WP))
		ops->flush_guest_tlb(vcpu);
	return EXIT_ADVANCE;
}

enum exit_action write_guest_cr4(struct vcpu *vcpu, uint64_t value)
{
	/*
	 * What plinth owns of CR4 is what the guest cannot have: VMXE, SMXE and the bits that the
	 * processor lacks. They read as zero, so a write that exits sets one of them.
	 */
	(void)value;
	inject_gp(vcpu);
	return EXIT_RESUME;
}
