/* Kicks: making other cores leave the guest, wait, flush or stop, wherever they are. */
#pragma once

#include "hv/vcpu.h"

/* Returns when every other running core waits in the host. Answers kicks to SELF meanwhile. */
void kick_pause_others(struct vcpu *self);

/* Let them go on, doing REQUESTS (KICK_FLUSH, or 0) first. After kick_pause_others() only. */
void kick_resume_others(struct vcpu *self, uint32_t requests);

/* Stop all other cores for good; returns after a bounded time, whether they have or not. */
void kick_stop_others(struct vcpu *self);

/* Do what other cores have asked of VCPU, if anything. On its own core only. */
void kick_answer(struct vcpu *vcpu);

/* An NMI has arrived: was it a kick? At most one is under way to a core, so each answer is right.
 */
bool kick_was_nmi(struct vcpu *vcpu);
