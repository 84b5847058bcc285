/*
 * arch/x86/vmx/controls.c on processors that do not exist: capability MSRs made up bit by bit. What
 * plinth wants is stated here once more, by bit number of the manual's tables.
 */
#include "arch/x86/vmx/controls.h"
#include "tests/unit/unit.h"

#include <string.h>

#define B(n) (1u << (n))

/* SDM 3C tables 24-5, 24-6, 24-7, 24-13 and 24-15 */
static const struct wanted {
	const char *name;
	uint32_t required, available, optional, refused;
	uint32_t msr, true_msr; /* SDM 3D A.3 to A.5 */
	uint32_t default1;      /* SDM 3D A.2: may be forced to 1; by the TRUE MSR only some */
} wanted[CONTROL_FIELD_COUNT] = {
	[CONTROL_PIN] = { "pin", .required = B(3) | B(5), .refused = B(0), .msr = 0x481,
			  .true_msr = 0x48d, .default1 = B(1) | B(2) | B(4) },
	[CONTROL_PROC] = { "proc", .required = B(28) | B(31), .available = B(22) | B(27),
			   .refused = B(2) | B(7) | B(9) | B(10) | B(11) | B(12) | B(15) | B(16) |
				      B(19) | B(20) | B(23) | B(24) | B(29) | B(30),
			   .msr = 0x482, .true_msr = 0x48e,
			   .default1 = B(1) | B(4) | B(5) | B(6) | B(8) | B(13) | B(14) | B(15) |
				       B(16) | B(26) },
	[CONTROL_PROC2] = { "proc2", .required = B(1) | B(5) | B(7),
			    .optional = B(3) | B(12) | B(19) | B(20) | B(26) | B(27),
			    .refused = B(2) | B(6), .msr = 0x48b, .true_msr = 0x48b },
	[CONTROL_EXIT] = { "exit", .required = B(2) | B(9) | B(18) | B(19) | B(20) | B(21),
			   .refused = B(15), .msr = 0x483, .true_msr = 0x48f, .default1 = 0x36dff },
	[CONTROL_ENTRY] = { "entry", .required = B(2) | B(14) | B(15), .available = B(9),
			    .msr = 0x484, .true_msr = 0x490, .default1 = 0x11ff },
};

static uint64_t *capability_of(struct vmx_capabilities *c, unsigned field)
{
	switch (field) {
	case CONTROL_PIN:
		return &c->pin;
	case CONTROL_PROC:
		return &c->proc;
	case CONTROL_PROC2:
		return &c->proc2;
	case CONTROL_EXIT:
		return &c->exit;
	default:
		return &c->entry;
	}
}

static uint64_t capability(uint32_t must, uint32_t may)
{
	return (uint64_t)may << 32 | must;
}

/* Every bit may be 0 and may be 1. */
static struct vmx_capabilities able(void)
{
	struct vmx_capabilities c = { 0 };

	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		*capability_of(&c, f) = capability(0, ~0u);
	return c;
}

static void expect_only(const struct vmx_controls *controls, unsigned field, uint32_t cannot_set,
			uint32_t cannot_clear)
{
	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++) {
		assert_int_equal(controls->cannot_set[f], f == field ? cannot_set : 0);
		assert_int_equal(controls->cannot_clear[f], f == field ? cannot_clear : 0);
	}
}

static void takes_what_it_wants_and_no_more(UNUSED void **state)
{
	struct vmx_capabilities c = able();
	struct vmx_controls controls;

	assert_true(vmx_controls_compute(&c, &controls));
	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		assert_int_equal(controls.value[f], wanted[f].required | wanted[f].optional);
	expect_only(&controls, 0, 0, 0);
}

static void each_required_bit_missing(UNUSED void **state)
{
	unsigned tried = 0;

	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		for (unsigned bit = 0; bit < 32; bit++) {
			bool needed = (wanted[f].required | wanted[f].available) & B(bit);
			struct vmx_capabilities c = able();
			struct vmx_controls controls;

			*capability_of(&c, f) = capability(0, ~B(bit));
			assert_int_equal(vmx_controls_compute(&c, &controls), !needed);
			expect_only(&controls, f, needed ? B(bit) : 0, 0);
			assert_false(controls.value[f] & B(bit));
			tried += needed;
		}
	assert_int_equal(tried, 2 + 4 + 3 + 6 + 4);
}

static void each_refused_bit_forced(UNUSED void **state)
{
	unsigned tried = 0;

	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		for (unsigned bit = 0; bit < 32; bit++) {
			bool refused = wanted[f].refused & B(bit);
			struct vmx_capabilities c = able();
			struct vmx_controls controls;

			*capability_of(&c, f) = capability(B(bit), ~0u);
			assert_int_equal(vmx_controls_compute(&c, &controls), !refused);
			expect_only(&controls, f, 0, refused ? B(bit) : 0);
			assert_int_equal(controls.value[f],
					 wanted[f].required | wanted[f].optional | B(bit));
			tried += refused;
		}
	assert_int_equal(tried, 1 + 14 + 2 + 1 + 0);
}

static void optional_bits_follow_the_processor(UNUSED void **state)
{
	uint32_t optional = wanted[CONTROL_PROC2].optional;
	uint32_t subset = 0;

	/* Every subset of the bits that may be missing. */
	do {
		struct vmx_capabilities c = able();
		struct vmx_controls controls;

		c.proc2 = capability(0, ~optional | subset);
		assert_true(vmx_controls_compute(&c, &controls));
		assert_int_equal(controls.value[CONTROL_PROC2],
				 wanted[CONTROL_PROC2].required | subset);
		subset = (subset - optional) & optional;
	} while (subset);
}

