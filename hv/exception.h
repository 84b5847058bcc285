/*
 * Exceptions: which of them exit, and how one that did goes back to the guest exactly as the
 * processor would have delivered it.
 */
#pragma once

#include "arch/x86/regs.h"
#include "hv/exit.h"

/* Everything that decides the exception bitmap. */
struct exception_inputs {
	bool vmware_backdoor;      /* its ports work from user mode: see #GP */
	bool software_breakpoints; /* a debugger has set some */
	bool virtual_8086;         /* real mode without unrestricted guest */
	bool nested_paging;
	bool smaller_maxphyaddr;   /* the guest's MAXPHYADDR is below the host's */
	bool nested_guest;         /* a hypervisor in the guest runs a guest of its own, */
	uint32_t nested_bitmap;    /* and asked for these, */
	uint32_t nested_pfec_mask; /* with these for #PF */
	uint32_t nested_pfec_match;
	uint32_t caught; /* vectors that a person asked to see */
};

struct exception_policy {
	uint32_t bitmap;
	uint32_t pfec_mask; /* #PF exits if (error code & mask) == match; otherwise the reverse */
	uint32_t pfec_match;
};

/* Page-fault error code bits, SDM 3A 4.7 */
#define PFEC_P    BIT(0)
#define PFEC_RSVD BIT(3)

/* Pure: the table of the design, row by row. */
struct exception_policy exception_policy(const struct exception_inputs *in);

/* Recompute the policy and give it to the control block: after any input has changed. */
void update_exception_bitmap(struct vcpu *vcpu);

/*
 * An exception exited. QUALIFICATION is the faulting linear address for #PF and the new bits of DR6
 * for #DB (SDM 3C 27.2.1).
 */
enum exit_action exit_exception(struct vcpu *vcpu, const struct event *event,
				uint64_t qualification);

/*
 * What comes of a fault SECOND raised while delivering FIRST: a benign pair is handled one after
 * the other, others become #DF, and a fault in delivering #DF is a triple fault (SDM 3A 6.15,
 * interrupt 8).
 */
enum fault_pair {
	FAULT_SERIAL,
	FAULT_DOUBLE,
	FAULT_TRIPLE,
};

enum fault_pair combine_faults(const struct event *first, const struct event *second);
