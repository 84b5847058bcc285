/*
 * Events on their way to the guest: exceptions that plinth raises, and NMIs, which must neither be
 * lost nor delivered twice wherever they strike.
 */
#pragma once

#include "arch/x86/regs.h"
#include "hv/exit.h"

void inject_exception(struct vcpu *vcpu, enum vector vector);
void inject_exception_error(struct vcpu *vcpu, enum vector vector, uint32_t error_code);

static inline void inject_gp(struct vcpu *vcpu)
{
	inject_exception_error(vcpu, VECTOR_GP, 0);
}

static inline void inject_ud(struct vcpu *vcpu)
{
	inject_exception(vcpu, VECTOR_UD);
}

enum exit_action exit_nmi(struct vcpu *vcpu);        /* an NMI struck in the guest */
enum exit_action exit_nmi_window(struct vcpu *vcpu); /* the guest can take one now */

/* An NMI struck in the host: called by the NMI handler, at any instruction of ours. */
void event_nmi_in_host(struct vcpu *vcpu);
