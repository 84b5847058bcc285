/*
 * hv/cpuid.c on a processor where every bit of every leaf tells: what plinth hides, mirrors and
 * adds, and that nothing else changes. The source is part of this program so that each test begins
 * with nothing hidden.
 */
#include "hv/cpuid.c"

#include "tests/unit/fake_vendor.h"
#include "tests/unit/unit.h"

#define ALL_FEATURES 0x3fu

static bool ones; /* every register of every leaf is all-ones, or a pattern of its own */
static uint32_t extended_leaves; /* CPUID.80000000H:EAX, if not 0 */

/* Instead of fake_cpu.c's. */
struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	uint32_t pattern = (leaf * 0x9e3779b1u ^ subleaf * 0x85ebca6bu) | 0x10;

	if (leaf == 0x80000000 && extended_leaves)
		return (struct cpuid){ .eax = extended_leaves };
	if (ones)
		return (struct cpuid){ ~0u, ~0u, ~0u, ~0u };
	return (struct cpuid){ pattern, ~pattern, pattern << 3 | 1, pattern ^ 0x5a5a5a5a };
}

static void start(unsigned features)
{
	fake_vendor_reset();
	memset(&hidden, 0, sizeof(hidden));
	fake_vendor.features = features;
	fake_vendor.segments[SEG_CS].access = 0xa09b; /* 64-bit code */
	fake_vendor.regs[REG_EFER] = 0x500;
	fake_vendor.regs[REG_CR4] = ~0ull;
	cpuid_init(&fake_vm);
}

static int setup(UNUSED void **state)
{
	ones = true;
	start(ALL_FEATURES);
	return 0;
}

/* What the guest is told. Registers other than these four do not change. */
static struct cpuid guest_cpuid(uint32_t leaf, uint32_t subleaf)
{
	uint64_t before[GPR_COUNT];

	for (unsigned i = 0; i < GPR_COUNT; i++)
		fake_vcpu.regs[i] = 0x1111111100000000ull * (i % 15 + 1);
	fake_vcpu.regs[RAX] |= leaf; /* upper halves are ignored */
	fake_vcpu.regs[RCX] |= subleaf;
	memcpy(before, fake_vcpu.regs, sizeof(before));
	assert_int_equal(exit_cpuid(&fake_vcpu), EXIT_ADVANCE);
	for (unsigned i = 0; i < GPR_COUNT; i++)
		if (i == RAX || i == RBX || i == RCX || i == RDX)
			assert_int_equal(fake_vcpu.regs[i] >> 32, 0); /* SDM 2A CPUID */
		else
			assert_int_equal(fake_vcpu.regs[i], before[i]);
	expect_nothing_injected();
	expect_no_state_written();
	assert_int_equal(fake_run.trace[0].detail, (uint64_t)subleaf << 32 | leaf);
	return (struct cpuid){ (uint32_t)fake_vcpu.regs[RAX], (uint32_t)fake_vcpu.regs[RBX],
			       (uint32_t)fake_vcpu.regs[RCX], (uint32_t)fake_vcpu.regs[RDX] };
}

