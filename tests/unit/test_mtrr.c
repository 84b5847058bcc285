/*
 * arch/x86/mtrr.c, by hand-made cases from the manual and against an oracle that looks at each page
 * on its own, over random settings.
 */
#include "arch/x86/mtrr.h"
#include "tests/unit/unit.h"

#include <string.h>

#define MAXPHYADDR 46
#define E_ON       (MTRR_DEF_TYPE_E)
#define FE_ON      (MTRR_DEF_TYPE_E | MTRR_DEF_TYPE_FE)

static uint64_t physical_mask(unsigned maxphyaddr)
{
	return (1ull << maxphyaddr) - 1;
}

static void add_range(struct mtrr_state *state, uint64_t base, uint64_t size, enum memory_type type)
{
	struct mtrr_variable *pair = &state->variable[state->count++];

	pair->base = base | type;
	pair->mask = (~(size - 1) & physical_mask(state->maxphyaddr)) | MTRR_PHYSMASK_VALID;
}

static struct mtrr_state plain(uint64_t def_type)
{
	return (struct mtrr_state){
		.supported = true,
		.fixed_supported = true,
		.maxphyaddr = MAXPHYADDR,
		.def_type = def_type,
	};
}

static void assert_uniform(const struct mtrr_state *state, gpa_t start, gpa_t end,
			   gpa_t expected_end, enum memory_type expected)
{
	enum memory_type type;

	assert_int_equal(mtrr_uniform(state, start, end, &type), expected_end);
	assert_int_equal(type, expected);
}

/* The oracle: SDM 3A 12.11.4.1 for one page, written without a look at the code under test. */
static int oracle(const struct mtrr_state *s, uint64_t addr)
{
	static const bool valid[256] = {
		[0] = true, [1] = true, [4] = true, [5] = true, [6] = true
	};
	unsigned seen[256] = { 0 };
	unsigned kinds = 0;
	int last = -1;

	if (!s->supported)
		return 6;
	if (!(s->def_type >> 11 & 1))
		return 0;
	if ((s->def_type >> 10 & 1) && s->fixed_supported && addr < 0x100000) {
		unsigned byte;

		if (addr < 0x80000)
			byte = (unsigned)(addr / 0x10000);
		else if (addr < 0xc0000)
			byte = 8 + (unsigned)((addr - 0x80000) / 0x4000);
		else
			byte = 24 + (unsigned)((addr - 0xc0000) / 0x1000);

		int type = (int)(s->fixed[byte / 8] >> (byte % 8 * 8) & 0xff);

		return valid[type] ? type : 0;
	}
	for (unsigned i = 0; i < s->count; i++) {
		uint64_t mask = s->variable[i].mask & physical_mask(s->maxphyaddr) & ~0xfffull;
		int type = (int)(s->variable[i].base & 0xff);

		if (!(s->variable[i].mask & 0x800) || (addr & mask) != (s->variable[i].base & mask))
			continue;
		if (!valid[type])
			type = 0;
		kinds += !seen[type];
		seen[type]++;
		last = type;
	}
	if (kinds == 0) {
		int type = (int)(s->def_type & 0xff);

		return valid[type] ? type : 0;
	}
	if (kinds == 1)
		return last;
	return kinds == 2 && seen[4] && seen[6] ? 4 : 0;
}

static void no_mtrrs_means_write_back(UNUSED void **state)
{
	struct mtrr_state s = { .supported = false, .maxphyaddr = 52 };

	assert_int_equal(mtrr_type(&s, 0xa0000), MEMORY_WB);
	assert_uniform(&s, 0, 1ull << 52, 1ull << 52, MEMORY_WB);
}

static void disabled_means_uncacheable(UNUSED void **state)
{
	struct mtrr_state s = plain(MEMORY_WB | MTRR_DEF_TYPE_FE);

	s.maxphyaddr = 52;
	memset(s.fixed, 0x06, sizeof(s.fixed));
	add_range(&s, 0, 1ull << 30, MEMORY_WB);
	assert_int_equal(mtrr_type(&s, 0), MEMORY_UC);
	assert_uniform(&s, 0, 1ull << 52, 1ull << 52, MEMORY_UC);
}

static void the_default_type_rules_the_rest(UNUSED void **state)
{
	struct mtrr_state s = plain(MEMORY_WT | E_ON);

	add_range(&s, 0x40000000, 0x40000000, MEMORY_WC);
	assert_uniform(&s, 0, 1ull << 46, 0x40000000, MEMORY_WT);
	assert_uniform(&s, 0x40000000, 1ull << 46, 0x80000000, MEMORY_WC);
	assert_uniform(&s, 0x80000000, 1ull << 46, 1ull << 46, MEMORY_WT);
}

