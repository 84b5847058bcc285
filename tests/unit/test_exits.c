/*
 * arch/x86/vmx/exits.c: is every exit that can happen in the exit table, is every other one stopped
 * with a report, and is an instruction left behind as the processor would have left it?
 */
#include "arch/x86/vmx/exits.h"
#include "arch/x86/regs.h"
#include "hv/cpuid.h"
#include "hv/event.h"
#include "hv/hypercalls.h"
#include "hv/instructions.h"
#include "hv/msr.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/fake_vendor.h"
#include "tests/unit/fake_vmcs.h"

#include <string.h>

#define RIP 0xffffffff81001000ull

static const char *handled_by;
static enum exit_action answer;
static bool in_64bit_mode;

#define DEFINE_HANDLER(name)                                                                       \
	enum exit_action name(struct vcpu *vcpu)                                                   \
	{                                                                                          \
		assert_ptr_equal(vcpu, &fake_vcpu);                                                \
		handled_by = #name;                                                                \
		return answer;                                                                     \
	}

DEFINE_HANDLER(vmx_exit_exception)
DEFINE_HANDLER(vmx_exit_sipi)
DEFINE_HANDLER(vmx_exit_cr_access)
DEFINE_HANDLER(vmx_exit_ept_violation)
DEFINE_HANDLER(vmx_exit_ept_misconfiguration)
DEFINE_HANDLER(vmx_exit_entry_failed)
DEFINE_HANDLER(exit_triple_fault)
DEFINE_HANDLER(exit_init)
DEFINE_HANDLER(exit_single_step)
DEFINE_HANDLER(exit_nmi_window)
DEFINE_HANDLER(exit_cpuid)
DEFINE_HANDLER(exit_undefined)
DEFINE_HANDLER(exit_invd)
DEFINE_HANDLER(exit_xsetbv)
DEFINE_HANDLER(exit_hypercall)
DEFINE_HANDLER(exit_rdmsr)
DEFINE_HANDLER(exit_wrmsr)

bool vmx_in_64bit_mode(UNUSED struct vcpu *vcpu)
{
	return in_64bit_mode;
}

static int setup(UNUSED void **state)
{
	fake_vendor_reset();
	fake_vmcs_reset();
	fake_cpu_reset();
	fake_log_reset();
	fake_run.exits = 0;
	fake_vmcs_set(EXIT_QUALIFICATION, 0xabcd);
	handled_by = NULL;
	answer = EXIT_RESUME;
	in_64bit_mode = true;
	return 0;
}

/* --- Every reason of SDM 3D appendix C --- */

enum why {
	NOT_LISTED, /* the manual gives the number no meaning */
	HANDLED,
	CLEAR, /* cannot happen: this control is 0 */
	SMM, /* happens in SMM only, with a dual-monitor treatment that plinth does not activate */
	BITMAP,  /* cannot happen: the bitmap that selects it is written as 0 with the control */
	MISSING, /* can happen, and plinth stops with a report: not done yet */
};

