/*
 * What plinth does when a trap strikes it: a fault at an instruction that may fault goes on at its
 * fixup, an NMI is kept for the guest, and everything else is the end.
 */
#include "arch/x86/traps.h"
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "arch/x86/regs.h"
#include "hv/debug/panic.h"
#include "hv/event.h"

struct fixup {
	uint64_t from;
	uint64_t to;
};

extern const struct fixup fixups_start[], fixups_end[]; /* hv/kernel.lds */

static bool fix_up(struct trap_frame *frame)
{
	for (const struct fixup *f = fixups_start; f < fixups_end; f++) {
		if (f->from != frame->rip)
			continue;
		frame->rip = f->to;
		frame->rflags |= RFLAGS_CF;
		return true;
	}
	return false;
}

void handle_trap(struct trap_frame *frame)
{
	if (frame->vector == VECTOR_NMI) {
		event_nmi_in_host(this_cpu()->vcpu);
		return;
	}
	if ((frame->vector == VECTOR_GP || frame->vector == VECTOR_UD) && fix_up(frame))
		return;
	panic_trap(frame);
}