static void fixed_ranges_win_below_1_mib(UNUSED void **state)
{
	struct mtrr_state s = plain(MEMORY_WB | FE_ON);

	memset(s.fixed, MEMORY_WB, sizeof(s.fixed));
	s.fixed[2] = 0; /* a0000h to bffffh: UC */
	add_range(&s, 0, 1ull << 30, MEMORY_WP);
	assert_uniform(&s, 0, 1ull << 46, 0xa0000, MEMORY_WB);
	assert_uniform(&s, 0xa0000, 1ull << 46, 0xc0000, MEMORY_UC);
	assert_uniform(&s, 0xc0000, 1ull << 46, 0x100000, MEMORY_WB);
	assert_uniform(&s, 0x100000, 1ull << 46, 1ull << 30, MEMORY_WP);

	/* Without FE, or where the processor has none, the variable range reaches down to 0. */
	s.def_type &= ~MTRR_DEF_TYPE_FE;
	assert_uniform(&s, 0, 1ull << 46, 1ull << 30, MEMORY_WP);
	s.def_type |= MTRR_DEF_TYPE_FE;
	s.fixed_supported = false;
	assert_uniform(&s, 0, 1ull << 46, 1ull << 30, MEMORY_WP);
}

/* Each byte of each fixed MSR is the segment that SDM 3A table 12-9 says. */
static void every_fixed_segment_is_where_it_should_be(UNUSED void **state)
{
	static const struct {
		unsigned msr;
		uint64_t start, segment;
	} table[] = {
		{ 0, 0x00000, 0x10000 }, { 1, 0x80000, 0x4000 },  { 2, 0xa0000, 0x4000 },
		{ 3, 0xc0000, 0x1000 },  { 4, 0xc8000, 0x1000 },  { 5, 0xd0000, 0x1000 },
		{ 6, 0xd8000, 0x1000 },  { 7, 0xe0000, 0x1000 },  { 8, 0xe8000, 0x1000 },
		{ 9, 0xf0000, 0x1000 },  { 10, 0xf8000, 0x1000 },
	};

	for (unsigned i = 0; i < MTRR_FIXED_COUNT; i++) {
		for (unsigned byte = 0; byte < 8; byte++) {
			struct mtrr_state s = plain(MEMORY_WB | FE_ON);
			uint64_t start = table[i].start + byte * table[i].segment;

			s.fixed[table[i].msr] = (uint64_t)MEMORY_WC << (8 * byte);
			if (start)
				assert_uniform(&s, 0, 0x100000, start, MEMORY_UC);
			assert_uniform(&s, start, 0x200000, start + table[i].segment, MEMORY_WC);
		}
	}
}

static void overlaps_follow_the_manual(UNUSED void **state)
{
	static const struct {
		enum memory_type a, b, result;
	} cases[] = {
		{ MEMORY_UC, MEMORY_WB, MEMORY_UC }, { MEMORY_WB, MEMORY_UC, MEMORY_UC },
		{ MEMORY_UC, MEMORY_WC, MEMORY_UC }, { MEMORY_WT, MEMORY_WB, MEMORY_WT },
		{ MEMORY_WB, MEMORY_WT, MEMORY_WT }, { MEMORY_WC, MEMORY_WC, MEMORY_WC },
		{ MEMORY_WB, MEMORY_WB, MEMORY_WB }, { MEMORY_WP, MEMORY_WB, MEMORY_UC },
		{ MEMORY_WC, MEMORY_WT, MEMORY_UC },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct mtrr_state s = plain(MEMORY_WB | E_ON);

		add_range(&s, 0, 0x80000000, cases[i].a);
		add_range(&s, 0x40000000, 0x40000000, cases[i].b);
		assert_int_equal(mtrr_type(&s, 0x3ffff000), cases[i].a);
		assert_int_equal(mtrr_type(&s, 0x40000000), cases[i].result);
	}

	/* UC wins over any two others, in any order. */
	struct mtrr_state s = plain(MEMORY_WB | E_ON);

	add_range(&s, 0, 0x1000, MEMORY_WB);
	add_range(&s, 0, 0x1000, MEMORY_UC);
	add_range(&s, 0, 0x1000, MEMORY_WT);
	assert_int_equal(mtrr_type(&s, 0), MEMORY_UC);
}