static const struct reason {
	const char *name;
	enum why why;
	const char *handler;
	enum vmx_control_field field; /* CLEAR: which control, by number */
	unsigned bit;
} reasons[] = {
	[0] = { "EXCEPTION_OR_NMI", HANDLED, "vmx_exit_exception", 0, 0 },
	[1] = { "external interrupt", CLEAR, NULL, CONTROL_PIN, 0 },
	[2] = { "TRIPLE_FAULT", HANDLED, "exit_triple_fault", 0, 0 },
	[3] = { "INIT", HANDLED, "exit_init", 0, 0 },
	[4] = { "SIPI", HANDLED, "vmx_exit_sipi", 0, 0 },
	[5] = { "I/O SMI", SMM, NULL, 0, 0 },
	[6] = { "other SMI", SMM, NULL, 0, 0 },
	[7] = { "interrupt window", CLEAR, NULL, CONTROL_PROC, 2 },
	[8] = { "NMI_WINDOW", HANDLED, "exit_nmi_window", 0, 0 },
	[9] = { "task switch", MISSING, NULL, 0, 0 },
	[10] = { "CPUID", HANDLED, "exit_cpuid", 0, 0 },
	[11] = { "GETSEC", HANDLED, "exit_undefined", 0, 0 },
	[12] = { "HLT", CLEAR, NULL, CONTROL_PROC, 7 },
	[13] = { "INVD", HANDLED, "exit_invd", 0, 0 },
	[14] = { "INVLPG", CLEAR, NULL, CONTROL_PROC, 9 },
	[15] = { "RDPMC", CLEAR, NULL, CONTROL_PROC, 11 },
	[16] = { "RDTSC", CLEAR, NULL, CONTROL_PROC, 12 },
	[17] = { "RSM", SMM, NULL, 0, 0 },
	[18] = { "VMCALL", HANDLED, "exit_hypercall", 0, 0 },
	[19] = { "VMCLEAR", HANDLED, "exit_undefined", 0, 0 },
	[20] = { "VMLAUNCH", HANDLED, "exit_undefined", 0, 0 },
	[21] = { "VMPTRLD", HANDLED, "exit_undefined", 0, 0 },
	[22] = { "VMPTRST", HANDLED, "exit_undefined", 0, 0 },
	[23] = { "VMREAD", HANDLED, "exit_undefined", 0, 0 },
	[24] = { "VMRESUME", HANDLED, "exit_undefined", 0, 0 },
	[25] = { "VMWRITE", HANDLED, "exit_undefined", 0, 0 },
	[26] = { "VMXOFF", HANDLED, "exit_undefined", 0, 0 },
	[27] = { "VMXON", HANDLED, "exit_undefined", 0, 0 },
	[28] = { "CR_ACCESS", HANDLED, "vmx_exit_cr_access", 0, 0 },
	[29] = { "MOV DR", CLEAR, NULL, CONTROL_PROC, 23 },
	[30] = { "I/O instruction", CLEAR, NULL, CONTROL_PROC, 24 }, /* and 25, below */
	[31] = { "RDMSR", HANDLED, "exit_rdmsr", 0, 0 },
	[32] = { "WRMSR", HANDLED, "exit_wrmsr", 0, 0 },
	[33] = { "INVALID_GUEST_STATE", HANDLED, "vmx_exit_entry_failed", 0, 0 },
	[34] = { "MSR_LOADING", HANDLED, "vmx_exit_entry_failed", 0, 0 },
	[36] = { "MWAIT", CLEAR, NULL, CONTROL_PROC, 10 },
	[37] = { "MONITOR_TRAP", HANDLED, "exit_single_step", 0, 0 },
	[39] = { "MONITOR", CLEAR, NULL, CONTROL_PROC, 29 },
	[40] = { "PAUSE", CLEAR, NULL, CONTROL_PROC, 30 }, /* and PAUSE-loop exiting, below */
	[41] = { "MACHINE_CHECK", HANDLED, "vmx_exit_entry_failed", 0, 0 },
	[43] = { "TPR below threshold", CLEAR, NULL, CONTROL_PROC, 21 },
	[44] = { "APIC access", CLEAR, NULL, CONTROL_PROC2, 0 },
	[45] = { "virtualized EOI", CLEAR, NULL, CONTROL_PROC2, 9 },
	[46] = { "GDTR or IDTR", CLEAR, NULL, CONTROL_PROC2, 2 },
	[47] = { "LDTR or TR", CLEAR, NULL, CONTROL_PROC2, 2 },
	[48] = { "EPT_VIOLATION", HANDLED, "vmx_exit_ept_violation", 0, 0 },
	[49] = { "EPT_MISCONFIG", HANDLED, "vmx_exit_ept_misconfiguration", 0, 0 },
	[50] = { "INVEPT", HANDLED, "exit_undefined", 0, 0 },
	[51] = { "RDTSCP", CLEAR, NULL, CONTROL_PROC, 12 },
	[52] = { "preemption timer", CLEAR, NULL, CONTROL_PIN, 6 },
	[53] = { "INVVPID", HANDLED, "exit_undefined", 0, 0 },
	[54] = { "WBINVD", CLEAR, NULL, CONTROL_PROC2, 6 },
	[55] = { "XSETBV", HANDLED, "exit_xsetbv", 0, 0 },
	[56] = { "APIC write", CLEAR, NULL, CONTROL_PROC2, 8 },
	[57] = { "RDRAND", CLEAR, NULL, CONTROL_PROC2, 11 },
	[58] = { "INVPCID", CLEAR, NULL, CONTROL_PROC, 9 },
	[59] = { "VMFUNC", CLEAR, NULL, CONTROL_PROC2, 13 },
	[60] = { "ENCLS", CLEAR, NULL, CONTROL_PROC2, 15 },
	[61] = { "RDSEED", CLEAR, NULL, CONTROL_PROC2, 16 },
	[62] = { "page-modification log full", CLEAR, NULL, CONTROL_PROC2, 17 },
	[63] = { "XSAVES", BITMAP, NULL, CONTROL_PROC2, 20 },
	[64] = { "XRSTORS", BITMAP, NULL, CONTROL_PROC2, 20 },
	[65] = { "PCONFIG", BITMAP, NULL, CONTROL_PROC2, 27 },
	[66] = { "sub-page permissions", CLEAR, NULL, CONTROL_PROC2, 23 },
	[67] = { "UMWAIT", CLEAR, NULL, CONTROL_PROC, 12 },
	[68] = { "TPAUSE", CLEAR, NULL, CONTROL_PROC, 12 },
	[69] = { "LOADIWKEY", CLEAR, NULL, CONTROL_PROC, 17 },
	[70] = { "ENCLV", CLEAR, NULL, CONTROL_PROC2, 28 },
	[72] = { "ENQCMD, PASID translation", CLEAR, NULL, CONTROL_PROC2, 21 },
	[73] = { "ENQCMDS, PASID translation", CLEAR, NULL, CONTROL_PROC2, 21 },
	[74] = { "bus lock", CLEAR, NULL, CONTROL_PROC2, 30 },
	[75] = { "instruction timeout", CLEAR, NULL, CONTROL_PROC2, 31 },
	[76] = { "SEAMCALL", HANDLED, "exit_undefined", 0, 0 },
	[77] = { "TDCALL", HANDLED, "exit_undefined", 0, 0 },
	[78] = { "RDMSRLIST", CLEAR, NULL, CONTROL_PROC, 17 },
	[79] = { "WRMSRLIST", CLEAR, NULL, CONTROL_PROC, 17 },
};

