/*
 * Windows: the pages outside plinth's region that the host maps, each for the moment in which it is
 * used. Every core has its own, so that nothing must be flushed elsewhere.
 */
#pragma once

#include "arch/x86/types.h"

#define WINDOW_CORES_MAX 256u

enum window {
	WINDOW_GUEST, /* a page of guest memory, write-back */
	WINDOW_APIC,  /* the local APIC, uncacheable */
	WINDOW_COUNT,
};

/*
 * TABLE is the level 1 table that maps the 2 MiB at BASE. ATTRIBUTES are added to each entry
 * (PTE_NX, where the processor has it).
 */
void window_init(uint64_t *table, uint64_t base, uint64_t attributes);

/* Map the page of PA for core SELF and return where the byte at PA is. */
void *window_map(unsigned self, enum window window, hpa_t pa);
void window_unmap(unsigned self, enum window window);
