/*
 * arch/x86/vmx/ept.c against a plain array that knows each page on its own. Every check walks the
 * tables itself, as the processor would (SDM 3C 28.3.2), and looks for reserved bits on the way.
 */
#include "arch/x86/vmx/ept.h"
#include "tests/unit/fake_heap.h"
#include "tests/unit/unit.h"

#include <string.h>

#define ALL_CAPS     (EPT_CAP_WALK_4 | EPT_CAP_TYPE_WB | EPT_CAP_PAGE_2M | EPT_CAP_PAGE_1G)

/* A window around a border of top-level entries. */
#define WINDOW       (509 * SIZE_1G)
#define WINDOW_SIZE  (6 * SIZE_1G)
#define WINDOW_PAGES (WINDOW_SIZE / PAGE_SIZE)

struct page {
	uint64_t hpa : 52;
	uint64_t access : 3;
	uint64_t type : 3;
};

static struct page *model;
static struct ept ept;

/* What the processor finds for GPA: the page's address or 0, access and type; checks all bits. */
static struct page walk(const struct ept *e, gpa_t gpa, unsigned *level_found)
{
	const uint64_t *table = e->root;

	*level_found = 0;

	for (unsigned level = e->levels; level >= 1; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t entry = table[gpa >> shift & 511];
		uint64_t address = entry & 0x000ffffffffff000ull;

		*level_found = level;
		if (!(entry & 7)) {
			assert_int_equal(entry, 0);
			return (struct page){ 0 };
		}
		assert_int_equal(entry >> 52, 0);
		if (level == 1 || entry & 0x80) {
			assert_true(level <= 3 && (level == 1) == !(entry & 0x80));
			assert_true(level != 3 || e->page_1g);
			assert_true(level != 2 || e->page_2m);
			assert_int_equal(address & ((1ull << shift) - 1), 0);
			assert_int_equal(entry & 0xf40, 0); /* IPAT, A, D, user execute, ignored */
			address |= gpa & ((1ull << shift) - 1);
			return (struct page){ address, entry & 7, entry >> 3 & 7 };
		}
		assert_int_equal(entry & 0xff8, 0);
		assert_int_equal(entry & 7, 7);
		table = phys_to_virt(address);
	}
	fail();
	return (struct page){ 0 };
}

static void assert_page(gpa_t gpa, struct page expected)
{
	unsigned level;
	unsigned level_of_lookup;
	uint64_t entry;
	struct page found = walk(&ept, gpa, &level);

	if (!expected.access) {
		assert_int_equal(found.access, 0);
	} else {
		assert_int_equal(found.hpa, expected.hpa);
		assert_int_equal(found.access, expected.access);
		assert_int_equal(found.type, expected.type);
	}
	assert_int_equal(ept_lookup(&ept, gpa, &entry, &level_of_lookup), expected.access != 0);
	assert_int_equal(level_of_lookup, level);
	assert_int_equal(entry & EPT_ACCESS, expected.access);
}

static unsigned level_of(gpa_t gpa)
{
	unsigned level;

	walk(&ept, gpa, &level);
	return level;
}

static void model_map(gpa_t gpa, hpa_t hpa, uint64_t size, unsigned access, enum memory_type type)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		model[(gpa + at - WINDOW) / PAGE_SIZE] =
			access ? (struct page){ hpa + at, access, type } : (struct page){ 0 };
	}
}

static void assert_model(gpa_t start, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE)
		assert_page(start + at, model[(start + at - WINDOW) / PAGE_SIZE]);
}

static void begin(uint64_t caps)
{
	fake_heap_left = -1;
	assert_int_equal(fake_heap_used, 0);
	assert_int_equal(ept_init(&ept, caps), 0);
	assert_int_equal(fake_heap_used, 1);
	memset(model, 0, WINDOW_PAGES * sizeof(*model));
}

static void end(void)
{
	ept_reset(&ept);
	assert_int_equal(fake_heap_used, 1);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(ept.root[i], 0);
	page_free(ept.root);
}

static int setup(UNUSED void **state)
{
	model = malloc(WINDOW_PAGES * sizeof(*model));
	return model ? 0 : -1;
}

