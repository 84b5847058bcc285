/*
 * arch/x86/vmx/requirements.c on a processor that has just what plinth needs: each thing taken away
 * by itself gives its sentence, with the evidence in it, and no other.
 */
#include "arch/x86/vmx/vmx.h"
#include "hv/preflight.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_log.h"

#include <string.h>

/* Just enough, with default1 bits as processors have them. 0x480 and so on: SDM 3D appendix A. */
static const struct {
	uint32_t msr;
	uint64_t value;
} enough[] = {
	{ 0x3a, 0x5 },                 /* locked, VMX outside SMX */
	{ 0x480, 0x00d8040000000012 }, /* WB, TRUE controls */
	{ 0x481, 0x00000000dead0000 }, /* plain controls are not read */
	{ 0x482, 0x00000000dead0000 },
	{ 0x483, 0x00000000dead0000 },
	{ 0x484, 0x00000000dead0000 },
	{ 0x485, 0x0000000000000100 }, /* wait-for-SIPI */
	{ 0x486, 0x0000000080000021 },
	{ 0x487, 0x00000000ffffffff },
	{ 0x488, 0x0000000000002000 },
	{ 0x489, 0x00000000003727ff },
	{ 0x48b, 0x000000a200000000 }, /* EPT, VPID, unrestricted guest */
	{ 0x48c, 0x0000020106110040 }, /* see ept_rows */
	{ 0x48d, 0x0000003e00000016 },
	{ 0x48e, 0x9c41e1720401e172 & ~0x0001800000018000 },
	{ 0x48f, 0x003f6fff00036dfb },
	{ 0x490, 0x0000f3ff000011fb },
};

static struct boot_info info;

static int setup(UNUSED void **state)
{
	fake_cpu_reset();
	fake_log_reset();
	memset(&info, 0, sizeof(info));
	fake_cpuid_set(1, 0, (struct cpuid){ .ecx = 0x7ffafbbf });
	for (size_t i = 0; i < array_size(enough); i++)
		fake_msr_set(enough[i].msr, enough[i].value);
	return 0;
}

/* What vmx_check() says of core 0, and how many things it is. */
static const char *report(unsigned *count)
{
	struct requirements r = { .info = &info };

	info.report_length = 0;
	info.report[0] = '\0';
	vmx_check(&r);
	if (count)
		*count = r.count;
	for (unsigned i = 0; i < fake_cpu.msr_count; i++)
		assert_int_equal(fake_cpu.msrs[i].writes, 0); /* nothing is changed */
	return info.report;
}

static void expect_report(const char *expected)
{
	assert_string_equal(report(NULL), expected);
}

static void enough_is_enough(UNUSED void **state)
{
	expect_report("");
	fake_msr_set(0x3a, 0); /* not locked: vmx_enable() does both */
	expect_report("");
	fake_msr_set(0x3a, 0xff07);
	expect_report("");
}

/* On a processor without VMX none of the MSRs exists: reading one would fail the test. */
static void without_vmx_nothing_else_is_looked_at(UNUSED void **state)
{
	fake_cpu.msr_count = 0;
	fake_cpuid_set(1, 0, (struct cpuid){ .ecx = 0x7ffafb9f });
	expect_report("core 0: VMX is not supported: CPUID.1:ECX = 0x7ffafb9f has bit 5 clear\n");
}

static void firmware_has_turned_it_off(UNUSED void **state)
{
	static const char text[] =
		"core 0: VMX is turned off: IA32_FEATURE_CONTROL (MSR 0x3a) = %#x is locked (bit 0) "
		"with bit 2 clear; enable virtualisation (VT-x) in the firmware's setup\n";
	char expected[300];

	for (unsigned i = 0; i < 8; i++) {
		fake_msr_set(0x3a, i);
		if (i & 1 && !(i & 4)) {
			snprintf(expected, sizeof(expected), text, i);
			expect_report(expected);
		} else {
			expect_report("");
		}
	}
}

static void the_vmcs_must_be_in_write_back_memory(UNUSED void **state)
{
	fake_msr_set(0x480, 0x00c0040000000012);
	expect_report(
		"core 0: the VMCS cannot be in write-back memory: IA32_VMX_BASIC (MSR 0x480) = "
		"0xc0040000000012, bits 53:50\n");
}