#define REASONS (sizeof(reasons) / sizeof(*reasons))

/* What plinth writes on a processor where every control may be 0 and may be 1. */
static struct vmx_controls ablest_controls(void)
{
	uint64_t all = 0xffffffffull << 32;
	struct vmx_capabilities c = {
		.pin = all, .proc = all, .proc2 = all, .exit = all, .entry = all
	};
	struct vmx_controls controls;

	assert_true(vmx_controls_compute(&c, &controls));
	return controls;
}

static void every_reason_has_its_place(UNUSED void **state)
{
	struct vmx_controls controls = ablest_controls();
	unsigned handled = 0;

	for (unsigned i = 0; i < REASONS; i++) {
		const struct reason *r = &reasons[i];
		bool set = controls.value[r->field] >> r->bit & 1;

		assert_int_equal(r->why == HANDLED, vmx_exit_name(i)[0] != '\0');
		switch (r->why) {
		case HANDLED:
			assert_string_equal(vmx_exit_name(i), r->name);
			handled++;
			break;
		case CLEAR:
			if (set)
				fail_msg("reason %u (%s) can happen", i, r->name);
			break;
		case BITMAP: /* test_vmcs.c looks at the bitmaps */
			assert_true(set);
			break;
		case NOT_LISTED:
		case SMM:
		case MISSING:
			break;
		}
	}
	assert_true(handled > 30);
	/* The second control that makes the same exit. */
	assert_false(controls.value[CONTROL_PROC] & 1u << 25);  /* 30: I/O bitmaps */
	assert_false(controls.value[CONTROL_PROC2] & 1u << 10); /* 40: PAUSE-loop exiting */
	assert_false(controls.value[CONTROL_PROC2] & 1u << 4);  /* 44, 56: x2APIC mode */
	assert_false(controls.value[CONTROL_PIN] & 1u << 7);    /* 1: posted interrupts */
}

static void names_end_with_the_table(UNUSED void **state)
{
	assert_int_equal(EXIT_REASON_COUNT, REASONS);
	for (unsigned i = 0; i < 0x10000; i++) {
		const char *name = vmx_exit_name(i);

		assert_non_null(name);
		if (i >= REASONS)
			assert_string_equal(name, "");
		assert_true(strlen(name) <= 24); /* PLINTH_EXITS returns no more */
		for (unsigned j = 0; name[0] && j < i; j++)
			assert_string_not_equal(name, vmx_exit_name(j));
	}
	assert_string_equal(vmx_exit_name(~0u), "");
}