static int teardown(UNUSED void **state)
{
	free(model);
	return 0;
}

static void takes_the_largest_pages_that_fit(UNUSED void **state)
{
	begin(ALL_CAPS);
	assert_int_equal(ept_map(&ept, SIZE_1G - SIZE_2M - PAGE_SIZE, SIZE_1G - SIZE_2M - PAGE_SIZE,
				 2 * SIZE_1G + 2 * SIZE_2M + 2 * PAGE_SIZE, ACCESS_ALL, MEMORY_WB),
			 0);
	assert_page(SIZE_1G - SIZE_2M - 2 * PAGE_SIZE, (struct page){ 0 });
	assert_int_equal(level_of(SIZE_1G - SIZE_2M - PAGE_SIZE), 1);
	assert_int_equal(level_of(SIZE_1G - SIZE_2M), 2);
	assert_int_equal(level_of(SIZE_1G), 3);
	assert_int_equal(level_of(2 * SIZE_1G), 3);
	assert_int_equal(level_of(3 * SIZE_1G), 2);
	assert_int_equal(level_of(3 * SIZE_1G + SIZE_2M), 1);
	assert_page(3 * SIZE_1G + SIZE_2M, (struct page){ 3 * SIZE_1G + SIZE_2M, 7, 6 });
	assert_page(3 * SIZE_1G + SIZE_2M + PAGE_SIZE, (struct page){ 0 });
	end();

	/* The host address must be aligned too. */
	begin(ALL_CAPS);
	assert_int_equal(ept_map(&ept, SIZE_1G, SIZE_2M, SIZE_1G, ACCESS_ALL, MEMORY_WB), 0);
	assert_int_equal(level_of(SIZE_1G), 2);
	assert_int_equal(ept_map(&ept, SIZE_1G, PAGE_SIZE, SIZE_1G, ACCESS_ALL, MEMORY_WB), 0);
	assert_int_equal(level_of(SIZE_1G), 1);
	end();
}

static void uses_no_page_size_that_the_processor_lacks(UNUSED void **state)
{
	begin(EPT_CAP_WALK_4 | EPT_CAP_PAGE_2M);
	assert_int_equal(ept_map(&ept, 0, 0, SIZE_1G, ACCESS_ALL, MEMORY_WB), 0);
	assert_int_equal(level_of(0), 2);
	assert_int_equal(ept_pointer(&ept), virt_to_phys(ept.root) | 3 << 3 | MEMORY_UC);
	end();

	begin(EPT_CAP_WALK_4);
	assert_int_equal(ept_map(&ept, 0, 0, 2 * SIZE_2M, ACCESS_ALL, MEMORY_WB), 0);
	assert_int_equal(level_of(SIZE_2M), 1);
	end();
}

static void the_pointer_says_levels_and_type(UNUSED void **state)
{
	begin(ALL_CAPS);
	assert_int_equal(ept_pointer(&ept), virt_to_phys(ept.root) | 3 << 3 | MEMORY_WB);
	end();
}

static void splitting_keeps_the_rest(UNUSED void **state)
{
	begin(ALL_CAPS);
	assert_int_equal(
		ept_map(&ept, 0, SIZE_1G, SIZE_1G, ACCESS_READ | ACCESS_EXECUTE, MEMORY_WT), 0);
	assert_int_equal(fake_heap_used, 2);
	assert_int_equal(ept_map(&ept, 5 * SIZE_2M + PAGE_SIZE, 0, PAGE_SIZE, 0, MEMORY_UC), 0);
	assert_int_equal(fake_heap_used, 4);
	for (gpa_t gpa = 0; gpa < SIZE_1G; gpa += PAGE_SIZE) {
		if (gpa == 5 * SIZE_2M + PAGE_SIZE)
			assert_page(gpa, (struct page){ 0 });
		else
			assert_page(gpa, (struct page){ SIZE_1G + gpa, 5, MEMORY_WT });
	}
	assert_int_equal(level_of(4 * SIZE_2M), 2);
	assert_int_equal(level_of(6 * SIZE_2M), 2);
	end();
}

