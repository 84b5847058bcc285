/*
 * Pages of plinth's own region: allocated while cores come up, and for nested paging tables after.
 * All of the region is mapped linearly, so address conversion is one addition. Unit tests supply
 * their own implementation.
 */
#pragma once

#include "arch/x86/types.h"

/*
 * What the loader must add to the image for the heap. Base: bitmaps, and for both views of memory
 * the tables of 4 GiB with the splits that MTRRs and plinth's own region need, and of what is
 * mapped later on first touch. Per core: struct vcpu, struct cpu, the vendor's part, run page,
 * VMXON region, VMCS, and the stacks with their guards. Per GiB: a table of 2 MiB pages a view,
 * for processors without 1 GiB pages.
 */
#define HEAP_BASE_BYTES     (96 * PAGE_SIZE)
#define HEAP_BYTES_PER_CORE (19 * PAGE_SIZE)
#define HEAP_BYTES_PER_GIB  (2 * PAGE_SIZE)

/* A zeroed 4 KiB page, or NULL when the region is exhausted. Safe on any core. */
void *page_alloc(void);

/* COUNT contiguous zeroed pages, or NULL. */
void *pages_alloc(size_t count);

/* Give back one page from page_alloc(). */
void page_free(void *page);

/* Only for addresses inside plinth's region. */
hpa_t virt_to_phys(const void *va);
void *phys_to_virt(hpa_t pa);