static void invalid_pairs_and_types_do_no_harm(UNUSED void **state)
{
	struct mtrr_state s = plain(MEMORY_WB | E_ON);

	add_range(&s, 0, 0x40000000, MEMORY_WC);
	s.variable[0].mask &= ~MTRR_PHYSMASK_VALID;
	assert_uniform(&s, 0, 1ull << 46, 1ull << 46, MEMORY_WB);

	s = plain(3 | E_ON);
	assert_int_equal(mtrr_type(&s, 0x1000), MEMORY_UC);
	s = plain(MEMORY_WB | FE_ON);
	s.fixed[0] = 7;
	assert_int_equal(mtrr_type(&s, 0), MEMORY_UC);
	s = plain(MEMORY_WB | E_ON);
	add_range(&s, 0, 0x1000, (enum memory_type)2);
	assert_int_equal(mtrr_type(&s, 0), MEMORY_UC);
}

/* A mask that leaves out bit 13 of four: pages 0 and 2 of each 16 KiB match, or 1 and 3. */
static void masks_with_holes_are_exact(UNUSED void **state)
{
	struct mtrr_state s = plain(MEMORY_WB | E_ON);

	add_range(&s, 0x100000, 0x1000, MEMORY_UC);
	s.variable[0].mask &= ~0x2000ull;
	assert_uniform(&s, 0, 1ull << 46, 0x100000, MEMORY_WB);
	assert_uniform(&s, 0x100000, 1ull << 46, 0x101000, MEMORY_UC);
	assert_uniform(&s, 0x101000, 1ull << 46, 0x102000, MEMORY_WB);
	assert_uniform(&s, 0x102000, 1ull << 46, 0x103000, MEMORY_UC);
	assert_uniform(&s, 0x103000, 1ull << 46, 1ull << 46, MEMORY_WB);

	/* Only the lowest bit: every second page of the whole space, at no cost where UC covers. */
	s.variable[0].mask = 0x1000 | MTRR_PHYSMASK_VALID;
	assert_uniform(&s, 0x5000, 1ull << 46, 0x6000, MEMORY_WB);
	assert_uniform(&s, 0x6000, 1ull << 46, 0x7000, MEMORY_UC);
}

/* What can't be answered by looking at each boundary is answered short, but still truly. */
static void gives_up_in_bounded_time(UNUSED void **state)
{
	struct mtrr_state s = plain(MEMORY_UC | E_ON);
	enum memory_type type;

	add_range(&s, 0, 0x1000, MEMORY_UC);
	s.variable[0].mask = 0x1000 | MTRR_PHYSMASK_VALID;

	uint64_t end = mtrr_uniform(&s, 0x1000, 1ull << 46, &type);

	assert_int_equal(type, MEMORY_UC);
	assert_true(end > 0x1000 && end <= 1ull << 46);
	assert_true(end >= 65536 * PAGE_SIZE);
}

static void spans_a_52_bit_space_at_once(UNUSED void **state)
{
	struct mtrr_state s = plain(MEMORY_WB | FE_ON);
	uint64_t top = 1ull << 52;

	s.maxphyaddr = 52;
	memset(s.fixed, MEMORY_WB, sizeof(s.fixed));
	add_range(&s, 0x80000000, 0x80000000, MEMORY_UC);
	add_range(&s, top / 2, top / 2, MEMORY_UC);
	assert_uniform(&s, 0, top, 0x80000000, MEMORY_WB);
	assert_uniform(&s, 0x80000000, top, 0x100000000, MEMORY_UC);
	assert_uniform(&s, 0x100000000, top, top / 2, MEMORY_WB);
	assert_uniform(&s, top / 2, top, top, MEMORY_UC);
	assert_uniform(&s, 0x100000000, 0x100001000, 0x100001000, MEMORY_WB);
	assert_uniform(&s, top - 0x1000, top, top, MEMORY_UC);
}

/* Mask bits above MAXPHYADDR don't exist, whatever a register says. */
static void only_physical_address_bits_count(UNUSED void **state)
{
	struct mtrr_state s = plain(MEMORY_WB | E_ON);

	s.maxphyaddr = 36;
	add_range(&s, 0x40000000, 0x40000000, MEMORY_UC);
	s.variable[0].mask |= 0xffffull << 48;
	assert_uniform(&s, 0x40000000, 1ull << 36, 0x80000000, MEMORY_UC);
}

