/*
 * NMIs come from two sides: the machine (they are the guest's) and other cores of plinth (a kick,
 * hv/kick.c). While a kick is under way the next NMI is taken for it; any other goes to the guest,
 * at once or when it stops blocking NMIs. If both come at the same time the processor itself makes
 * one of them: then the guest's is lost, as one of two would be on bare metal. An NMI that strikes
 * while plinth runs asks for an exit as soon as the guest is entered and is handled there, so the
 * way in needs no check.
 */
#include "hv/event.h"
#include "hv/kick.h"
#include "hv/memory.h"

void inject_exception(struct vcpu *vcpu, enum vector vector)
{
	vcpu->vm->ops->inject(vcpu, &(struct event){
					    .valid = true,
					    .vector = (uint8_t)vector,
					    .type = EVENT_EXCEPTION,
				    });
}

void inject_exception_error(struct vcpu *vcpu, enum vector vector, uint32_t error_code)
{
	vcpu->vm->ops->inject(vcpu, &(struct event){
					    .valid = true,
					    .vector = (uint8_t)vector,
					    .type = EVENT_EXCEPTION,
					    .has_error_code = true,
					    .error_code = error_code,
				    });
}

/* The guest gets one NMI now, or as soon as it does not block them. */
static void deliver_nmi(struct vcpu *vcpu)
{
	const struct virt_ops *ops = vcpu->vm->ops;

	if (ops->nmi_blocked(vcpu)) {
		vcpu->nmi = true; /* like the processor, which holds one pending at most */
		ops->request_nmi_window(vcpu, true);
		return;
	}
	ops->inject(vcpu, &(struct event){
				  .valid = true,
				  .vector = VECTOR_NMI,
				  .type = EVENT_NMI,
			  });
}

enum exit_action exit_nmi(struct vcpu *vcpu)
{
	if (kick_was_nmi(vcpu))
		kick_answer(vcpu);
	else
		deliver_nmi(vcpu);
	return EXIT_RESUME;
}

enum exit_action exit_nmi_window(struct vcpu *vcpu)
{
	bool pending;

	/* In this order: an NMI after the second line finds its request for a window undisturbed.
	 */
	vcpu->vm->ops->request_nmi_window(vcpu, false);
	pending = __atomic_exchange_n(&vcpu->nmi, false, __ATOMIC_SEQ_CST);
	kick_answer(vcpu);
	if (pending)
		deliver_nmi(vcpu);
	return EXIT_RESUME;
}

void event_nmi_in_host(struct vcpu *vcpu)
{
	if (!vcpu)
		return;
	if (!kick_was_nmi(vcpu))
		vcpu->nmi = true;
	vcpu->vm->ops->request_nmi_window(vcpu, true);
}

enum exit_action exit_single_step(struct vcpu *vcpu)
{
	memory_step_done(vcpu);
	return EXIT_RESUME;
}
