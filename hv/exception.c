/* Exception policy and reflection. */
#include "hv/exception.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "hv/event.h"

#define VECTOR_BIT(v) ((uint32_t)BIT(v))

/*
 * What the guest hypervisor asked for. For #PF the bit, mask and match say it together (SDM 3C
 * 25.2): its own, unless plinth has a wish too. Both at once cannot be said, so all exit then.
 */
static void add_nested(struct exception_policy *p, const struct exception_inputs *in)
{
	const uint32_t pf = VECTOR_BIT(VECTOR_PF);
	bool theirs = in->nested_bitmap & pf || in->nested_pfec_mask || in->nested_pfec_match;
	bool ours = p->bitmap & pf;

	p->bitmap |= in->nested_bitmap;
	if (theirs) {
		p->pfec_mask = ours ? 0 : in->nested_pfec_mask;
		p->pfec_match = ours ? 0 : in->nested_pfec_match;
	}
}

struct exception_policy exception_policy(const struct exception_inputs *in)
{
	struct exception_policy p = { 0 };

	/* #DB and #AC: their delivery could loop in microcode (CVE-2015-8104, CVE-2015-5307). */
	p.bitmap = VECTOR_BIT(VECTOR_PF) | VECTOR_BIT(VECTOR_UD) | VECTOR_BIT(VECTOR_MC) |
		   VECTOR_BIT(VECTOR_DB) | VECTOR_BIT(VECTOR_AC);
	if (in->vmware_backdoor)
		p.bitmap |= VECTOR_BIT(VECTOR_GP);
	if (in->software_breakpoints)
		p.bitmap |= VECTOR_BIT(VECTOR_BP);
	if (in->virtual_8086)
		p.bitmap = ~0u;

	if (in->nested_paging && !in->smaller_maxphyaddr) {
		/* The guest's page faults are its own. */
		p.bitmap &= ~VECTOR_BIT(VECTOR_PF);
	} else if (in->nested_paging) {
		/*
		 * The processor does not know of the guest's smaller MAXPHYADDR: a fault on a
		 * present page without RSVD may want RSVD. Others are right as they are.
		 */
		p.pfec_mask = PFEC_P | PFEC_RSVD;
		p.pfec_match = PFEC_P;
	}

	/* A vector that somebody asked for exits, whatever the rows above took away. */
	if (in->caught & VECTOR_BIT(VECTOR_PF)) {
		p.pfec_mask = 0;
		p.pfec_match = 0;
	}
	p.bitmap |= in->caught;
	if (in->nested_guest)
		add_nested(&p, in);
	return p;
}

void update_exception_bitmap(struct vcpu *vcpu)
{
	struct exception_inputs in = { .nested_paging = true };
	struct exception_policy p = exception_policy(&in);

	vcpu->exception_bitmap = p.bitmap;
	vcpu->vm->ops->set_exception_bitmap(vcpu, p.bitmap, p.pfec_mask, p.pfec_match);
}

/* SDM 3A table 6-4. */
static bool is_contributory(uint8_t vector)
{
	return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP) ||
	       vector == VECTOR_CP;
}

static bool is_page_fault(uint8_t vector)
{
	return vector == VECTOR_PF || vector == VECTOR_VE;
}

enum fault_pair combine_faults(const struct event *first, const struct event *second)
{
	if (!first->valid || first->type != EVENT_EXCEPTION)
		return FAULT_SERIAL;
	if (first->vector == VECTOR_DF)
		return is_contributory(second->vector) || is_page_fault(second->vector)
			       ? FAULT_TRIPLE
			       : FAULT_SERIAL;
	if (is_contributory(first->vector) && is_contributory(second->vector))
		return FAULT_DOUBLE;
	if (is_page_fault(first->vector) &&
	    (is_contributory(second->vector) || is_page_fault(second->vector)))
		return FAULT_DOUBLE;
	return FAULT_SERIAL;
}

/*
 * A #DB exit leaves DR6, DR7 and DEBUGCTL as they were (SDM 3C 27.1), and so does the injection;
 * delivery sets DR6 (SDM 3B 17.2.3: B0 to B3 anew, BD and BS sticky, RTM and BLD inverted, RTM set
 * by any other #DB) and clears DR7.GD and DEBUGCTL.LBR and BTF (17.2.4, 17.4.1, 17.4.2).
 */
static void deliver_debug_state(struct vcpu *vcpu, uint64_t new_bits)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	uint64_t dr6 = (read_dr6() & ~DR6_B_MASK) | DR6_RTM;

	dr6 |= new_bits & (DR6_B_MASK | DR6_BD | DR6_BS);
	dr6 &= ~(new_bits & (DR6_RTM | DR6_BLD));
	write_dr6(dr6);
	ops->write_reg(vcpu, REG_DR7, ops->read_reg(vcpu, REG_DR7) & ~DR7_GD);
	ops->write_reg(vcpu, REG_DEBUGCTL,
		       ops->read_reg(vcpu, REG_DEBUGCTL) & ~(DEBUGCTL_LBR | DEBUGCTL_BTF));
}

enum exit_action exit_exception(struct vcpu *vcpu, const struct event *event,
				uint64_t qualification)
{
	enum fault_pair pair = combine_faults(&vcpu->run->vectoring, event);

	trace_detail(vcpu->run, vcpu->run->rip, event->vector);
	if (event->vector == VECTOR_PF)
		write_cr2(qualification); /* even if it ends up as #DF */
	switch (pair) {
	case FAULT_TRIPLE:
		return exit_triple_fault(vcpu);
	case FAULT_DOUBLE:
		inject_exception_error(vcpu, VECTOR_DF, 0);
		return EXIT_RESUME;
	case FAULT_SERIAL:
		break;
	}
	if (event->vector == VECTOR_DB)
		deliver_debug_state(vcpu, qualification);
	vcpu->vm->ops->inject(vcpu, event);
	return EXIT_RESUME;
}
