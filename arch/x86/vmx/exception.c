/*
 * Exceptions and NMIs that exit: decoding the interruption information (SDM 3C 24.9.2), and giving
 * back to the guest what plinth only looked at, as the processor would have delivered it.
 */
#include "arch/x86/vmx/exits.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "hv/event.h"
#include "hv/exception.h"

static struct event event_of(uint32_t info, uint32_t error_code, uint32_t length)
{
	return (struct event){
		.valid = info & INTERRUPTION_VALID,
		.vector = (uint8_t)INTERRUPTION_VECTOR(info),
		.type = (uint8_t)INTERRUPTION_TYPE(info),
		.has_error_code = info & INTERRUPTION_ERROR_CODE,
		.error_code = error_code,
		.length = (uint8_t)length,
	};
}

void vmx_requeue_vectoring(struct vcpu *vcpu)
{
	uint32_t info = vmread32(IDT_VECTORING_INFO);

	vcpu->run->vectoring.valid = false;
	if (!(info & INTERRUPTION_VALID))
		return;
	vcpu->run->vectoring = event_of(info, vmread32(IDT_VECTORING_ERROR_CODE),
					vmread32(EXIT_INSTRUCTION_LENGTH));
	/* Its delivery had begun to block NMIs, and entry will block them again. */
	if (vcpu->run->vectoring.type == EVENT_NMI)
		vmx_set_nmi_blocking(vcpu, false);
	vcpu->vm->ops->inject(vcpu, &vcpu->run->vectoring);
}

/*
 * Does the exception of INFO find NMIs blocked, though the guest's state says that it does not? One
 * that strikes in delivering an NMI takes its place, but the delivery has begun to block NMIs. A
 * fault of IRET strikes after IRET has unblocked NMIs, which it must not (SDM 3C 27.2.3).
 */
static bool nmis_are_blocked(struct vcpu *vcpu, uint32_t info)
{
	if (vcpu->run->vectoring.valid)
		return vcpu->run->vectoring.type == EVENT_NMI;
	return info & INTERRUPTION_NMI_UNBLOCKED && INTERRUPTION_VECTOR(info) != VECTOR_DF;
}

/*
 * After STI and MOV SS with TF, entry wants a single step to be pending (SDM 3C 26.3.1.5). Exits
 * save it as pending, but not those of #DB, which takes it along. The event drops it (26.6.3).
 */
static void repend_single_step(void)
{
	if (vmread32(GUEST_INTERRUPTIBILITY) & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS) &&
	    vmread(GUEST_RFLAGS) & RFLAGS_TF && !(vmread64(GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

enum exit_action vmx_exit_exception(struct vcpu *vcpu)
{
	enum exit_action action;
	uint32_t info = vmread32(EXIT_INTERRUPTION_INFO);
	struct event event = event_of(info, vmread32(EXIT_INTERRUPTION_ERROR_CODE),
				      vmread32(EXIT_INSTRUCTION_LENGTH));

	if (event.type == EVENT_NMI)
		return exit_nmi(vcpu);
	vmx_requeue_vectoring(vcpu);

	if (nmis_are_blocked(vcpu, info))
		vmx_set_nmi_blocking(vcpu, true);

	vcpu->run->qualification = vmread(EXIT_QUALIFICATION);
	vcpu->run->rip = vmread(GUEST_RIP);
	action = exit_exception(vcpu, &event, vcpu->run->qualification);
	if (event.vector == VECTOR_DB)
		repend_single_step(); /* when delivery has cleared BTF */
	return action;
}
