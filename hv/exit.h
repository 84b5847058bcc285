/*
 * Exits, as they are on every vendor: what a handler answers, what the run page and the flight
 * recorder note of each, and the handlers that need nothing of the vendor's.
 */
#pragma once

#include "arch/x86/insn.h"
#include "hv/vcpu.h"

/*
 * How to go on. Nothing moves RIP by default: only an instruction that was carried out is left
 * behind. A handler that injects an event leaves RIP where the event finds it.
 */
enum exit_action {
	EXIT_RESUME,  /* as it is */
	EXIT_ADVANCE, /* behind the instruction that exited */
};

/* Note a new exit. In the path of every exit: nothing here that could be done elsewhere. */
static inline void run_page_begin(struct run_page *run, uint32_t reason)
{
	struct trace_entry *t = &run->trace[run->exits % TRACE_ENTRIES];

	run->reason = reason;
	run->tsc = rdtsc();
	run->exits++;
	t->tsc = run->tsc;
	t->reason = reason;
	t->count = (uint32_t)run->exits;
	t->rip = 0;
	t->detail = 0;
}

/* Add to the current exit's entry what its handler found out anyway. */
static inline void trace_detail(struct run_page *run, uint64_t rip, uint64_t detail)
{
	struct trace_entry *t = &run->trace[(run->exits - 1) % TRACE_ENTRIES];

	t->rip = rip;
	t->detail = detail;
}

enum exit_action exit_triple_fault(struct vcpu *vcpu);         /* vcpu.c */
enum exit_action exit_init(struct vcpu *vcpu);                 /* vcpu.c */
enum exit_action exit_sipi(struct vcpu *vcpu, uint8_t vector); /* vcpu.c */
enum exit_action exit_single_step(struct vcpu *vcpu);          /* event.c */
