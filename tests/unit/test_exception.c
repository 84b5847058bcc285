/*
 * hv/exception.c against the design's table of the exception bitmap, row by row for each vector and
 * each page-fault error code, and against the manual's rules for two exceptions at once.
 */
#include "hv/exception.h"
#include "hv/event.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_vendor.h"
#include "tests/unit/unit.h"

#include <string.h>

static unsigned triple_faults;

enum exit_action exit_triple_fault(UNUSED struct vcpu *vcpu)
{
	triple_faults++;
	return EXIT_RESUME;
}

void inject_exception_error(struct vcpu *vcpu, enum vector vector, uint32_t error_code)
{
	struct event event = { .valid = true,
			       .vector = (uint8_t)vector,
			       .type = EVENT_EXCEPTION,
			       .has_error_code = true,
			       .error_code = error_code };

	vcpu->vm->ops->inject(vcpu, &event);
}

static int setup(UNUSED void **state)
{
	fake_vendor_reset();
	fake_cpu_reset();
	triple_faults = 0;
	return 0;
}

/* --- The policy --- */

#define ERROR_CODES 256u /* P, W, U, RSVD, I, PK, SS, HLAT */

/* SDM 3C 25.2: does an exception exit, with these fields of the VMCS? */
static bool exits(uint32_t bitmap, uint32_t mask, uint32_t match, unsigned vector, uint32_t pfec)
{
	bool bit = bitmap >> vector & 1;

	if (vector != 14)
		return bit;
	return (pfec & mask) == match ? bit : !bit;
}

/* The design's table without its row on nested guests: does plinth want to see this? */
static bool plinth_wants(const struct exception_inputs *in, unsigned vector, uint32_t pfec)
{
	if (in->caught & 1u << vector)
		return true;
	switch (vector) {
	case 1:  /* #DB */
	case 6:  /* #UD */
	case 17: /* #AC */
	case 18: /* #MC */
		return true;
	case 3: /* #BP */
		return in->software_breakpoints || in->virtual_8086;
	case 13: /* #GP */
		return in->vmware_backdoor || in->virtual_8086;
	case 14: /* #PF: with nested paging, if at all, on present pages whose RSVD may be amiss */
		if (!in->nested_paging)
			return true;
		return in->smaller_maxphyaddr && pfec & 1 && !(pfec & 8);
	default:
		return in->virtual_8086;
	}
}

static bool nested_wants(const struct exception_inputs *in, unsigned vector, uint32_t pfec)
{
	return in->nested_guest &&
	       exits(in->nested_bitmap, in->nested_pfec_mask, in->nested_pfec_match, vector, pfec);
}

static void check_policy(const struct exception_inputs *in)
{
	struct exception_policy p = exception_policy(in);
	bool theirs = in->nested_guest && (in->nested_bitmap >> 14 & 1 || in->nested_pfec_mask ||
					   in->nested_pfec_match);
	bool ours = false;

	for (unsigned v = 0; v < 32; v++) {
		bool expected = plinth_wants(in, v, 0) || nested_wants(in, v, 0);

		if (v != 14 && exits(p.bitmap, p.pfec_mask, p.pfec_match, v, 0) != expected)
			fail_msg("vector %u: expected %d", v, expected);
	}
	for (uint32_t pfec = 0; pfec < ERROR_CODES; pfec++)
		ours = ours || plinth_wants(in, 14, pfec);
	for (uint32_t pfec = 0; pfec < ERROR_CODES; pfec++) {
		bool wanted = plinth_wants(in, 14, pfec) || nested_wants(in, 14, pfec);
		bool does = exits(p.bitmap, p.pfec_mask, p.pfec_match, 14, pfec);

		/* One mask and match cannot always say what two sides want: then more exit. */
		if (does != wanted && !(does && ours && theirs))
			fail_msg("#PF with error code %#x: expected %d", pfec, wanted);
	}
	if (!theirs && in->nested_paging && !in->smaller_maxphyaddr)
		assert_true(p.pfec_mask == 0 && p.pfec_match == 0);
}

/* All combinations of the booleans, with these vectors caught and asked for. */
static void check_policies(struct exception_inputs in)
{
	for (unsigned set = 0; set < 64; set++) {
		in.vmware_backdoor = set & 1;
		in.software_breakpoints = set & 2;
		in.virtual_8086 = set & 4;
		in.nested_paging = set & 8;
		in.smaller_maxphyaddr = set & 16;
		in.nested_guest = set & 32;
		check_policy(&in);
	}
}

static void policy_is_the_table(UNUSED void **state)
{
	check_policies((struct exception_inputs){ 0 });
}

