/*
 * hv/msr.c over fake MSRs: which accesses exit, what the guest is told then, and that a fault is
 * the guest's.
 */
#include "hv/msr.h"
#include "hv/event.h"
#include "hv/memory.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/fake_vendor.h"

#include <string.h>

#define MSRS 0x2000u /* of the low range; nothing of the high range (0xc0000000) is intercepted */

enum {
	READ = 1,
	WRITE = 2
};

static uint8_t intercepted[MSRS];
static unsigned mtrr_writes;
static enum memory_result mtrr_result;
static uint64_t mtrr_value; /* of the MSR when memory_mtrr_written() was called */
static uint32_t mtrr_msr;

void inject_exception_error(struct vcpu *vcpu, enum vector vector, uint32_t error_code)
{
	struct event event = { .valid = true,
			       .vector = (uint8_t)vector,
			       .type = EVENT_EXCEPTION,
			       .has_error_code = true,
			       .error_code = error_code };

	vcpu->vm->ops->inject(vcpu, &event);
}

static void fake_intercept_msr(struct vm *vm, uint32_t msr, bool read, bool write)
{
	assert_ptr_equal(vm, &fake_vm);
	assert_true(msr < MSRS);
	intercepted[msr] |= (uint8_t)((read ? READ : 0) | (write ? WRITE : 0));
}

enum memory_result memory_mtrr_written(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &fake_vcpu);
	mtrr_writes++;
	mtrr_value = fake_msr(mtrr_msr)->value;
	return mtrr_result;
}

static struct virt_ops ops;

static int setup(UNUSED void **state)
{
	fake_vendor_reset();
	fake_cpu_reset();
	fake_log_reset();
	ops = fake_ops;
	ops.intercept_msr = fake_intercept_msr;
	fake_vm.ops = &ops;
	memset(intercepted, 0, sizeof(intercepted));
	mtrr_writes = 0;
	mtrr_result = MEMORY_RESUME;
	return 0;
}

/* SDM 4 table 2-2 and SDM 3A 12.11: what must exit, and nothing else may. */
static unsigned should_exit(uint32_t msr)
{
	switch (msr) {
	case 0x3a: /* IA32_FEATURE_CONTROL */
	case 0x9b: /* IA32_SMM_MONITOR_CTL: exists with VMX or SMX only */
		return READ | WRITE;
	case 0x79:  /* IA32_BIOS_UPDT_TRIG: write-only */
	case 0x250: /* IA32_MTRR_FIX64K_00000 */
	case 0x258:
	case 0x259: /* IA32_MTRR_FIX16K_80000, _A0000 */
	case 0x268:
	case 0x269:
	case 0x26a:
	case 0x26b: /* IA32_MTRR_FIX4K_C0000 ... */
	case 0x26c:
	case 0x26d:
	case 0x26e:
	case 0x26f: /* ... _F8000 */
	case 0x2ff: /* IA32_MTRR_DEF_TYPE */
		return WRITE;
	default:
		if (msr >= 0x200 && msr < 0x240) /* IA32_MTRR_PHYSBASE0, PHYSMASK0, ... */
			return WRITE;
		if (msr >= 0x480 && msr <= 0x493) /* IA32_VMX_BASIC to IA32_VMX_EXIT_CTLS2 */
			return READ | WRITE;
		return 0;
	}
}

static void intercepts_these_and_no_others(UNUSED void **state)
{
	msr_init(&fake_vm);
	for (uint32_t msr = 0; msr < MSRS; msr++)
		if (intercepted[msr] != should_exit(msr))
			fail_msg("MSR %#x: %u, not %u", msr, intercepted[msr], should_exit(msr));
}

/* Upper halves of RCX, RAX and RDX are not the instruction's. */
static enum exit_action read_msr(uint32_t msr)
{
	memset(fake_vcpu.regs, 0x77, sizeof(fake_vcpu.regs));
	fake_vcpu.regs[RCX] = 0x1234567800000000 | msr;
	fake_vendor.injections = 0;
	return exit_rdmsr(&fake_vcpu);
}

static enum exit_action write_msr(uint32_t msr, uint64_t value)
{
	memset(fake_vcpu.regs, 0x77, sizeof(fake_vcpu.regs));
	fake_vcpu.regs[RCX] = 0x1234567800000000 | msr;
	fake_vcpu.regs[RAX] = 0xabcdef0100000000 | (uint32_t)value;
	fake_vcpu.regs[RDX] = 0xabcdef0100000000 | value >> 32;
	fake_vendor.injections = 0;
	mtrr_msr = msr;
	return exit_wrmsr(&fake_vcpu);
}

/* But for those named the general registers are as before. */
static void expect_other_registers_unchanged(bool rax_rdx_too)
{
	for (unsigned i = 0; i < GPR_COUNT; i++)
		if (i != RCX && (rax_rdx_too || (i != RAX && i != RDX)))
			assert_int_equal(fake_vcpu.regs[i], 0x7777777777777777);
	assert_int_equal(fake_vcpu.regs[RCX] >> 32, 0x12345678);
}

static void expect_read(uint32_t msr, uint64_t value)
{
	assert_int_equal(read_msr(msr), EXIT_ADVANCE);
	expect_nothing_injected();
	assert_int_equal(fake_vcpu.regs[RAX], (uint32_t)value);
	assert_int_equal(fake_vcpu.regs[RDX], value >> 32);
	expect_other_registers_unchanged(false);
	expect_no_state_written();
}

static void expect_read_faults(uint32_t msr)
{
	assert_int_equal(read_msr(msr), EXIT_RESUME);
	expect_injected(EVENT_EXCEPTION, 13, true, 0);
	expect_other_registers_unchanged(true);
	expect_no_state_written();
}

