/* The exit handlers that decode what only VMX has; all others are hv/'s. */
#pragma once

#include "arch/x86/vmx/vmx.h"
#include "hv/exit.h"

enum exit_action vmx_exit_exception(struct vcpu *vcpu);            /* exception.c */
enum exit_action vmx_exit_sipi(struct vcpu *vcpu);                 /* decode.c */
enum exit_action vmx_exit_cr_access(struct vcpu *vcpu);            /* decode.c */
enum exit_action vmx_exit_ept_violation(struct vcpu *vcpu);        /* decode.c */
enum exit_action vmx_exit_ept_misconfiguration(struct vcpu *vcpu); /* decode.c */
enum exit_action vmx_exit_entry_failed(struct vcpu *vcpu);         /* decode.c */

/*
 * For handlers of exits that can strike while an event is being delivered: if this one did, have
 * the next entry deliver that event again (SDM 3C 27.2.4). Nothing is lost, unless the handler
 * injects something that replaces it.
 */
void vmx_requeue_vectoring(struct vcpu *vcpu); /* exception.c */

/* EFER.LMA and CS.L: the mode with 64-bit RIP and registers. */
bool vmx_in_64bit_mode(struct vcpu *vcpu); /* decode.c */
