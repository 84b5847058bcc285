/*
 * NMIs come from two sides: the machine (they are the guest's) and other cores of plinth (a kick,
 * hv/kick.c). An NMI that finds a kick request waiting is taken for the kick; any other goes to the
 * guest, at once or when it stops blocking NMIs. One that strikes while plinth runs asks for an
 * exit as soon as the guest is entered and is handled there, so the way in needs no check.
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
		vcpu->nmis = 1; /* like the processor, which holds one pending at most */
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
	if (!kick_answer(vcpu))
		deliver_nmi(vcpu);
	return EXIT_RESUME;
}

enum exit_action exit_nmi_window(struct vcpu *vcpu)
{
	bool pending;

	/* In this order: an NMI after the second line finds its request for a window undisturbed.
	 */
	vcpu->vm->ops->request_nmi_window(vcpu, false);
	pending = __atomic_exchange_n(&vcpu->nmis, 0, __ATOMIC_SEQ_CST);
	if (!kick_answer(vcpu) && pending)
		deliver_nmi(vcpu);
	return EXIT_RESUME;
}

void event_nmi_in_host(struct vcpu *vcpu)
{
	if (!vcpu)
		return;
	vcpu->nmis = 1;
	vcpu->vm->ops->request_nmi_window(vcpu, true);
}

enum exit_action exit_single_step(struct vcpu *vcpu)
{
	memory_step_done(vcpu);
	return EXIT_RESUME;
}