static void wait_for_sipi_must_exist(UNUSED void **state)
{
	fake_msr_set(0x485, 0x00000000000000c5);
	expect_report("core 0: the activity state wait-for-SIPI is not supported: IA32_VMX_MISC "
		      "(MSR 0x485) = 0xc5 has bit 8 clear\n");
}

/* SDM 3D A.3 to A.5: the field, the MSR that tells of it, and the bit's name. */
static const struct {
	uint32_t msr;
	unsigned bit;
	const char *field, *name;
} control_rows[] = {
	{ 0x48d, 3, "pin-based controls", "NMI exiting" },
	{ 0x48d, 5, "pin-based controls", "virtual NMIs" },
	{ 0x48e, 22, "primary processor-based controls", "NMI-window exiting" },
	{ 0x48e, 27, "primary processor-based controls", "monitor trap flag" },
	{ 0x48e, 28, "primary processor-based controls", "use MSR bitmaps" },
	{ 0x48b, 5, "secondary processor-based controls", "enable VPID" },
	{ 0x48b, 7, "secondary processor-based controls", "unrestricted guest" },
	{ 0x48f, 2, "VM-exit controls", "save debug controls" },
	{ 0x48f, 9, "VM-exit controls", "host address-space size" },
	{ 0x48f, 18, "VM-exit controls", "save IA32_PAT" },
	{ 0x48f, 19, "VM-exit controls", "load IA32_PAT" },
	{ 0x48f, 20, "VM-exit controls", "save IA32_EFER" },
	{ 0x48f, 21, "VM-exit controls", "load IA32_EFER" },
	{ 0x490, 2, "VM-entry controls", "load debug controls" },
	{ 0x490, 9, "VM-entry controls", "IA-32e mode guest" },
	{ 0x490, 14, "VM-entry controls", "load IA32_PAT" },
	{ 0x490, 15, "VM-entry controls", "load IA32_EFER" },
};

static void each_control_is_named_with_its_evidence(UNUSED void **state)
{
	for (size_t i = 0; i < array_size(control_rows); i++) {
		char expected[300];
		uint64_t value;

		setup(NULL);
		value = fake_msr(control_rows[i].msr)->value;
		value &= ~(0x100000001ull << control_rows[i].bit);
		fake_msr_set(control_rows[i].msr, value);
		snprintf(expected, sizeof(expected),
			 "core 0: %s: \"%s\" cannot be turned on: MSR %#x = %#llx, bit %u\n",
			 control_rows[i].field, control_rows[i].name, control_rows[i].msr,
			 (unsigned long long)value, control_rows[i].bit + 32);
		expect_report(expected);
	}
}

static void a_control_that_is_forced_is_named(UNUSED void **state)
{
	uint64_t value = fake_msr(0x48e)->value | 0x0001000000010000;

	char expected[300];

	fake_msr_set(0x48e, value);
	snprintf(expected, sizeof(expected),
		 "core 0: primary processor-based controls: \"CR3-store exiting\" cannot be turned "
		 "off: MSR 0x48e = %#llx, bit 16\n",
		 (unsigned long long)value);
	expect_report(expected);
}

/* Without the secondary controls their MSR does not exist, nor that of EPT and VPID. */
static void no_secondary_controls(UNUSED void **state)
{
	unsigned count;
	const char *text;

	fake_msr_set(0x48e, fake_msr(0x48e)->value & ~(1ull << 63));
	*fake_msr(0x48b) = *fake_msr(0x48c) = (struct fake_msr){ .index = 0xffff };
	text = report(&count);
	assert_int_equal(count, 4);
	assert_non_null(
		strstr(text, "\"activate secondary controls\" cannot be turned on: MSR 0x48e"));
	assert_non_null(strstr(text, "\"enable EPT\" cannot be turned on: MSR 0x48b = 0, bit 33"));
	assert_non_null(strstr(text, "\"enable VPID\" cannot be turned on"));
	assert_non_null(strstr(text, "\"unrestricted guest\" cannot be turned on"));
	/* SDM 3D A.10: the MSR is there with EPT or VPID; without both it is not. */
	setup(NULL);
	fake_msr_set(0x48b, 0x0000008000000000);
	*fake_msr(0x48c) = (struct fake_msr){ .index = 0xffff };
	report(&count);
	assert_int_equal(count, 2);
}

