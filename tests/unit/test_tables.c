/*
 * boot/tables.c: the kernel's page tables, walked entry by entry as the processor would (SDM
 * 3A 4.5) for regions of any size, with four and with five levels. No page is both writable and
 * executable, and nothing is mapped that should not be.
 */
#include "boot/tables.h"
#include "tests/unit/unit.h"

#include <string.h>

#define PAGE        4096ull
#define REGION_BASE 0x3e000000ull
#define REGION_MAX  (KERNEL_WINDOW - KERNEL_BASE)
#define ADDRESS     0x000ffffffffff000ull

static uint64_t *memory; /* tables_needed() pages and not a byte more */
static struct page_tables tables;

/* One mapping that a walk has found. */
struct mapping {
	uint64_t va, pa;
	bool writable, executable;
};

static struct {
	struct mapping *list;
	size_t count, limit;
	size_t tables; /* that hang in the tree, the top one included */
} found;

/* All of what TABLE at LEVEL maps, from VA on, with the rights that the levels above leave. */
static void walk(const uint64_t *table, unsigned level, uint64_t va, bool writable, bool executable)
{
	assert_int_equal((uintptr_t)table % PAGE, 0);
	assert_true(table >= memory && table + 512 <= tables.next);
	found.tables++;
	for (uint64_t i = 0; i < 512; i++) {
		uint64_t entry = table[i];
		uint64_t at = va | i << (12 + 9 * (level - 1));
		bool w = writable && entry & 2, x = executable && !(entry >> 63);

		if (!(entry & 1)) {
			assert_int_equal(entry, 0);
			continue;
		}
		/* Present, writable, address, NX; never user, PWT, PCD, PS or global. */
		assert_int_equal(entry & ~(ADDRESS | 1ull << 63 | 3), 0);
		if (level > 1) {
			walk((const uint64_t *)(uintptr_t)(entry & ADDRESS), level - 1, at, w, x);
			continue;
		}
		assert_true(found.count < found.limit);
		/* Canonical: the highest bit that is translated fills those above. */
		if (at >> (tables.levels * 9 + 11) & 1)
			at |= ~0ull << (tables.levels * 9 + 12);
		found.list[found.count++] = (struct mapping){ at, entry & ADDRESS, w, x };
	}
}

/*
 * What boot/place.c builds for a region of PAGES pages: the region, the page of the gate one to
 * one, and the empty table of the window. Then walk it.
 */
static void build(const struct kernel_header *header, uint64_t pages, uint64_t gate,
		  unsigned levels, bool nx)
{
	size_t needed = tables_needed(pages);

	memory = aligned_alloc(PAGE, needed * PAGE);
	assert_non_null(memory);
	memset(memory, 0, needed * PAGE);
	tables_init(&tables, memory, levels, nx);
	assert_ptr_equal(tables.top, memory);
	tables_map_region(&tables, header, REGION_BASE, pages * PAGE);
	if (gate)
		tables_map(&tables, gate, gate, 0);
	tables_entry(&tables, KERNEL_WINDOW);
	assert_true(tables.next <= memory + needed * 512);

	memset(&found, 0, sizeof(found));
	found.limit = pages + 1;
	found.list = calloc(found.limit, sizeof(*found.list));
	walk(tables.top, levels, 0, true, true);
	assert_ptr_equal(tables.next, memory + found.tables * 512);
}

static void forget(void)
{
	free(found.list);
	free(memory);
}

static const struct kernel_header typical = {
	.text_end = 0x9000,
	.rodata_end = 0xd000,
	.image_size = 0x14000,
};

/* Every page of the region once, at its place, and used as the header says. */
static void check_region(const struct kernel_header *header, uint64_t pages, uint64_t gate, bool nx)
{
	bool *seen = calloc(pages, sizeof(*seen));

	assert_int_equal(found.count, pages + (gate != 0));
	for (size_t i = 0; i < found.count; i++) {
		const struct mapping *m = &found.list[i];
		uint64_t offset = m->va - KERNEL_BASE;

		if (nx)
			assert_false(m->writable && m->executable);
		if (gate && m->va == gate) {
			assert_int_equal(m->pa, gate);
			assert_false(m->writable);
			assert_true(m->executable);
			continue;
		}
		assert_true(offset < pages * PAGE);
		assert_false(seen[offset / PAGE]);
		seen[offset / PAGE] = true;
		assert_int_equal(m->pa, REGION_BASE + offset);
		/* Text may be executed, data written, and what is between neither. */
		assert_int_equal(m->writable, offset >= header->rodata_end);
		assert_int_equal(m->executable, !nx || offset < header->text_end);
	}
	free(seen);
}

