/* hv/preflight.c: what the report says, to whom, and how often. */
#include "hv/preflight.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_log.h"

#include <string.h>

static struct boot_info info;

/* What the fake vendor finds missing on each core. */
static const char *lacks[4][3];
static unsigned checked;

static void fake_check(struct requirements *missing)
{
	for (unsigned i = 0; i < 3; i++)
		if (lacks[missing->core][i])
			requirement_missing(missing, "%s is missing: bit %u",
					    lacks[missing->core][i], 10 + i);
	checked++;
}

static const struct virt_ops ops = { .check = fake_check };

static int setup(UNUSED void **state)
{
	memset(&info, 0, sizeof(info));
	memset(lacks, 0, sizeof(lacks));
	checked = 0;
	fake_cpu_reset();
	fake_log_reset();
	return 0;
}

static void a_fit_machine_has_no_report(UNUSED void **state)
{
	for (unsigned core = 0; core < 4; core++)
		assert_int_equal(preflight(&info, &ops, core), BOOT_OK);
	assert_string_equal(info.report, "");
	assert_int_equal(info.report_length, 0);
	assert_string_equal(fake_log, "");
	assert_int_equal(checked, 4);
}

static void each_thing_is_a_line_of_log_and_report(UNUSED void **state)
{
	lacks[0][0] = "EPT";
	lacks[0][2] = "VPID";
	assert_int_equal(preflight(&info, &ops, 0), BOOT_UNFIT);
	assert_string_equal(info.report, "core 0: EPT is missing: bit 10\n"
					 "core 0: VPID is missing: bit 12\n");
	assert_int_equal(info.report_length, strlen(info.report));
	assert_string_equal(fake_log, "E: core 0: EPT is missing: bit 10\n"
				      "E: core 0: VPID is missing: bit 12\n");
}

static void what_the_boot_core_lacks_is_said_once(UNUSED void **state)
{
	for (unsigned core = 0; core < 4; core++)
		lacks[core][1] = "EPT";
	for (unsigned core = 0; core < 4; core++)
		assert_int_equal(preflight(&info, &ops, core), BOOT_UNFIT);
	assert_string_equal(info.report, "core 0: EPT is missing: bit 11\n");
	assert_string_equal(fake_log, "E: core 0: EPT is missing: bit 11\n");
}

/* Cores of two kinds in one machine: each that differs from the boot core says all it lacks. */
static void a_core_that_differs_says_so(UNUSED void **state)
{
	lacks[1][0] = "EPT";
	lacks[2][0] = "EPT";
	lacks[2][1] = "VPID";
	assert_int_equal(preflight(&info, &ops, 0), BOOT_OK);
	assert_int_equal(preflight(&info, &ops, 1), BOOT_UNFIT);
	assert_int_equal(preflight(&info, &ops, 2), BOOT_UNFIT);
	assert_int_equal(preflight(&info, &ops, 3), BOOT_OK);
	assert_string_equal(info.report, "core 1: EPT is missing: bit 10\n"
					 "core 2: EPT is missing: bit 10\n"
					 "core 2: VPID is missing: bit 11\n");

	setup(NULL);
	lacks[0][0] = lacks[1][0] = "EPT";
	lacks[1][2] = "VPID";
	assert_int_equal(preflight(&info, &ops, 0), BOOT_UNFIT);
	assert_int_equal(preflight(&info, &ops, 1), BOOT_UNFIT);
	assert_int_equal(preflight(&info, &ops, 2), BOOT_OK); /* a better one is none */
	assert_string_equal(info.report, "core 0: EPT is missing: bit 10\n"
					 "core 1: EPT is missing: bit 10\n"
					 "core 1: VPID is missing: bit 12\n");
}

/* The same number of sentences is not the same. */
static void evidence_makes_a_difference(UNUSED void **state)
{
	lacks[0][0] = "EPT";
	lacks[1][1] = "EPT";
	preflight(&info, &ops, 0);
	preflight(&info, &ops, 1);
	assert_string_equal(info.report, "core 0: EPT is missing: bit 10\n"
					 "core 1: EPT is missing: bit 11\n");
}

static void an_unknown_vendor_is_named(UNUSED void **state)
{
	fake_cpuid_set(0, 0, (struct cpuid){ 0x16, 0x68747541, 0x444d4163, 0x69746e65 });
	assert_int_equal(preflight(&info, NULL, 0), BOOT_UNFIT);
	assert_int_equal(preflight(&info, NULL, 1), BOOT_UNFIT);
	assert_string_equal(
		info.report,
		"core 0: the processor's vendor is not supported: CPUID.0:EBX:EDX:ECX = "
		"\"AuthenticAMD\", plinth needs \"GenuineIntel\" with VMX\n");
}

/* Whole lines or none; the log has what the report has no room for. */
static void a_full_report_stays_whole(UNUSED void **state)
{
	char name[200];
	struct requirements r = { .info = &info, .core = 2 };
	size_t length;

	for (unsigned i = 0; i < 100; i++) {
		fake_log_reset();
		memset(name, 'a' + (int)(i % 26), sizeof(name) - 1);
		name[100 + i % 99] = '\0';
		requirement_missing(&r, "%s", name);
		assert_non_null(strstr(fake_log, name));
		length = strlen(info.report);
		assert_int_equal(length, info.report_length);
		assert_true(length < sizeof(info.report));
		assert_int_equal(info.report[length - 1], '\n');
	}
	assert_int_equal(r.count, 100);
	assert_true(length > sizeof(info.report) - 210);
	assert_int_equal(info.notes_length, 0);
	assert_int_equal(info.notes[0], 0);
}

/* As long as the report's last byte but the NUL allows, to the byte. */
static void the_last_line_fits_exactly(UNUSED void **state)
{
	struct requirements r = { .info = &info };
	static const char line[] = "core 0: x\n";

	info.report_length = sizeof(info.report) - sizeof(line);
	requirement_missing(&r, "x");
	assert_int_equal(info.report_length, sizeof(info.report) - 1);
	assert_string_equal(&info.report[sizeof(info.report) - sizeof(line)], line);

	memset(&info, 0, sizeof(info));
	info.report_length = sizeof(info.report) - sizeof(line) + 1;
	requirement_missing(&r, "x");
	assert_int_equal(info.report_length, sizeof(info.report) - sizeof(line) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_fit_machine_has_no_report, setup),
		cmocka_unit_test_setup(each_thing_is_a_line_of_log_and_report, setup),
		cmocka_unit_test_setup(what_the_boot_core_lacks_is_said_once, setup),
		cmocka_unit_test_setup(a_core_that_differs_says_so, setup),
		cmocka_unit_test_setup(evidence_makes_a_difference, setup),
		cmocka_unit_test_setup(an_unknown_vendor_is_named, setup),
		cmocka_unit_test_setup(a_full_report_stays_whole, setup),
		cmocka_unit_test_setup(the_last_line_fits_exactly, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