static const struct {
	unsigned bit; /* SDM 3D A.10 */
	const char *name;
} ept_rows[] = {
	{ 6, "EPT with 4-level walks" },
	{ 16, "EPT with 2 MiB pages" },
	{ 20, "INVEPT" },
	{ 26, "INVEPT of all contexts" },
	{ 32, "INVVPID" },
	{ 41, "INVVPID of a single context" },
};

static void each_part_of_ept_is_named_with_its_evidence(UNUSED void **state)
{
	for (size_t i = 0; i < array_size(ept_rows); i++) {
		char expected[300];
		uint64_t value = 0x0000020106110040 & ~(1ull << ept_rows[i].bit);

		setup(NULL);
		fake_msr_set(0x48c, value);
		snprintf(
			expected, sizeof(expected),
			"core 0: %s is not supported: IA32_VMX_EPT_VPID_CAP (MSR 0x48c) = %#llx has "
			"bit %u clear\n",
			ept_rows[i].name, (unsigned long long)value, ept_rows[i].bit);
		expect_report(expected);
	}
}

/* Everything at once: all of it is said, not only the first. */
static void everything_is_said(UNUSED void **state)
{
	unsigned count;

	for (size_t i = 0; i < array_size(enough); i++)
		fake_msr_set(enough[i].msr, 0);
	fake_msr_set(0x3a, 1);
	fake_msr_set(0x48b, 2ull << 32);
	fake_msr_set(0x480, 1ull << 55);
	fake_msr_set(0x48e, 1ull << 63);
	report(&count);
	assert_int_equal(count, 1 + 1 + 1 + array_size(control_rows) + array_size(ept_rows));
}

static void reads_the_plain_msrs_of_old_processors(UNUSED void **state)
{
	struct vmx_capabilities c;

	fake_msr_set(0x480, 0x0058040000000012);
	for (uint32_t i = 0; i < 4; i++)
		fake_msr_set(0x481 + i, 0x8000000200000000 + i);
	for (uint32_t i = 0; i < 4; i++)
		fake_msr(0x48d + i)->index = 0xffff; /* do not exist */
	vmx_read_capabilities(&c);
	assert_int_equal(c.pin, 0x8000000200000000);
	assert_int_equal(c.proc, 0x8000000200000001);
	assert_int_equal(c.exit, 0x8000000200000002);
	assert_int_equal(c.entry, 0x8000000200000003);
	assert_int_equal(c.proc2, fake_msr(0x48b)->value);
	assert_int_equal(c.ept_vpid, fake_msr(0x48c)->value);
	assert_int_equal(c.cr0_fixed0, 0x80000021);
	assert_int_equal(c.cr0_fixed1, 0xffffffff);
	assert_int_equal(c.cr4_fixed0, 0x2000);
	assert_int_equal(c.cr4_fixed1, 0x3727ff);
	assert_int_equal(c.misc, 0x100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(enough_is_enough, setup),
		cmocka_unit_test_setup(without_vmx_nothing_else_is_looked_at, setup),
		cmocka_unit_test_setup(firmware_has_turned_it_off, setup),
		cmocka_unit_test_setup(the_vmcs_must_be_in_write_back_memory, setup),
		cmocka_unit_test_setup(wait_for_sipi_must_exist, setup),
		cmocka_unit_test_setup(each_control_is_named_with_its_evidence, setup),
		cmocka_unit_test_setup(a_control_that_is_forced_is_named, setup),
		cmocka_unit_test_setup(no_secondary_controls, setup),
		cmocka_unit_test_setup(each_part_of_ept_is_named_with_its_evidence, setup),
		cmocka_unit_test_setup(everything_is_said, setup),
		cmocka_unit_test_setup(reads_the_plain_msrs_of_old_processors, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