static struct mtrr_state random_state(struct rng *rng, uint64_t window, uint64_t at)
{
	static const uint8_t types[] = { 0, 0, 1, 4, 4, 5, 6, 6, 6, 2, 7 };
	struct mtrr_state s = {
		.supported = rng_below(rng, 30) != 0,
		.fixed_supported = rng_below(rng, 10) != 0,
		.maxphyaddr = (uint8_t)(36 + rng_below(rng, 17)),
		.count = (uint8_t)rng_below(rng, 11),
		.def_type = types[rng_below(rng, sizeof(types))],
	};

	if (rng_below(rng, 20))
		s.def_type |= MTRR_DEF_TYPE_E;
	if (rng_below(rng, 4))
		s.def_type |= MTRR_DEF_TYPE_FE;
	for (unsigned i = 0; i < MTRR_FIXED_COUNT; i++) {
		/* Runs of equal types, so that boundaries that are none are met too. */
		uint8_t type = types[rng_below(rng, sizeof(types))];

		for (unsigned byte = 0; byte < 8; byte++) {
			if (!rng_below(rng, 4))
				type = types[rng_below(rng, sizeof(types))];
			s.fixed[i] |= (uint64_t)type << (8 * byte);
		}
	}
	for (unsigned i = 0; i < s.count; i++) {
		uint64_t size = PAGE_SIZE << rng_below(rng, 12);
		uint64_t mask = ~(size - 1);
		uint64_t holes = rng_next(rng);

		if (!rng_below(rng, 3))
			mask ^= rng_next(rng) & holes & (window - 1) & ~0xfffull;
		if (!rng_below(rng, 10))
			mask ^= 1ull << (12 + rng_below(rng, 30));
		mask &= physical_mask(s.maxphyaddr) & ~0xfffull;
		s.variable[i].base = ((at + rng_below(rng, window)) & ~0xfffull) |
				     types[rng_below(rng, sizeof(types))];
		s.variable[i].mask = mask | (rng_below(rng, 8) ? MTRR_PHYSMASK_VALID : 0);
	}
	return s;
}

static void agrees_with_the_oracle_page_by_page(UNUSED void **state)
{
	struct rng rng = { 0x706c696e7468 };
	const uint64_t window = 4 << 20;
	unsigned interesting = 0;

	for (unsigned round = 0; round < 3000; round++) {
		uint64_t at = rng_below(&rng, 2) ? 0 : window * rng_below(&rng, 1 << 12);
		struct mtrr_state s = random_state(&rng, window, at);
		unsigned runs = 0;

		/* Walk the window in maximal runs, as those who build page tables do. */
		for (uint64_t start = at; start < at + window; runs++) {
			enum memory_type type;
			uint64_t end = mtrr_uniform(&s, start, at + window, &type);
			uint64_t page = start;

			assert_true(end > start && end <= at + window && end % PAGE_SIZE == 0);
			for (; page < end; page += PAGE_SIZE) {
				assert_int_equal(oracle(&s, page), type);
				assert_int_equal(mtrr_type(&s, page), type);
			}
			if (end < at + window)
				assert_int_not_equal(oracle(&s, end), type);
			start = end;
		}
		interesting += runs > 3;

		/* From anywhere to anywhere, not only along the runs. */
		for (unsigned i = 0; i < 20; i++) {
			uint64_t start = at + rng_below(&rng, window - PAGE_SIZE);
			enum memory_type type;

			start &= ~0xfffull;

			uint64_t limit = start + PAGE_SIZE * (1 + rng_below(&rng, 64));
			uint64_t expected = start + PAGE_SIZE;

			while (expected < limit && oracle(&s, expected) == oracle(&s, start))
				expected += PAGE_SIZE;
			assert_int_equal(mtrr_uniform(&s, start, limit, &type), expected);
			assert_int_equal(oracle(&s, start), type);
		}
	}
	assert_true(interesting > 1500);
}

/* A processor with MSRs of its own, which faults the test when one is read that it has not. */
static struct {
	uint64_t cap;
	unsigned reads;
} hardware;

static uint64_t value_of(uint32_t msr)
{
	return msr * 0x100000001ull;
}

static uint64_t read_msr(uint32_t msr)
{
	hardware.reads++;
	if (msr == 0xfe)
		return hardware.cap;

	bool fixed = msr == 0x250 || msr == 0x258 || msr == 0x259 || (msr >= 0x268 && msr <= 0x26f);
	bool variable = msr >= 0x200 && msr < 0x200 + 2 * (hardware.cap & 0xff);

	assert_true(msr == 0x2ff || variable || (fixed && (hardware.cap & 0x100)));
	return value_of(msr);
}

