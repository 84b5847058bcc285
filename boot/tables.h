/*
 * Page tables for the kernel, built by the loader (SDM 3A 4.5). Nothing of UEFI in here: memory for
 * the tables comes from a cleared array that the caller has made large enough.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/boot_info.h"

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE   (1ull << 1)
#define PTE_NX      (1ull << 63)

struct page_tables {
	uint64_t *top;   /* the top-level table */
	uint64_t *next;  /* the next free table; memory is addressed by its physical address */
	unsigned levels; /* 4 or 5 */
	bool nx;         /* PTE_NX is allowed */
};

/* Pages that tables_init() and all of the following need for a region of PAGES pages. */
size_t tables_needed(size_t pages);

void tables_init(struct page_tables *tables, uint64_t *memory, unsigned levels, bool nx);

/*
 * The entry that maps VA's page in the level 1 table, whose upper levels are made. Of the pages of
 * one range taken in ascending order, the level 1 tables lie one behind the other.
 */
uint64_t *tables_entry(struct page_tables *tables, uint64_t va);

/* Map the page at VA to the page at PA; FLAGS are PTE_WRITE and PTE_NX or 0. */
void tables_map(struct page_tables *tables, uint64_t va, uint64_t pa, uint64_t flags);

/* Map the SIZE bytes at BASE to KERNEL_BASE, each part as HEADER says that it may be used. */
void tables_map_region(struct page_tables *tables, const struct kernel_header *header,
		       uint64_t base, uint64_t size);

/* The entry of VA in the top-level table. */
uint64_t *tables_top_entry(struct page_tables *tables, uint64_t va);