static void each_reason_gets_to_its_handler(UNUSED void **state)
{
	for (unsigned i = 0; i < REASONS; i++) {
		if (reasons[i].why != HANDLED)
			continue;
		setup(NULL);
		fake_cpu.tsc = 1000 * i;
		fake_cpu.tsc_step = 1;
		/* The flags above the basic reason are not part of it (SDM 3C 24.9.1). */
		fake_vmcs_set(EXIT_REASON, (i & 1 ? 0x80000000u : 0x28000000u) | i);
		assert_ptr_equal(vmx_handle_exit(&fake_vcpu), &fake_vcpu);
		assert_string_equal(handled_by, reasons[i].handler);
		for (unsigned j = 0; j < EXIT_REASONS_MAX; j++)
			assert_int_equal(fake_vcpu.exit_counts[j], i == j);
		assert_int_equal(fake_vmcs_all_writes(), 0);
		assert_int_equal(fake_run.exits, 1);
		assert_int_equal(fake_run.reason, i);
		assert_int_equal(fake_run.tsc, 1000 * i + 1);
		assert_int_equal(fake_run.trace[0].reason, i);
		assert_int_equal(fake_run.trace[0].count, 1);
		assert_int_equal(fake_run.trace[0].tsc, 1000 * i + 1);
	}
}

static void handle_exit(void)
{
	vmx_handle_exit(&fake_vcpu);
}

static void any_other_reason_is_the_end(UNUSED void **state)
{
	for (unsigned i = 0; i < 0x10000; i++) {
		char text[80];

		if (i < REASONS && reasons[i].why == HANDLED)
			continue;
		if (i > 300 && i % 997)
			continue;
		setup(NULL);
		fake_vmcs_set(EXIT_REASON, i);
		snprintf(text, sizeof(text), "impossible exit: reason %#x, qualification 0xabcd",
			 i);
		expect_panic(handle_exit, text);
		assert_null(handled_by);
		assert_int_equal(fake_vmcs_all_writes(), 0);
	}
}

static void the_flight_recorder_goes_round(UNUSED void **state)
{
	fake_vmcs_set(EXIT_REASON, EXIT_REASON_CPUID);
	for (unsigned i = 0; i < TRACE_ENTRIES; i++)
		vmx_handle_exit(&fake_vcpu);
	fake_run.trace[0].rip = fake_run.trace[0].detail = 1;
	fake_vmcs_set(EXIT_REASON, EXIT_REASON_RDMSR);
	vmx_handle_exit(&fake_vcpu);
	assert_int_equal(fake_run.exits, TRACE_ENTRIES + 1);
	assert_int_equal(fake_run.trace[0].reason, EXIT_REASON_RDMSR);
	assert_int_equal(fake_run.trace[0].count, TRACE_ENTRIES + 1);
	assert_int_equal(fake_run.trace[0].rip | fake_run.trace[0].detail, 0);
	assert_int_equal(fake_run.trace[1].reason, EXIT_REASON_CPUID);
	assert_int_equal(fake_run.trace[1].count, 2);
	assert_int_equal(fake_vcpu.exit_counts[EXIT_REASON_CPUID], TRACE_ENTRIES);
	assert_int_equal(fake_vcpu.exit_counts[EXIT_REASON_RDMSR], 1);
}

/* --- Behind the instruction --- */

/* A two-byte instruction (CPUID) at RIP that was carried out. */
static void advance(uint64_t rip, uint64_t rflags, uint32_t interruptibility, uint64_t debugctl,
		    uint64_t pending)
{
	fake_vmcs_set(EXIT_REASON, EXIT_REASON_CPUID);
	fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, 2);
	fake_vmcs_set(GUEST_RIP, rip);
	fake_vmcs_set(GUEST_RFLAGS, rflags);
	fake_vmcs_set(GUEST_INTERRUPTIBILITY, interruptibility);
	fake_vmcs_set(GUEST_DEBUGCTL, debugctl);
	fake_vmcs_set(GUEST_PENDING_DEBUG, pending);
	answer = EXIT_ADVANCE;
	vmx_handle_exit(&fake_vcpu);
}

