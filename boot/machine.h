/*
 * The machine as the loader finds it and what it knows of the kernel's start on each core. It lies
 * in the loader's own memory: a guest, as the loader becomes, cannot read the kernel's region.
 */
#pragma once

#include <efi.h>
#include <stdbool.h>

#include "boot/gate.h"
#include "boot/mp.h"

struct core {
	struct gate_call gate;
	uint32_t apic_id;
	int64_t result; /* of the last call on this core: enum boot_status */
	bool inside;    /* is a guest */
};

struct machine {
	EFI_MP_SERVICES_PROTOCOL *mp; /* NULL: firmware knows one core only */
	UINTN boot_number;            /* the boot core, as EFI_MP_SERVICES counts */
	uint32_t core_count;
	struct core *cores;     /* [0] is the boot core */
	struct boot_info *info; /* by its physical address; not for a guest */
	uint64_t call;          /* enum boot_call, for the application cores */
	bool log_works;         /* KERNEL_LOG may be called */
	bool lost;              /* a core was called and has not come back */
	uint64_t region_base;   /* 0: not allocated */
	UINTN region_pages;
};