static void reads_only_registers_that_exist(UNUSED void **state)
{
	static const uint32_t fixed[] = { 0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
					  0x26b, 0x26c, 0x26d, 0x26e, 0x26f };
	struct mtrr_state s;

	hardware.cap = 0x508;
	mtrr_read(&s, read_msr, 39, true);
	assert_int_equal(s.maxphyaddr, 39);
	assert_int_equal(s.count, 8);
	assert_int_equal(s.def_type, value_of(0x2ff));
	for (unsigned i = 0; i < 11; i++)
		assert_int_equal(s.fixed[i], value_of(fixed[i]));
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(s.variable[i].base, value_of(0x200 + 2 * i));
		assert_int_equal(s.variable[i].mask, value_of(0x201 + 2 * i));
	}

	hardware.cap = 0x0ff; /* absurd VCNT, no fixed ranges */
	mtrr_read(&s, read_msr, 39, true);
	assert_int_equal(s.count, MTRR_VARIABLE_MAX);
	assert_false(s.fixed_supported);

	hardware.reads = 0;
	mtrr_read(&s, read_msr, 39, false);
	assert_int_equal(hardware.reads, 0);
	assert_false(s.supported);
}

static void knows_its_registers(UNUSED void **state)
{
	unsigned count = 0;

	for (uint32_t msr = 0; msr < 0x2000; msr++)
		count += mtrr_is_msr(msr);
	assert_int_equal(count, 11 + 1 + 2 * MTRR_VARIABLE_MAX);
	assert_true(mtrr_is_msr(0x200) && mtrr_is_msr(0x213) && mtrr_is_msr(0x250));
	assert_true(mtrr_is_msr(0x258) && mtrr_is_msr(0x259) && mtrr_is_msr(0x268));
	assert_true(mtrr_is_msr(0x26f) && mtrr_is_msr(0x2ff));
	assert_false(mtrr_is_msr(0xfe) || mtrr_is_msr(0x277) || mtrr_is_msr(0x1ff));
	assert_false(mtrr_is_msr(0xc0000200));
}

static void sameness_is_of_effect(UNUSED void **state)
{
	struct mtrr_state a = plain(MEMORY_WB | FE_ON);

	add_range(&a, 0, 0x40000000, MEMORY_UC);
	add_range(&a, 0x40000000, 0x40000000, MEMORY_WC);

	struct mtrr_state b = a;

	assert_true(mtrr_same(&a, &b));
	b.variable[0].base = MEMORY_WT;
	assert_false(mtrr_same(&a, &b));

	b = a;
	b.variable[1].mask &= ~MTRR_PHYSMASK_VALID;
	assert_false(mtrr_same(&a, &b));
	a.variable[1].mask = b.variable[1].mask;
	b.variable[1].base = 0x1234000; /* of no effect */
	assert_true(mtrr_same(&a, &b));

	b = a;
	b.fixed[10] ^= 6ull << 56;
	assert_false(mtrr_same(&a, &b));
	a.def_type &= ~MTRR_DEF_TYPE_FE;
	assert_false(mtrr_same(&a, &b));
	b.def_type &= ~MTRR_DEF_TYPE_FE;
	assert_true(mtrr_same(&a, &b));

	b.def_type ^= 4;
	assert_false(mtrr_same(&a, &b));
	a.def_type &= ~MTRR_DEF_TYPE_E;
	assert_false(mtrr_same(&a, &b));
	b.def_type &= ~MTRR_DEF_TYPE_E;
	assert_true(mtrr_same(&a, &b));
	a.supported = false;
	assert_false(mtrr_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_mtrrs_means_write_back),
		cmocka_unit_test(disabled_means_uncacheable),
		cmocka_unit_test(the_default_type_rules_the_rest),
		cmocka_unit_test(fixed_ranges_win_below_1_mib),
		cmocka_unit_test(every_fixed_segment_is_where_it_should_be),
		cmocka_unit_test(overlaps_follow_the_manual),
		cmocka_unit_test(invalid_pairs_and_types_do_no_harm),
		cmocka_unit_test(masks_with_holes_are_exact),
		cmocka_unit_test(gives_up_in_bounded_time),
		cmocka_unit_test(spans_a_52_bit_space_at_once),
		cmocka_unit_test(only_physical_address_bits_count),
		cmocka_unit_test(agrees_with_the_oracle_page_by_page),
		cmocka_unit_test(reads_only_registers_that_exist),
		cmocka_unit_test(knows_its_registers),
		cmocka_unit_test(sameness_is_of_effect),
	};

	return cmocka_run_group_tests_name("mtrr", tests, NULL, NULL);
}
