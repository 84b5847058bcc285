/*
 * hv/hypercalls.c: the interface of hv/hypercall.h, number by number, at every privilege level;
 * what is not in it is #UD, and no register changes but those that it names.
 */
#include "hv/hypercalls.h"
#include "hv/event.h"
#include "hv/hypercall.h"
#include "hv/vcpu_life.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/fake_vendor.h"

#include <string.h>

#define CORES 3u
#define MAGIC 0x706c746800000000ull /* "plth" */

enum {
	STATUS = 0,
	EXITS = 1,
	VENDOR = 2,
	LEAVE = 16,
	SEAL = 17
};

static struct vcpu *vcpus; /* [CORES] */
static struct run_page run;
static struct boot_info info;
static uint64_t gate_entry; /* of the top-level page table */
static struct virt_ops ops;
static jmp_buf left;

void inject_exception(struct vcpu *vcpu, enum vector vector)
{
	struct event event = { .valid = true, .vector = (uint8_t)vector, .type = EVENT_EXCEPTION };

	vcpu->vm->ops->inject(vcpu, &event);
}

_Noreturn void vcpu_leave(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &vcpus[1]);
	longjmp(left, 1);
}

static int setup(UNUSED void **state)
{
	fake_vendor_reset();
	fake_cpu_reset();
	fake_log_reset();
	free(vcpus);
	vcpus = calloc(CORES, sizeof(*vcpus));
	memset(&run, 0, sizeof(run));
	memset(&info, 0, sizeof(info));
	ops = fake_ops;
	fake_vm.ops = &ops;
	fake_vm.info = &info;
	fake_vm.vcpus = vcpus;
	fake_vm.core_count = CORES;
	run.exits = 1;
	for (unsigned i = 0; i < CORES; i++) {
		vcpus[i].vm = &fake_vm;
		vcpus[i].index = i;
		vcpus[i].run = &run;
		for (unsigned r = 0; r < 4; r++)
			vcpus[i].exit_counts[r] = 1000000000000 * (i + 1) + r;
	}
	gate_entry = 0x7f801003;
	info.gate_entry = (uint64_t)(uintptr_t)&gate_entry - KERNEL_BASE;
	info.region_size = 0x16d000;
	fake_cpu.tsc = 5000;
	fake_vm.start_tsc = 2000;
	fake_vm.touches = 77;
	return 0;
}

/* The call from core 1 at CPL, with these in RBX and RCX. */
static enum exit_action call(uint64_t rax, unsigned cpl, uint64_t rbx, uint64_t rcx)
{
	fake_vendor.segments[SEG_SS].access = 0xc093u | cpl << 5;
	/* CPL is SS's DPL (SDM 3C 24.4.1), not CS's: those differ in a conforming segment. */
	fake_vendor.segments[SEG_CS].access = 0xa09fu | (3 - cpl) << 5;
	memset(vcpus[1].regs, 0x33, sizeof(vcpus[1].regs));
	vcpus[1].regs[RAX] = rax;
	vcpus[1].regs[RBX] = rbx;
	vcpus[1].regs[RCX] = rcx;
	fake_vendor.injections = 0;
	return exit_hypercall(&vcpus[1]);
}

/* All but RAX and the registers in CHANGED, a set of 1 << enum gpr, are as call() made them. */
static void expect_unchanged_but(unsigned changed, uint64_t rbx, uint64_t rcx)
{
	for (unsigned i = 0; i < GPR_COUNT; i++) {
		uint64_t before = i == RBX ? rbx : i == RCX ? rcx : 0x3333333333333333;

		if (i != RAX && !(changed & 1u << i))
			assert_int_equal(vcpus[1].regs[i], before);
	}
	expect_no_state_written();
}

static void expect_undefined(uint64_t rax, unsigned cpl)
{
	if (call(rax, cpl, 1, 2) != EXIT_RESUME)
		fail_msg("RAX = %#llx at CPL %u is a call", (unsigned long long)rax, cpl);
	expect_injected(EVENT_EXCEPTION, 6, false, 0);
	assert_int_equal(vcpus[1].regs[RAX], rax);
	expect_unchanged_but(0, 1, 2);
}