static void policy_with_caught_vectors(UNUSED void **state)
{
	struct rng rng = { .state = 0xca09 };

	for (unsigned v = 0; v < 32; v++)
		check_policies((struct exception_inputs){ .caught = 1u << v });
	check_policies((struct exception_inputs){ .caught = ~0u });
	for (unsigned i = 0; i < 50; i++)
		check_policies((struct exception_inputs){ .caught = (uint32_t)rng_next(&rng) });
}

static void policy_with_a_nested_guest(UNUSED void **state)
{
	static const struct {
		uint32_t mask, match;
	} pfec[] = {
		{ 0, 0 },   /* all, or with the bit clear none */
		{ 1, 1 },   /* present pages */
		{ 1, 0 },   /* pages that are not */
		{ 9, 1 },   /* as plinth for a smaller MAXPHYADDR */
		{ 0, ~0u }, /* never a match: none, or with the bit clear all */
		{ 0x1f, 7 },
	};
	static const uint32_t bitmaps[] = { 0, ~0u, 1u << 14, ~(1u << 14), 1u << 6, 0x60042 };
	static const uint32_t caught[] = { 0, 1u << 14, 1u << 13, ~0u };

	for (unsigned b = 0; b < sizeof(bitmaps) / sizeof(*bitmaps); b++)
		for (unsigned m = 0; m < sizeof(pfec) / sizeof(*pfec); m++)
			for (unsigned c = 0; c < sizeof(caught) / sizeof(*caught); c++)
				check_policies((struct exception_inputs){
					.nested_bitmap = bitmaps[b],
					.nested_pfec_mask = pfec[m].mask,
					.nested_pfec_match = pfec[m].match,
					.caught = caught[c],
				});
}

/* A few values that need no thought, so that oracle and table cannot be wrong together. */
static void policy_in_numbers(UNUSED void **state)
{
	struct exception_policy p =
		exception_policy(&(struct exception_inputs){ .nested_paging = true });

	assert_int_equal(p.bitmap, 0x60042); /* #DB #UD #AC #MC */
	assert_int_equal(p.pfec_mask | p.pfec_match, 0);
	p = exception_policy(&(struct exception_inputs){ 0 });
	assert_int_equal(p.bitmap, 0x64042); /* and #PF */
	p = exception_policy(
		&(struct exception_inputs){ .nested_paging = true, .smaller_maxphyaddr = true });
	assert_int_equal(p.bitmap, 0x64042);
	assert_int_equal(p.pfec_mask, 9);
	assert_int_equal(p.pfec_match, 1);
	p = exception_policy(&(struct exception_inputs){ .virtual_8086 = true });
	assert_int_equal(p.bitmap, ~0u);
}

static void update_tells_the_vendor(UNUSED void **state)
{
	fake_vendor.pfec_mask = fake_vendor.pfec_match = 0xdead;
	update_exception_bitmap(&fake_vcpu);
	assert_int_equal(fake_vendor.bitmap_sets, 1);
	assert_int_equal(fake_vendor.bitmap, 0x60042);
	assert_int_equal(fake_vendor.pfec_mask, 0);
	assert_int_equal(fake_vendor.pfec_match, 0);
	assert_int_equal(fake_vcpu.exception_bitmap, fake_vendor.bitmap);
	expect_no_state_written();
}

/* --- Two exceptions --- */

enum class {
	BENIGN,
	CONTRIBUTORY,
	PAGE_FAULT,
	DOUBLE_FAULT
};

/* SDM 3A table 6-4; #VE is a page fault, #CP is contributory (SDM 3C 25.5.7.2, SDM 1 18.3) */
static const enum class classes[32] = {
	[0] = CONTRIBUTORY,  [8] = DOUBLE_FAULT,  [10] = CONTRIBUTORY,
	[11] = CONTRIBUTORY, [12] = CONTRIBUTORY, [13] = CONTRIBUTORY,
	[14] = PAGE_FAULT,   [20] = PAGE_FAULT,   [21] = CONTRIBUTORY,
};

/* SDM 3A table 6-5, columns: second exception; a second #DF is none that an instruction raises */
static const enum fault_pair pairs[4][4] = {
	[BENIGN] = { FAULT_SERIAL, FAULT_SERIAL, FAULT_SERIAL, FAULT_SERIAL },
	[CONTRIBUTORY] = { FAULT_SERIAL, FAULT_DOUBLE, FAULT_SERIAL, FAULT_SERIAL },
	[PAGE_FAULT] = { FAULT_SERIAL, FAULT_DOUBLE, FAULT_DOUBLE, FAULT_SERIAL },
	[DOUBLE_FAULT] = { FAULT_SERIAL, FAULT_TRIPLE, FAULT_TRIPLE, FAULT_SERIAL },
};