static void covered_tables_are_given_back(UNUSED void **state)
{
	begin(ALL_CAPS);
	for (gpa_t gpa = 0; gpa < SIZE_1G; gpa += SIZE_2M)
		assert_int_equal(ept_map(&ept, gpa, gpa, PAGE_SIZE, ACCESS_ALL, MEMORY_WB), 0);
	assert_int_equal(fake_heap_used, 1 + 2 + 512);
	assert_int_equal(ept_map(&ept, 0, 0, SIZE_2M, ACCESS_ALL, MEMORY_WB), 0);
	assert_int_equal(fake_heap_used, 1 + 2 + 511);
	assert_int_equal(ept_map(&ept, 0, 0, SIZE_1G, ACCESS_ALL, MEMORY_WB), 0);
	assert_int_equal(fake_heap_used, 1 + 1);
	assert_int_equal(level_of(SIZE_1G - PAGE_SIZE), 3);
	/* Unmapping needs no page size: a whole top-level entry goes at once. */
	assert_int_equal(ept_map(&ept, 0, 0, 512 * SIZE_1G, 0, MEMORY_UC), 0);
	assert_int_equal(fake_heap_used, 1);
	end();
}

static void unmapping_nothing_costs_nothing(UNUSED void **state)
{
	begin(ALL_CAPS);
	assert_int_equal(ept_map(&ept, PAGE_SIZE, 0, 700 * SIZE_1G, 0, MEMORY_UC), 0);
	assert_int_equal(fake_heap_used, 1);
	end();
}

static void refuses_what_the_levels_do_not_reach(UNUSED void **state)
{
	begin(ALL_CAPS);
	assert_int_equal(ept_map(&ept, 1ull << 48, 0, PAGE_SIZE, ACCESS_ALL, MEMORY_WB), -1);
	assert_int_equal(
		ept_map(&ept, (1ull << 48) - PAGE_SIZE, 0, 2 * PAGE_SIZE, ACCESS_ALL, MEMORY_WB),
		-1);
	assert_int_equal(fake_heap_used, 1);
	assert_int_equal(
		ept_map(&ept, (1ull << 48) - PAGE_SIZE, 0, PAGE_SIZE, ACCESS_ALL, MEMORY_WB), 0);
	assert_page((1ull << 48) - PAGE_SIZE, (struct page){ 0, 7, 6 });
	end();

	begin(ALL_CAPS | EPT_CAP_WALK_5);
	assert_int_equal(ept.levels, 4);
	ept.levels = 5;
	assert_int_equal(
		ept_map(&ept, (1ull << 52) - SIZE_1G, SIZE_1G, SIZE_1G, ACCESS_ALL, MEMORY_WB), 0);
	assert_page((1ull << 52) - PAGE_SIZE, (struct page){ 2 * SIZE_1G - PAGE_SIZE, 7, 6 });
	assert_int_equal(ept_pointer(&ept) >> 3 & 7, 4);
	end();
}

struct operation {
	gpa_t gpa;
	hpa_t hpa;
	uint64_t size;
	unsigned access;
	enum memory_type type;
};

static struct operation random_operation(struct rng *rng)
{
	static const uint64_t units[] = { PAGE_SIZE, SIZE_2M, SIZE_1G };
	static const unsigned types[] = { 0, 1, 4, 5, 6 };
	static const unsigned accesses[] = { 0, 0, 1, 3, 4, 5, 7, 7, 7, 7 };
	uint64_t unit = units[rng_below(rng, 8) < 7 ? rng_below(rng, 2) : 2];
	struct operation op = {
		.gpa = WINDOW + rng_below(rng, WINDOW_SIZE / unit) * unit,
		.size = (1 + rng_below(rng, 8)) * unit,
		.access = accesses[rng_below(rng, array_size(accesses))],
		.type = types[rng_below(rng, array_size(types))],
	};

