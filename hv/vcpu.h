/*
 * The virtual machine and its vCPUs: what hv/ knows of them on every vendor, and the vCPU's life
 * (hv/vcpu.c). There is one VM, the machine itself, and one vCPU for each of its cores.
 */
#pragma once

#include "arch/x86/virt.h"
#include "arch/x86/mtrr.h"
#include "hv/boot_info.h"

#define TRACE_ENTRIES    64 /* a power of two */
#define EXIT_REASONS_MAX 128

/* One exit, as the flight recorder keeps it. */
struct trace_entry {
	uint64_t tsc;
	uint64_t rip; /* 0 when the exit's handler had no need to read it */
	uint64_t detail;
	uint32_t reason;
	uint32_t count; /* low half of the core's exit number */
};

/*
 * The run page: what the last exit was. Debugger, monitor, flight recorder and panic read it, and
 * handlers fill what they had to read anyway; FIELDS says which of the rest are of this exit.
 */
struct run_page {
	uint64_t exits; /* all exits of this core */
	uint64_t tsc;
	uint32_t reason; /* basic exit reason; on SVM EXITCODE */
	uint32_t instruction_length;
	uint64_t qualification; /* exit qualification; on SVM EXITINFO1 */
	uint64_t rip;
	gva_t guest_linear;
	gpa_t guest_physical;
	struct event vectoring; /* the event that was being delivered */
	struct trace_entry trace[TRACE_ENTRIES];
};
_Static_assert(sizeof(struct run_page) <= PAGE_SIZE, "the run page is one page");

/* What other cores ask of this one; they set it, then kick it with an NMI (hv/kick.h). */
enum kick_request {
	KICK_FLUSH = 1u << 0, /* drop cached nested translations */
	KICK_PAUSE = 1u << 1, /* wait in the host until the initiator is done */
	KICK_STOP = 1u << 2,  /* stop for good: the machine has failed */
};

struct vcpu {
	uint64_t regs[GPR_COUNT]; /* must be first: the world switch pushes into it */
	uint64_t host_stack;      /* top of the stack that exit handlers run on */
	struct vm *vm;
	struct run_page *run;
	struct boot_core *boot;
	unsigned index; /* of the core: 0 is the boot core */
	bool running;   /* has entered the guest */
	bool decoy;     /* is stepping over a touch of plinth's memory */
	volatile bool wait_for_sipi;
	volatile bool waiting;   /* in the host, for the initiator of a pause or for good */
	volatile uint32_t kicks; /* enum kick_request, set by other cores */
	volatile bool kick_sent; /* an NMI of another core is on its way here */
	volatile bool nmi;       /* an NMI that is the guest's waits for delivery */
	uint32_t exception_bitmap;
	gpa_t violation_gpa;     /* of the last violation that mapping answered, */
	uint64_t violation_exit; /* the number of its exit, */
	unsigned violations;     /* and how many exits in a row it has been */
	uint64_t exit_counts[EXIT_REASONS_MAX];
	struct cpu *cpu; /* the core's own tables and stacks: arch/x86/cpu.h */
	void *arch;      /* the vendor's part */
};

struct vm {
	const struct virt_ops *ops;
	struct boot_info *info;
	struct vcpu *vcpus; /* [core_count] */
	unsigned core_count;
	void *arch; /* the vendor's part: bitmaps, nested paging roots */

	/* Guest memory: hv/memory.c */
	struct mtrr_state mtrrs;   /* that the views were built from */
	gpa_t mapped_top;          /* memory below is mapped from the start, above on first touch */
	unsigned maxphyaddr;       /* bits */
	hpa_t decoy_page;          /* the page of all-ones of VIEW_DECOY */
	volatile uint64_t touches; /* of plinth's memory, by the guest */

	uint64_t start_tsc;
	volatile bool sealed; /* the loader is done: PLINTH_SEAL */
};
