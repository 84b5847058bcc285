/* Traps that strike while plinth itself runs: the frame that traps.asm builds, and what C does. */
#pragma once

#include "arch/x86/types.h"

#define TRAP_ENTRY_SIZE 16

struct trap_frame {
	uint64_t regs[16]; /* by enum gpr; [RSP] is not used */
	uint64_t vector;
	uint64_t error_code;
	uint64_t rip;
	uint64_t cs;
	uint64_t rflags;
	uint64_t rsp;
	uint64_t ss;
};

extern const uint8_t trap_entries[]; /* traps.asm: one stub of TRAP_ENTRY_SIZE bytes a vector */

void handle_trap(struct trap_frame *frame);