	if (!rng_below(rng, 3))
		op.gpa += rng_below(rng, 600) * PAGE_SIZE;
	if (!rng_below(rng, 3))
		op.size += rng_below(rng, 600) * PAGE_SIZE;
	op.gpa = min_u64(op.gpa, WINDOW + WINDOW_SIZE - PAGE_SIZE);
	op.size = min_u64(op.size, WINDOW + WINDOW_SIZE - op.gpa);
	op.hpa = op.gpa;
	if (!rng_below(rng, 3))
		op.hpa = (op.gpa % unit) + rng_below(rng, 1000) * unit;
	if (!rng_below(rng, 6))
		op.hpa += rng_below(rng, 600) * PAGE_SIZE;
	return op;
}

/* Around the borders of the last operation, and anywhere. */
static void assert_samples(struct rng *rng, const struct operation *op)
{
	gpa_t at[] = { op->gpa, op->gpa - PAGE_SIZE, op->gpa + op->size,
		       op->gpa + op->size - PAGE_SIZE };

	for (size_t i = 0; i < array_size(at); i++) {
		if (at[i] >= WINDOW && at[i] < WINDOW + WINDOW_SIZE)
			assert_model(at[i], PAGE_SIZE);
	}
	for (unsigned i = 0; i < 200; i++)
		assert_model(WINDOW + rng_below(rng, WINDOW_PAGES) * PAGE_SIZE, PAGE_SIZE);
}

static void agrees_with_the_model(UNUSED void **state)
{
	static const uint64_t caps[] = { ALL_CAPS, EPT_CAP_WALK_4 | EPT_CAP_PAGE_2M };
	struct rng rng = { 0x45505431 };

	for (size_t i = 0; i < array_size(caps); i++) {
		begin(caps[i]);
		for (unsigned round = 0; round < 400; round++) {
			struct operation op = random_operation(&rng);

			assert_int_equal(ept_map(&ept, op.gpa, op.hpa, op.size, op.access, op.type),
					 0);
			model_map(op.gpa, op.hpa, op.size, op.access, op.type);
			assert_samples(&rng, &op);
		}
		assert_model(WINDOW, WINDOW_SIZE);
		end();
	}
}

/* Without memory, some first part of the range is as asked and all the rest as it was. */
static void stays_consistent_without_memory(UNUSED void **state)
{
	struct rng rng = { 0x45505432 };
	unsigned failures = 0;

	begin(ALL_CAPS);
	for (unsigned round = 0; round < 2000; round++) {
		struct operation op = random_operation(&rng);

		op.size = min_u64(op.size, 4 * SIZE_2M);
		fake_heap_left = (long)rng_below(&rng, 4);
		if (ept_map(&ept, op.gpa, op.hpa, op.size, op.access, op.type)) {
			uint64_t done = 0;

			failures++;
			while (done < op.size) {
				unsigned level;
				struct page now = walk(&ept, op.gpa + done, &level);
				bool as_asked = op.access ? now.hpa == op.hpa + done &&
								    now.access == op.access &&
								    now.type == op.type
							  : !now.access;
				if (!as_asked)
					break;
				done += PAGE_SIZE;
			}
			model_map(op.gpa, op.hpa, done, op.access, op.type);
			assert_model(op.gpa, op.size);
		} else {
			model_map(op.gpa, op.hpa, op.size, op.access, op.type);
		}
		assert_samples(&rng, &op);
	}
	assert_true(failures > 200);
	assert_model(WINDOW, WINDOW_SIZE);
	fake_heap_left = -1;
	end();
}

static void init_fails_without_memory(UNUSED void **state)
{
	fake_heap_left = 0;
	assert_int_equal(ept_init(&ept, ALL_CAPS), -1);
	fake_heap_left = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_largest_pages_that_fit),
		cmocka_unit_test(uses_no_page_size_that_the_processor_lacks),
		cmocka_unit_test(the_pointer_says_levels_and_type),
		cmocka_unit_test(splitting_keeps_the_rest),
		cmocka_unit_test(covered_tables_are_given_back),
		cmocka_unit_test(unmapping_nothing_costs_nothing),
		cmocka_unit_test(refuses_what_the_levels_do_not_reach),
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(stays_consistent_without_memory),
		cmocka_unit_test(init_fails_without_memory),
	};

	return cmocka_run_group_tests_name("ept", tests, setup, teardown);
}