static void expect_leaf(uint32_t leaf, uint32_t subleaf, struct cpuid expected)
{
	struct cpuid r = guest_cpuid(leaf, subleaf);

	if (memcmp(&r, &expected, sizeof(r)) != 0)
		fail_msg("leaf %#x.%u: %#x %#x %#x %#x", leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
}

static void vmx_and_smx_are_hidden(UNUSED void **state)
{
	/* SDM 2A table 3-10: ECX bit 5 is VMX, bit 6 is SMX. */
	expect_leaf(1, 0, (struct cpuid){ ~0u, ~0u, ~0x60u, ~0u });
	expect_leaf(1, 7, (struct cpuid){ ~0u, ~0u, ~0x60u, ~0u }); /* has no subleaves */
}

static void osxsave_and_ospke_mirror_the_guests_cr4(UNUSED void **state)
{
	fake_vendor.regs[REG_CR4] = ~(1ull << 18);
	expect_leaf(1, 0, (struct cpuid){ ~0u, ~0u, ~0x08000060u, ~0u });
	expect_leaf(7, 0, (struct cpuid){ ~0u, ~0u, ~0u, ~0u });
	fake_vendor.regs[REG_CR4] = ~(1ull << 22);
	expect_leaf(1, 0, (struct cpuid){ ~0u, ~0u, ~0x60u, ~0u });
	expect_leaf(7, 0, (struct cpuid){ ~0u, ~0u, ~0x10u, ~0u });
	/* The host's own may differ, in both directions. */
	ones = false;
	fake_vendor.regs[REG_CR4] = 1ull << 18 | 1ull << 22;
	assert_int_equal(guest_cpuid(1, 0).ecx, (cpuid(1, 0).ecx & ~0x60u) | 0x08000000);
	assert_int_equal(guest_cpuid(7, 0).ecx, cpuid(7, 0).ecx | 0x10);
	fake_vendor.regs[REG_CR4] = 0;
	assert_int_equal(guest_cpuid(1, 0).ecx, cpuid(1, 0).ecx & ~0x08000060u);
	assert_int_equal(guest_cpuid(7, 0).ecx, cpuid(7, 0).ecx & ~0x10u);
}

/* Each by itself: the bits of SDM 2A table 3-8 that go when the vendor cannot. */
static void what_the_vendor_cannot_is_hidden(UNUSED void **state)
{
	static const struct {
		enum guest_feature feature;
		uint32_t leaf, subleaf;
		struct cpuid without; /* bits that go */
	} rows[] = {
		{ FEATURE_RDTSCP, 0x80000001, 0, { 0, 0, 0, 1u << 27 } },
		{ FEATURE_INVPCID, 7, 0, { 0, 1u << 10, 0, 0 } },
		{ FEATURE_XSAVES, 0xd, 1, { 1u << 3, 0, 0, 0 } },
		{ FEATURE_WAITPKG, 7, 0, { 0, 0, 1u << 5, 0 } },
		{ FEATURE_PCONFIG, 7, 0, { 0, 0, 0, 1u << 18 } },
		{ FEATURE_PT, 7, 0, { 0, 1u << 25, 0, 0 } },
		{ FEATURE_PT, 0x14, 0, { ~0u, ~0u, ~0u, ~0u } },
		{ FEATURE_PT, 0x14, 1, { ~0u, ~0u, ~0u, ~0u } },
	};
	unsigned tested = 0;

	for (size_t i = 0; i < array_size(rows); i++) {
		struct cpuid w = rows[i].without;

		for (unsigned set = 0; set <= ALL_FEATURES; set++) {
			struct cpuid r;

			start(set);
			r = guest_cpuid(rows[i].leaf, rows[i].subleaf);
			if (set & rows[i].feature) {
				assert_int_equal(r.eax & w.eax, w.eax);
				assert_int_equal(r.ebx & w.ebx, w.ebx);
				assert_int_equal(r.ecx & w.ecx, w.ecx);
				assert_int_equal(r.edx & w.edx, w.edx);
			} else {
				assert_int_equal((r.eax & w.eax) | (r.ebx & w.ebx) |
							 (r.ecx & w.ecx) | (r.edx & w.edx),
						 0);
			}
		}
		tested |= rows[i].feature;
	}
	assert_int_equal(tested, ALL_FEATURES);

	/* All of them at once, and no bit more. */
	start(0);
	expect_leaf(7, 0, (struct cpuid){ ~0u, ~0x02000400u, ~0x20u, ~0x40000u });
	expect_leaf(0xd, 1, (struct cpuid){ ~8u, ~0u, ~0u, ~0u });
	expect_leaf(0x14, 0, (struct cpuid){ 0, 0, 0, 0 });
	expect_leaf(0x80000001, 0, (struct cpuid){ ~0u, ~0u, ~0u, ~0x08000000u });
	/* With none of them in the processor none appears. */
	ones = false;
	start(ALL_FEATURES);
	assert_int_equal(guest_cpuid(7, 0).ebx, cpuid(7, 0).ebx);
	assert_int_equal(guest_cpuid(0xd, 1).eax, cpuid(0xd, 1).eax);
}

/* What the control block of no vendor has a place for yet, whatever the vendor can. */
static void what_plinth_does_not_know_is_hidden(UNUSED void **state)
{
	/* Subleaf 1: EAX bit 17 FRED, bit 27 MSR lists; ECX bit 5 immediate forms of RDMSR, WRMSR.
	 */
	expect_leaf(7, 1, (struct cpuid){ ~0x08020000u, ~0u, ~0x20u, ~0u });
	expect_leaf(7, 2, (struct cpuid){ ~0u, ~0u, ~0u, ~0u });
}

/* SDM 2A table 3-8: "SYSCALL/SYSRET (when in 64-bit mode)" */
static void syscall_is_shown_in_64bit_mode_only(UNUSED void **state)
{
	for (unsigned m = 0; m < 4; m++) {
		uint32_t edx = m == 3 ? ~0u : ~0x800u;

		fake_vendor.regs[REG_EFER] = m & 1 ? 0x500 : 0x100;
		fake_vendor.segments[SEG_CS].access = m & 2 ? 0x209b : 0xc09b;
		ones = true;
		expect_leaf(0x80000001, 0, (struct cpuid){ ~0u, ~0u, ~0u, edx });
	}
}

static void plinth_has_two_leaves(UNUSED void **state)
{
	struct cpuid r = guest_cpuid(0x40000000, 5);

	assert_int_equal(r.eax, 0x40000001);
	assert_memory_equal(&r.ebx, "plin", 4);
	assert_memory_equal(&r.ecx, "thpl", 4);
	assert_memory_equal(&r.edx, "inth", 4);
	fake_vm.core_count = 12;
	expect_leaf(
		0x40000001, 0,
		(struct cpuid){ PLINTH_MAJOR << 16 | PLINTH_MINOR << 8 | PLINTH_PATCH, 12, 0, 0 });
	expect_leaf(0x40000002, 0, (struct cpuid){ ~0u, ~0u, ~0u, ~0u });
	expect_leaf(0x3fffffff, 0, (struct cpuid){ ~0u, ~0u, ~0u, ~0u });
}

/* All leaves up to 0x100 of both ranges, subleaves up to 0x40, with everything hidden that can be.
 */
static void everything_else_is_the_machines(UNUSED void **state)
{
	ones = false;
	start(0);
	for (unsigned range = 0; range < 3; range++)
		for (uint32_t l = 0; l < 0x100; l++)
			for (uint32_t s = 0; s < 0x40; s++) {
				uint32_t leaf =
					(uint32_t[]){ 0, 0x40000000, 0x80000000 }[range] + l;

				if (leaf == 1 || (leaf == 7 && s <= 1) || (leaf == 0xd && s == 1) ||
				    leaf == 0x14 || leaf == 0x40000000 || leaf == 0x40000001 ||
				    leaf == 0x80000001)
					continue;
				expect_leaf(leaf, s, cpuid(leaf, s));
			}
}

/* SDM 2A CPUID, leaf 80000008H; without it there are 36 bits (SDM 3A 4.1.4). */
static void maxphyaddr_has_a_leaf(UNUSED void **state)
{
	ones = false;
	extended_leaves = 0x80000007;
	assert_int_equal(cpuid_maxphyaddr(), 36);
	extended_leaves = 0x80000008;
	assert_int_equal(cpuid_maxphyaddr(), cpuid(0x80000008, 0).eax & 0xff);
	assert_int_not_equal(cpuid_maxphyaddr(), 36);
	extended_leaves = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(vmx_and_smx_are_hidden, setup),
		cmocka_unit_test_setup(osxsave_and_ospke_mirror_the_guests_cr4, setup),
		cmocka_unit_test_setup(what_the_vendor_cannot_is_hidden, setup),
		cmocka_unit_test_setup(what_plinth_does_not_know_is_hidden, setup),
		cmocka_unit_test_setup(syscall_is_shown_in_64bit_mode_only, setup),
		cmocka_unit_test_setup(plinth_has_two_leaves, setup),
		cmocka_unit_test_setup(everything_else_is_the_machines, setup),
		cmocka_unit_test(maxphyaddr_has_a_leaf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