static void maps_the_region_as_the_header_says(UNUSED void **state)
{
	for (unsigned levels = 4; levels <= 5; levels++)
		for (unsigned nx = 0; nx < 2; nx++) {
			build(&typical, 365, 0x7e3d1000, levels, nx);
			check_region(&typical, 365, 0x7e3d1000, nx);
			forget();
		}
}

static void parts_may_be_empty(UNUSED void **state)
{
	static const struct kernel_header headers[] = {
		{ .text_end = 0x1000, .rodata_end = 0x1000 },
		{ .text_end = 0, .rodata_end = 0x3000 },
		{ .text_end = 0, .rodata_end = 0 },
		{ .text_end = 0x4000, .rodata_end = 0x4000 },
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		build(&headers[i], 4, 0, 4, true);
		check_region(&headers[i], 4, 0, true);
		forget();
	}
}

/* Sizes around every border of a table, and gates wherever firmware may have put the loader. */
static void there_are_tables_enough(UNUSED void **state)
{
	static const uint64_t sizes[] = {
		1, 511, 512, 513, 1023, 1024, 1025, 5000, 65536, 131071, REGION_MAX / PAGE
	};
	static const uint64_t gates[] = {
		0x1000,
		0x7fffe000,
		0x80000000,
		0xfffff000,
		0x100000000,
		0x7fffffffff000,
		0x8000000000,
		REGION_BASE - PAGE,
		0x00007ffffffff000,
		0x000fffffff000000,
	};

	for (unsigned levels = 4; levels <= 5; levels++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
			for (size_t g = 0; g < sizeof(gates) / sizeof(*gates); g++) {
				if (gates[g] >> (levels * 9 + 11) || (g && sizes[s] > 5000))
					continue; /* not an address; or not again */
				build(&typical, sizes[s], gates[g], levels, true);
				check_region(&typical, sizes[s], gates[g], true);
				forget();
			}
}

/* Entry n of the tables maps page n: stack_alloc() of hv/vcpu.c takes guard pages out by number. */
static void the_last_level_is_one_array(UNUSED void **state)
{
	uint64_t *ptes;

	for (unsigned levels = 4; levels <= 5; levels++) {
		build(&typical, 1700, 0x7e3d1000, levels, true);
		ptes = tables_entry(&tables, KERNEL_BASE);
		for (uint64_t i = 0; i < 1700; i++) {
			assert_int_equal(ptes[i] & ADDRESS, REGION_BASE + i * PAGE);
			assert_ptr_equal(tables_entry(&tables, KERNEL_BASE + i * PAGE), &ptes[i]);
		}
		forget();
	}
}

/* A table of its own with nothing in it, whose upper levels let the kernel write and execute no
 * less. */
static void the_window_is_there_and_empty(UNUSED void **state)
{
	uint64_t *window, *next;

	build(&typical, 1700, 0x7e3d1000, 4, true);
	next = tables.next;
	window = tables_entry(&tables, KERNEL_WINDOW);
	assert_ptr_equal(tables.next, next);
	assert_int_equal((uintptr_t)window % PAGE, 0);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(window[i], 0);
	assert_ptr_not_equal(window, tables_entry(&tables, KERNEL_BASE));
	forget();
}

/* The kernel clears one entry of the top level, and the loader's page is gone while it stays. */
static void the_gate_goes_with_one_entry(UNUSED void **state)
{
	for (unsigned levels = 4; levels <= 5; levels++) {
		uint64_t *entry;

		build(&typical, 365, 0x7e3d1000, levels, true);
		entry = tables_top_entry(&tables, 0x7e3d1000);
		assert_ptr_equal(entry, &tables.top[0]);
		assert_ptr_not_equal(entry, tables_top_entry(&tables, KERNEL_BASE));
		assert_ptr_equal(tables_top_entry(&tables, KERNEL_BASE), &tables.top[511]);
		*entry = 0;
		found.count = found.tables = 0;
		walk(tables.top, levels, 0, true, true);
		check_region(&typical, 365, 0, true);
		forget();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_the_region_as_the_header_says),
		cmocka_unit_test(parts_may_be_empty),
		cmocka_unit_test(there_are_tables_enough),
		cmocka_unit_test(the_last_level_is_one_array),
		cmocka_unit_test(the_window_is_there_and_empty),
		cmocka_unit_test(the_gate_goes_with_one_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