static void pairs_of_exceptions(UNUSED void **state)
{
	for (unsigned type = 0; type < 8; type++)
		for (unsigned a = 0; a < 32; a++)
			for (unsigned b = 0; b < 32; b++) {
				struct event first = { .valid = true,
						       .type = (uint8_t)type,
						       .vector = (uint8_t)a };
				struct event second = { .valid = true,
							.type = EVENT_EXCEPTION,
							.vector = (uint8_t)b };
				/* Interrupts, NMIs, INT n, INT1, INT3 and INTO are benign. */
				enum class class = type == 3 ? classes[a] : BENIGN;

				if (combine_faults(&first, &second) != pairs[class][classes[b]])
					fail_msg("type %u vector %u, then %u", type, a, b);
				first.valid = false;
				assert_int_equal(combine_faults(&first, &second), FAULT_SERIAL);
			}
}

/* --- Exits --- */

static struct event exception(unsigned vector)
{
	static const uint32_t with_error_code = 1u << 8 | 0x1fu << 10 | 1u << 17 | 1u << 21;

	return (struct event){ .valid = true,
			       .type = EVENT_EXCEPTION,
			       .vector = (uint8_t)vector,
			       .has_error_code = with_error_code >> vector & 1,
			       .error_code = 0x1234 };
}

/* Whatever needs nothing else goes back as it came, and RIP stays. */
static void reflects_an_exception_untouched(UNUSED void **state)
{
	for (unsigned v = 0; v < 32; v++) {
		struct event e = exception(v);

		if (v == 1 || v == 2 || v == 14)
			continue;
		setup(NULL);
		fake_run.rip = 0xfeed;
		assert_int_equal(exit_exception(&fake_vcpu, &e, 0x5555), EXIT_RESUME);
		expect_injected(EVENT_EXCEPTION, v, e.has_error_code, 0x1234);
		expect_no_state_written();
		assert_int_equal(fake_cpu.dr_writes + fake_cpu.cr_writes, 0);
		assert_int_equal(fake_run.trace[0].rip, 0xfeed);
		assert_int_equal(fake_run.trace[0].detail, v);
	}
}

static void reflects_int3_with_its_length(UNUSED void **state)
{
	struct event e = {
		.valid = true, .type = EVENT_SOFTWARE_EXCEPTION, .vector = 3, .length = 1
	};

	assert_int_equal(exit_exception(&fake_vcpu, &e, 0), EXIT_RESUME);
	expect_injected(EVENT_SOFTWARE_EXCEPTION, 3, false, 0);
	assert_int_equal(fake_vendor.injected[0].length, 1);
}

/* SDM 3C 27.1: an exit for #PF leaves CR2 as it was. */
static void page_fault_sets_cr2(UNUSED void **state)
{
	struct event e = exception(14);

	fake_cpu.cr2 = 0x1111;
	assert_int_equal(exit_exception(&fake_vcpu, &e, 0xffff800012345678), EXIT_RESUME);
	assert_int_equal(fake_cpu.cr2, 0xffff800012345678);
	expect_injected(EVENT_EXCEPTION, 14, true, 0x1234);
	expect_no_state_written();
	assert_int_equal(fake_cpu.dr_writes, 0);
}

/* #DB with these bits in the exit qualification (SDM 3C table 27-1), over this DR6. */
static uint64_t dr6_after(uint64_t before, uint64_t qualification)
{
	struct event e = exception(1);

	setup(NULL);
	fake_cpu.dr[6] = before;
	assert_int_equal(exit_exception(&fake_vcpu, &e, qualification), EXIT_RESUME);
	expect_injected(EVENT_EXCEPTION, 1, false, 0);
	assert_int_equal(fake_cpu.cr_writes, 0);
	assert_int_equal(fake_cpu.dr_writes, 1);
	return fake_cpu.dr[6];
}

/* SDM 3B 17.2.3, bit by bit. */
static void debug_exception_sets_dr6(UNUSED void **state)
{
	static const uint64_t clean = 0xffff0ff0;

	for (unsigned b = 0; b < 16; b++) {
		/* B0 to B3 are of this exception only; those of earlier ones go. */
		assert_int_equal(dr6_after(clean, b), clean | b);
		assert_int_equal(dr6_after(clean | 0xf, b), clean | b);
	}
	/* BD and BS are set, and never cleared by the processor. So is BT. */
	assert_int_equal(dr6_after(clean, 1 << 13), clean | 1 << 13);
	assert_int_equal(dr6_after(clean, 1 << 14), clean | 1 << 14);
	assert_int_equal(dr6_after(clean | 0xe000, 0x4001), clean | 0xe001);
	assert_int_equal(dr6_after(clean | 0xe000, 0), clean | 0xe000);
	/* RTM is clear for an exception in a transaction, and set by any other. */
	assert_int_equal(dr6_after(clean, 1 << 16), clean & ~0x10000ull);
	assert_int_equal(dr6_after(clean & ~0x10000ull, 0x4000), clean | 0x4000);
	assert_int_equal(dr6_after(clean & ~0x10000ull, 0x14000), (clean | 0x4000) & ~0x10000ull);
	/* BLD is clear for a bus lock; other exceptions do not modify it. */
	assert_int_equal(dr6_after(clean, 1 << 11), clean & ~0x800ull);
	assert_int_equal(dr6_after(clean & ~0x800ull, 0x4000), (clean | 0x4000) & ~0x800ull);
	/* The qualification's other bits (12: an enabled breakpoint) are not DR6's. */
	assert_int_equal(dr6_after(clean, 0xfffffffffffe17f0), clean);
}

