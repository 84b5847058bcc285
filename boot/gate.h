/*
 * The gate between the loader and the kernel (boot/gate.asm): the one piece of the loader that
 * runs in both address spaces, firmware's and the kernel's. It lies within one page, which the
 * kernel's page tables map at its physical address until every core is in.
 */
#pragma once

#include <stdint.h>

#include "hv/boot_info.h"

/* What the gate needs in order to call the kernel on one core. */
struct gate_call {
	uint64_t cr3;             /* the kernel's top-level page table */
	uint64_t efer_set;        /* bits of IA32_EFER that the kernel's page tables need */
	uint64_t stack;           /* top of the stack to use, a kernel virtual address */
	uint64_t entry;           /* kernel_entry(), a kernel virtual address */
	uint64_t info;            /* its first argument, a kernel virtual address */
	struct gate_state *state; /* to be filled, by its physical address */
	uint64_t state_va;        /* and where the kernel sees it */
};

extern const uint8_t gate_start[];
extern const uint8_t gate_end[];

/*
 * Call the kernel on this core: CALL is an enum boot_call, CORE its index. Returns what
 * kernel_entry() returns; from KERNEL_START 0 in the guest, with firmware's state unchanged, or
 * the failure on bare metal.
 */
int64_t gate_call(const struct gate_call *gate, uint64_t call, uint64_t core);

/*
 * Ask plinth to give this core back, from inside the guest and before PLINTH_SEAL. Returns 0 on
 * bare metal, or a negative enum plinth_error still in the guest.
 */
int64_t gate_leave(void);

/* Call plinth from inside the guest, with RAX = CALL: PLINTH_CALL(number). Returns RAX. */
int64_t gate_hypercall(uint64_t call);