static void expect_write_faults(uint32_t msr, uint64_t value)
{
	assert_int_equal(write_msr(msr, value), EXIT_RESUME);
	expect_injected(EVENT_EXCEPTION, 13, true, 0);
	expect_no_state_written();
}

/* SDM 4: bit 0 lock, 1 and 2 VMX, 15:8 SENTER; SGX, LMCE and the rest are the machine's. */
static void feature_control_is_locked_without_vmx(UNUSED void **state)
{
	static const struct {
		uint64_t machine, guest;
	} rows[] = {
		{ 0x0, 0x1 },
		{ 0x1, 0x1 },
		{ 0x5, 0x1 },
		{ 0x7, 0x1 },
		{ 0xff07, 0x1 },
		{ 0x160005, 0x160001 },
		{ 0xffffffffffffffff, 0xffffffffffff00f9 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct fake_msr *m = fake_msr_set(0x3a, rows[i].machine);

		expect_read(0x3a, rows[i].guest);
		expect_write_faults(0x3a, rows[i].machine);
		assert_int_equal(m->writes, 0);
	}
}

static void vmx_msrs_do_not_exist(UNUSED void **state)
{
	for (uint32_t msr = 0x480; msr <= 0x493; msr++) {
		struct fake_msr *m = fake_msr_set(msr, 0x1234);

		expect_read_faults(msr);
		expect_write_faults(msr, 0);
		assert_int_equal(m->reads + m->writes, 0);
	}
	fake_msr_set(0x9b, 1);
	expect_read_faults(0x9b);
	expect_write_faults(0x9b, 1);
	assert_int_equal(fake_msr(0x9b)->writes, 0);
}

/* Nothing is loaded, and the guest reads the revision that it had. */
static void a_microcode_update_has_no_effect(UNUSED void **state)
{
	fake_msr_set(0x79, 0);
	assert_int_equal(write_msr(0x79, 0x12345678), EXIT_ADVANCE);
	expect_nothing_injected();
	assert_int_equal(fake_msr(0x79)->writes, 0);
	assert_int_equal(mtrr_writes, 0);
}

static void a_write_to_an_mtrr_is_followed(UNUSED void **state)
{
	static const uint32_t msrs[] = { 0x200, 0x201, 0x20f, 0x213, 0x23f, 0x250,
					 0x258, 0x259, 0x268, 0x26b, 0x26f, 0x2ff };

	for (size_t i = 0; i < array_size(msrs); i++) {
		uint64_t value = 0x0606060600000000 + i;

		fake_msr_set(msrs[i], 0);
		mtrr_writes = 0;
		assert_int_equal(write_msr(msrs[i], value), EXIT_ADVANCE);
		expect_nothing_injected();
		expect_no_state_written();
		assert_int_equal(fake_msr(msrs[i])->value, value);
		/* After the register has its value: the tables are built from what it says. */
		assert_int_equal(mtrr_writes, 1);
		assert_int_equal(mtrr_value, value);
	}
}

static void an_mtrr_that_faults_is_not_followed(UNUSED void **state)
{
	fake_msr_set(0x201, 5)->read_only = true; /* a reserved bit, say */
	expect_write_faults(0x201, ~0ull);
	expect_write_faults(0x23e, 6); /* has no such pair */
	assert_int_equal(mtrr_writes, 0);
	assert_int_equal(fake_msr(0x201)->value, 5);
}

static void write_def_type(void)
{
	write_msr(0x2ff, 0xc06);
}

static void tables_that_do_not_fit_are_the_end(UNUSED void **state)
{
	fake_msr_set(0x2ff, 0);
	mtrr_result = MEMORY_FATAL;
	expect_panic(write_def_type, "MSR 0x2ff = 0xc06");
}

/* Outside the bitmap's ranges every access exits, and is carried out. */
static void others_are_carried_out(UNUSED void **state)
{
	fake_msr_set(0x40000000, 0xfedcba9876543210);
	fake_msr_set(0xc0002001, 7);
	expect_read(0x40000000, 0xfedcba9876543210);
	assert_int_equal(fake_run.trace[0].detail, 0x40000000);
	assert_int_equal(write_msr(0xc0002001, 0x8000000000000001), EXIT_ADVANCE);
	assert_int_equal(fake_run.trace[0].detail, 0xc0002001);
	assert_int_equal(fake_run.trace[0].rip, 0x8000000000000001);
	expect_nothing_injected();
	assert_int_equal(fake_msr(0xc0002001)->value, 0x8000000000000001);
	assert_int_equal(mtrr_writes, 0);
	expect_no_state_written();
}

static void a_fault_is_the_guests(UNUSED void **state)
{
	expect_read_faults(0x40000001);
	expect_write_faults(0x40000001, 1);
	expect_read_faults(0xffffffff);
	fake_msr_set(0x2000, 3)->read_only = true;
	expect_read(0x2000, 3);
	expect_write_faults(0x2000, 3);
	assert_string_equal(fake_log, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(intercepts_these_and_no_others, setup),
		cmocka_unit_test_setup(feature_control_is_locked_without_vmx, setup),
		cmocka_unit_test_setup(vmx_msrs_do_not_exist, setup),
		cmocka_unit_test_setup(a_microcode_update_has_no_effect, setup),
		cmocka_unit_test_setup(a_write_to_an_mtrr_is_followed, setup),
		cmocka_unit_test_setup(an_mtrr_that_faults_is_not_followed, setup),
		cmocka_unit_test_setup(tables_that_do_not_fit_are_the_end, setup),
		cmocka_unit_test_setup(others_are_carried_out, setup),
		cmocka_unit_test_setup(a_fault_is_the_guests, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