/*
 * SDM 3B 17.2.4: GD is cleared for the handler; 17.4.1, 17.4.4: so are BTF and LBR. An exit leaves
 * all of them (SDM 3C 27.1), and so does the injection.
 */
static void debug_exception_clears_gd_btf_and_lbr(UNUSED void **state)
{
	struct event e = exception(1);

	fake_vendor.regs[REG_DR7] = 0x27ff;
	fake_vendor.regs[REG_DEBUGCTL] = 0x5fc7;
	exit_exception(&fake_vcpu, &e, 1);
	assert_int_equal(fake_vendor.regs[REG_DR7], 0x7ff);
	assert_int_equal(fake_vendor.regs[REG_DEBUGCTL], 0x5fc4);
	fake_vendor.reg_writes[REG_DR7] = fake_vendor.reg_writes[REG_DEBUGCTL] = 0;
	expect_no_state_written();
}

/* SDM 3A 6.15, interrupt 8: a #DF has an error code, and it is zero. */
static void two_faults_make_a_double_fault(UNUSED void **state)
{
	struct event e = exception(13);

	fake_run.vectoring = exception(11);
	assert_int_equal(exit_exception(&fake_vcpu, &e, 0), EXIT_RESUME);
	expect_injected(EVENT_EXCEPTION, 8, true, 0);
	expect_no_state_written();
	assert_int_equal(fake_cpu.dr_writes + fake_cpu.cr_writes, 0);
	assert_int_equal(triple_faults, 0);
}

/* The second page fault is the one that CR2 tells of (SDM 3A 6.15, interrupt 14). */
static void a_page_fault_in_a_page_fault_sets_cr2(UNUSED void **state)
{
	struct event e = exception(14);

	fake_cpu.cr2 = 0x1111;
	fake_run.vectoring = exception(14);
	assert_int_equal(exit_exception(&fake_vcpu, &e, 0x2222), EXIT_RESUME);
	expect_injected(EVENT_EXCEPTION, 8, true, 0);
	assert_int_equal(fake_cpu.cr2, 0x2222);
}

static void a_fault_in_a_double_fault_is_the_end(UNUSED void **state)
{
	struct event e = exception(13);

	fake_run.vectoring = exception(8);
	exit_exception(&fake_vcpu, &e, 0);
	assert_int_equal(triple_faults, 1);
	expect_nothing_injected();
}

/* The fault goes first; what it interrupted comes again when its instruction is run again. */
static void a_fault_in_benign_delivery_is_delivered(UNUSED void **state)
{
	struct event e = exception(14);

	fake_run.vectoring = (struct event){ .valid = true, .vector = 0x80 };
	assert_int_equal(exit_exception(&fake_vcpu, &e, 0x2222), EXIT_RESUME);
	expect_injected(EVENT_EXCEPTION, 14, true, 0x1234);
	assert_int_equal(fake_cpu.cr2, 0x2222);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_is_the_table),
		cmocka_unit_test(policy_with_caught_vectors),
		cmocka_unit_test(policy_with_a_nested_guest),
		cmocka_unit_test(policy_in_numbers),
		cmocka_unit_test_setup(update_tells_the_vendor, setup),
		cmocka_unit_test(pairs_of_exceptions),
		cmocka_unit_test_setup(reflects_an_exception_untouched, setup),
		cmocka_unit_test_setup(reflects_int3_with_its_length, setup),
		cmocka_unit_test_setup(page_fault_sets_cr2, setup),
		cmocka_unit_test_setup(debug_exception_sets_dr6, setup),
		cmocka_unit_test_setup(debug_exception_clears_gd_btf_and_lbr, setup),
		cmocka_unit_test_setup(two_faults_make_a_double_fault, setup),
		cmocka_unit_test_setup(a_page_fault_in_a_page_fault_sets_cr2, setup),
		cmocka_unit_test_setup(a_fault_in_a_double_fault_is_the_end, setup),
		cmocka_unit_test_setup(a_fault_in_benign_delivery_is_delivered, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