/* Each bit is set once in 64 times. */
static uint32_t few_bits(struct rng *rng)
{
	uint64_t bits = ~0ull;

	for (unsigned i = 0; i < 6; i++)
		bits &= rng_next(rng);
	return (uint32_t)bits;
}

/* What holds for any processor, required bits or not. */
static void always_within_what_is_allowed(UNUSED void **state)
{
	struct rng rng = { .state = 0x706c696e7468 };
	unsigned fit = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct vmx_capabilities c = { 0 };
		struct vmx_controls controls;
		bool expected = true;

		for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++) {
			/* Few bits missing or forced, so that some processors are fit. */
			uint32_t may = ~few_bits(&rng);
			uint32_t must = few_bits(&rng) & may;

			*capability_of(&c, f) = capability(must, may);
		}
		bool answer = vmx_controls_compute(&c, &controls);

		for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
			for (unsigned bit = 0; bit < 32; bit++) {
				const struct wanted *w = &wanted[f];
				uint64_t cap = *capability_of(&c, f);
				bool must = cap >> bit & 1, may = cap >> (bit + 32) & 1;
				bool set = controls.value[f] & B(bit);
				bool wish = (w->required | w->optional) & B(bit);
				bool no_set = (w->required | w->available) & B(bit) && !may;
				bool no_clear = w->refused & B(bit) && must;

				assert_int_equal(set, must || (wish && may));
				assert_int_equal(!!(controls.cannot_set[f] & B(bit)), no_set);
				assert_int_equal(!!(controls.cannot_clear[f] & B(bit)), no_clear);
				if (no_set || no_clear)
					expected = false;
			}
		assert_int_equal(answer, expected);
		fit += answer;
	}
	assert_true(fit > 100);
}

/*
 * Before the TRUE MSRs all bits of the default1 class are forced; of the primary controls CR3-load
 * and CR3-store exiting are among them (SDM 3D A.3.2), and those cost an exit for each task switch.
 */
static void without_true_controls_cr3_accesses_would_exit(UNUSED void **state)
{
	struct vmx_capabilities c = able();
	struct vmx_controls controls;

	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		*capability_of(&c, f) = capability(wanted[f].default1, ~0u);
	assert_false(vmx_controls_compute(&c, &controls));
	expect_only(&controls, CONTROL_PROC, 0, B(15) | B(16));

	/* The TRUE MSRs of processors since Westmere let both be 0. */
	c.proc = capability(wanted[CONTROL_PROC].default1 & ~(B(15) | B(16)), ~0u);
	assert_true(vmx_controls_compute(&c, &controls));
	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		assert_int_equal(controls.value[f] & ~wanted[f].default1,
				 (wanted[f].required | wanted[f].optional) & ~wanted[f].default1);
}

static void reads_the_true_msrs_where_they_exist(UNUSED void **state)
{
	struct vmx_capabilities c = { .basic = ~(1ull << 55) };

	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		assert_int_equal(vmx_control_msr(&c, f), wanted[f].msr);
	c.basic = 1ull << 55; /* SDM 3D A.1 */
	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		assert_int_equal(vmx_control_msr(&c, f), wanted[f].true_msr);
}

static void tells_the_capabilities_apart(UNUSED void **state)
{
	struct vmx_capabilities c;

	memset(&c, 0xee, sizeof(c));
	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		*capability_of(&c, f) = 0x1234567800000000ull + f;
	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++)
		assert_int_equal(vmx_control_capability(&c, f), 0x1234567800000000ull + f);
	assert_int_equal(vmx_control_capability(&c, CONTROL_FIELD_COUNT), 0);
}

static void whatever_is_demanded_has_a_name(UNUSED void **state)
{
	for (unsigned f = 0; f < CONTROL_FIELD_COUNT; f++) {
		const struct wanted *w = &wanted[f];

		assert_non_null(vmx_control_name(f));
		for (unsigned g = 0; g < f; g++)
			assert_string_not_equal(vmx_control_name(f), vmx_control_name(g));
		for (unsigned bit = 0; bit < 32; bit++) {
			const char *name = vmx_control_bit_name(f, bit);

			if ((w->required | w->available | w->refused) & B(bit))
				assert_string_not_equal(name, "?");
			for (unsigned other = 0; other < bit && strcmp(name, "?") != 0; other++)
				assert_string_not_equal(name, vmx_control_bit_name(f, other));
		}
	}
	assert_string_equal(vmx_control_bit_name(CONTROL_PIN, 31), "?");
	/* One of each table, so that a table shifted by a line is seen. */
	assert_string_equal(vmx_control_bit_name(CONTROL_PIN, 5), "virtual NMIs");
	assert_string_equal(vmx_control_bit_name(CONTROL_PROC, 27), "monitor trap flag");
	assert_string_equal(vmx_control_bit_name(CONTROL_PROC, 15), "CR3-load exiting");
	assert_string_equal(vmx_control_bit_name(CONTROL_PROC2, 7), "unrestricted guest");
	assert_string_equal(vmx_control_bit_name(CONTROL_EXIT, 21), "load IA32_EFER");
	assert_string_equal(vmx_control_bit_name(CONTROL_ENTRY, 9), "IA-32e mode guest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_it_wants_and_no_more),
		cmocka_unit_test(each_required_bit_missing),
		cmocka_unit_test(each_refused_bit_forced),
		cmocka_unit_test(optional_bits_follow_the_processor),
		cmocka_unit_test(always_within_what_is_allowed),
		cmocka_unit_test(without_true_controls_cr3_accesses_would_exit),
		cmocka_unit_test(reads_the_true_msrs_where_they_exist),
		cmocka_unit_test(tells_the_capabilities_apart),
		cmocka_unit_test(whatever_is_demanded_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