static void leaves_the_instruction_behind(UNUSED void **state)
{
	advance(RIP, 0x202, 0, 0, 0);
	assert_int_equal(fake_vmcs_get(GUEST_RIP), RIP + 2);
	assert_int_equal(fake_vmcs_all_writes(), 1); /* and nothing else, at this price */
}

static void stays_unless_told_to_go(UNUSED void **state)
{
	fake_vmcs_set(EXIT_REASON, EXIT_REASON_CPUID);
	vmx_handle_exit(&fake_vcpu); /* a read of RIP or of the length would fail */
	assert_int_equal(fake_vmcs_all_writes(), 0);
}

static void rip_wraps_at_4_gib_outside_64bit_mode(UNUSED void **state)
{
	in_64bit_mode = false;
	advance(0xfffffffe, 2, 0, 0, 0);
	assert_int_equal(fake_vmcs_get(GUEST_RIP), 0);
	advance(0xfffffffd, 2, 0, 0, 0);
	assert_int_equal(fake_vmcs_get(GUEST_RIP), 0xffffffff);
	in_64bit_mode = true;
	advance(0xfffffffe, 2, 0, 0, 0);
	assert_int_equal(fake_vmcs_get(GUEST_RIP), 0x100000000);
}

/* SDM 3B 17.3.1.1: RF lasts for one instruction. */
static void rf_ends(UNUSED void **state)
{
	advance(RIP, 0x10a97, 0, 0, 0);
	assert_int_equal(fake_vmcs_get(GUEST_RFLAGS), 0xa97);
	assert_int_equal(fake_vmcs_writes(GUEST_PENDING_DEBUG), 0);
}

/* SDM 3B 17.3.1.4: the guest that single-steps gets its #DB behind this instruction too. */
static void a_single_step_is_pending(UNUSED void **state)
{
	advance(RIP, 0x302, 0, 0, 0);
	assert_int_equal(fake_vmcs_get(GUEST_RFLAGS), 0x302); /* delivery clears TF, not we */
	assert_int_equal(fake_vmcs_get(GUEST_PENDING_DEBUG), 0x4000);
	advance(RIP, 0x10302, 0, 0, 0x1001); /* an enabled breakpoint of a MOV SS before it */
	assert_int_equal(fake_vmcs_get(GUEST_RFLAGS), 0x302);
	assert_int_equal(fake_vmcs_get(GUEST_PENDING_DEBUG), 0x5001);
}

static void a_step_to_the_next_branch_is_not(UNUSED void **state)
{
	advance(RIP, 0x302, 0, 2 /* BTF */, 0);
	assert_int_equal(fake_vmcs_get(GUEST_PENDING_DEBUG), 0);
	advance(RIP, 0x302, 0, ~2u, 0);
	assert_int_equal(fake_vmcs_get(GUEST_PENDING_DEBUG), 0x4000);
}

/* SDM 3C table 24-3: STI and MOV SS block for one instruction, NMIs and SMIs until IRET and RSM. */
static void blocking_ends_with_the_instruction(UNUSED void **state)
{
	for (uint32_t blocking = 0; blocking < 0x20; blocking++) {
		setup(NULL);
		advance(RIP, 2, blocking, 0, 0);
		assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), blocking & ~3u);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_reason_has_its_place, setup),
		cmocka_unit_test_setup(names_end_with_the_table, setup),
		cmocka_unit_test_setup(each_reason_gets_to_its_handler, setup),
		cmocka_unit_test_setup(any_other_reason_is_the_end, setup),
		cmocka_unit_test_setup(the_flight_recorder_goes_round, setup),
		cmocka_unit_test_setup(leaves_the_instruction_behind, setup),
		cmocka_unit_test_setup(stays_unless_told_to_go, setup),
		cmocka_unit_test_setup(rip_wraps_at_4_gib_outside_64bit_mode, setup),
		cmocka_unit_test_setup(rf_ends, setup),
		cmocka_unit_test_setup(a_single_step_is_pending, setup),
		cmocka_unit_test_setup(a_step_to_the_next_branch_is_not, setup),
		cmocka_unit_test_setup(blocking_ends_with_the_instruction, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