static void expect_result(int64_t rax, unsigned changed, uint64_t rbx, uint64_t rcx)
{
	expect_nothing_injected();
	assert_int_equal((int64_t)vcpus[1].regs[RAX], rax);
	expect_unchanged_but(changed, rbx, rcx);
}

/* The 24 bytes of a name in three registers. */
static void expect_name(const char *name, enum gpr a, enum gpr b, enum gpr c)
{
	uint64_t words[3] = { vcpus[1].regs[a], vcpus[1].regs[b], vcpus[1].regs[c] };
	char padded[24] = { 0 };

	memcpy(padded, name, strlen(name));
	assert_memory_equal(words, padded, 24);
}

static bool is_status_call(unsigned n)
{
	return n == STATUS || n == EXITS || n == VENDOR;
}

static void everything_else_is_undefined(UNUSED void **state)
{
	struct rng rng = { .state = 0xca11 };

	for (unsigned cpl = 0; cpl < 4; cpl++) {
		for (unsigned n = 0; n < 0x1000; n++)
			if (!is_status_call(n) && (cpl || (n != LEAVE && n != SEAL)))
				expect_undefined(MAGIC | n, cpl);
		expect_undefined(MAGIC | 0xffffffff, cpl);
		for (unsigned n = 0; n < 32; n++) {
			/* A call of another hypervisor's, or the magic damaged by one bit. */
			expect_undefined(n, cpl);
			for (unsigned bit = 32; bit < 64; bit++)
				expect_undefined((MAGIC | n) ^ 1ull << bit, cpl);
		}
		for (unsigned i = 0; i < 1000; i++) {
			uint64_t rax = rng_next(&rng);

			if (rax >> 32 != MAGIC >> 32)
				expect_undefined(rax, cpl);
		}
	}
	assert_false(fake_vm.sealed);
	assert_int_equal(gate_entry, 0x7f801003);
	assert_string_equal(fake_log, "");
}

static void status_at_any_level(UNUSED void **state)
{
	for (unsigned cpl = 0; cpl < 4; cpl++) {
		assert_int_equal(call(MAGIC | STATUS, cpl, 9, 8), EXIT_ADVANCE);
		expect_result(0, 1 << RBX | 1 << RCX | 1 << RDX | 1 << RSI | 1 << RDI, 9, 8);
		assert_int_equal(vcpus[1].regs[RBX], CORES);
		assert_int_equal(vcpus[1].regs[RCX], 0x16d000);
		assert_int_equal(vcpus[1].regs[RDX], 3000);
		assert_int_equal(vcpus[1].regs[RSI], 77);
		assert_int_equal(vcpus[1].regs[RDI], 4);
		assert_int_equal(run.trace[0].detail, MAGIC | STATUS);
	}
}

static void vendor_at_any_level(UNUSED void **state)
{
	for (unsigned cpl = 0; cpl < 4; cpl++) {
		assert_int_equal(call(MAGIC | VENDOR, cpl, 9, 8), EXIT_ADVANCE);
		expect_result(0, 1 << RBX | 1 << RCX | 1 << RDX | 1 << RSI, 9, 8);
		expect_name("FAKE", RBX, RCX, RDX);
		assert_int_equal(vcpus[1].regs[RSI], 1);
	}
}

static void exits_of_each_core_and_reason(UNUSED void **state)
{
	/* Of a name that is too long as much as fits; an empty one where there is no entry. */
	static const char *const names[] = { "ZERO", "", "ABCDEFGHIJKLMNOPQRSTUVWX",
					     "ABCDEFGHIJKLMNOPQRSTUVWX" };

	for (unsigned cpl = 0; cpl < 4; cpl++)
		for (unsigned core = 0; core < CORES; core++)
			for (unsigned reason = 0; reason < 4; reason++) {
				assert_int_equal(call(MAGIC | EXITS, cpl, core, reason),
						 EXIT_ADVANCE);
				expect_result(0, 1 << RBX | 1 << RCX | 1 << RDX | 1 << RSI, 0, 0);
				assert_int_equal(vcpus[1].regs[RBX],
						 1000000000000 * (core + 1) + reason);
				expect_name(names[reason], RCX, RDX, RSI);
			}
}

static void exits_beyond_the_last_are_invalid(UNUSED void **state)
{
	static const struct {
		uint64_t core, reason;
	} rows[] = {
		{ CORES, 0 },      { 0, 4 },     { CORES, 4 }, { 0x100000000, 0 },
		{ 0, 1ull << 63 }, { ~0ull, 1 }, { 1, ~0ull }, { ~0ull, ~0ull },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		assert_int_equal(call(MAGIC | EXITS, 3, rows[i].core, rows[i].reason),
				 EXIT_ADVANCE);
		expect_result(-1, 0, rows[i].core, rows[i].reason);
	}
}

static void seal_forgets_the_loader_once(UNUSED void **state)
{
	strcpy(info.next, "\\EFI\\linux\\vmlinuz quiet");
	assert_int_equal(call(MAGIC | SEAL, 0, 9, 8), EXIT_ADVANCE);
	expect_result(0, 0, 9, 8);
	assert_true(fake_vm.sealed);
	assert_int_equal(gate_entry, 0);
	assert_string_equal(fake_log, "I: starting \\EFI\\linux\\vmlinuz quiet\n");
	gate_entry = 5;
	assert_int_equal(call(MAGIC | SEAL, 0, 9, 8), EXIT_ADVANCE);
	expect_result(-2, 0, 9, 8);
	assert_int_equal(gate_entry, 5);
	assert_string_equal(fake_log, "I: starting \\EFI\\linux\\vmlinuz quiet\n");
}

static void seal_has_nothing_to_say_without_next(UNUSED void **state)
{
	assert_int_equal(call(MAGIC | SEAL, 0, 9, 8), EXIT_ADVANCE);
	assert_string_equal(fake_log, "");
}

static void leave_before_seal_only(UNUSED void **state)
{
	if (setjmp(left) == 0) {
		call(MAGIC | LEAVE, 0, 9, 8);
		fail();
	}
	fake_vm.sealed = true;
	assert_int_equal(call(MAGIC | LEAVE, 0, 9, 8), EXIT_ADVANCE);
	expect_result(-2, 0, 9, 8);
}

/* The numbers are an interface: programs outside this tree have them compiled in. */
static void the_interface_is_as_documented(UNUSED void **state)
{
	assert_int_equal(PLINTH_CALL(PLINTH_STATUS), MAGIC | STATUS);
	assert_int_equal(PLINTH_CALL(PLINTH_EXITS), MAGIC | EXITS);
	assert_int_equal(PLINTH_CALL(PLINTH_VENDOR), MAGIC | VENDOR);
	assert_int_equal(PLINTH_CALL(PLINTH_LEAVE), MAGIC | LEAVE);
	assert_int_equal(PLINTH_CALL(PLINTH_SEAL), MAGIC | SEAL);
	assert_int_equal(PLINTH_EINVAL, -1);
	assert_int_equal(PLINTH_EPERM, -2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(everything_else_is_undefined, setup),
		cmocka_unit_test_setup(status_at_any_level, setup),
		cmocka_unit_test_setup(vendor_at_any_level, setup),
		cmocka_unit_test_setup(exits_of_each_core_and_reason, setup),
		cmocka_unit_test_setup(exits_beyond_the_last_are_invalid, setup),
		cmocka_unit_test_setup(seal_forgets_the_loader_once, setup),
		cmocka_unit_test_setup(seal_has_nothing_to_say_without_next, setup),
		cmocka_unit_test_setup(leave_before_seal_only, setup),
		cmocka_unit_test(the_interface_is_as_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
