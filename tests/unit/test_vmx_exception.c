/*
 * arch/x86/vmx/exception.c with hv/exception.c: what an exception that exited leaves in the VMCS is
 * what the next entry accepts. Single steps in the shadow of STI and MOV SS are the difficult ones.
 */
#include "arch/x86/vmx/exits.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "hv/event.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_vendor.h"
#include "tests/unit/fake_vmcs.h"
#include "tests/unit/unit.h"

enum exit_action exit_triple_fault(UNUSED struct vcpu *vcpu)
{
	fail();
	return EXIT_RESUME;
}

enum exit_action exit_nmi(UNUSED struct vcpu *vcpu)
{
	fail();
	return EXIT_RESUME;
}

void vmx_set_nmi_blocking(UNUSED struct vcpu *vcpu, UNUSED bool on)
{
	fail();
}

void inject_exception_error(UNUSED struct vcpu *vcpu, UNUSED enum vector vector,
			    UNUSED uint32_t error_code)
{
	fail();
}

/* Delivery of #DB writes DEBUGCTL and DR7. */
static uint64_t read_reg(UNUSED struct vcpu *vcpu, enum virt_reg reg)
{
	return fake_vmcs_get(reg == REG_DR7 ? GUEST_DR7 : GUEST_DEBUGCTL);
}

static void write_reg(UNUSED struct vcpu *vcpu, enum virt_reg reg, uint64_t value)
{
	assert_true(reg == REG_DR7 || reg == REG_DEBUGCTL);
	fake_vmcs_set(reg == REG_DR7 ? GUEST_DR7 : GUEST_DEBUGCTL, value);
}

struct situation {
	unsigned vector;
	enum event_type type;
	uint32_t blocking;
	uint64_t flags, debugctl, pending;
};

static void strike(const struct situation *s)
{
	static struct virt_ops ops;

	fake_vendor_reset();
	fake_vmcs_reset();
	fake_cpu_reset();
	ops = fake_ops;
	ops.read_reg = read_reg;
	ops.write_reg = write_reg;
	fake_vm.ops = &ops;
	fake_run.exits = 1;

	fake_vmcs_set(EXIT_INTERRUPTION_INFO,
		      INTERRUPTION_VALID | (uint64_t)s->type << 8 | s->vector);
	fake_vmcs_set(EXIT_INTERRUPTION_ERROR_CODE, 0);
	fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, 1);
	fake_vmcs_set(EXIT_QUALIFICATION, s->vector == VECTOR_DB ? DR6_BS : 0);
	fake_vmcs_set(IDT_VECTORING_INFO, 0);
	fake_vmcs_set(GUEST_RIP, 0x1000);
	fake_vmcs_set(GUEST_RFLAGS, RFLAGS_FIXED | s->flags);
	fake_vmcs_set(GUEST_INTERRUPTIBILITY, s->blocking);
	fake_vmcs_set(GUEST_DEBUGCTL, s->debugctl);
	fake_vmcs_set(GUEST_DR7, DR7_RESET);
	fake_vmcs_set(GUEST_PENDING_DEBUG, s->pending);
	assert_int_equal(vmx_exit_exception(&fake_vcpu), EXIT_RESUME);
	expect_injected(s->type, s->vector, false, 0);
}

static void a_single_step_in_a_shadow_is_pending_again(UNUSED void **state)
{
	static const uint32_t blockings[] = { 0, BLOCKING_BY_STI, BLOCKING_BY_MOV_SS,
					      BLOCKING_BY_NMI };
	static const uint64_t flags[] = { 0, RFLAGS_TF };
	static const uint64_t debugctls[] = { 0, DEBUGCTL_BTF };
	static const struct {
		unsigned vector;
		enum event_type type;
	} events[] = {
		{ VECTOR_DB, EVENT_EXCEPTION },
		{ VECTOR_DB, EVENT_PRIVILEGED_SOFTWARE },
		{ VECTOR_UD, EVENT_EXCEPTION },
	};

	for (size_t b = 0; b < array_size(blockings); b++)
		for (size_t f = 0; f < array_size(flags); f++)
			for (size_t d = 0; d < array_size(debugctls); d++)
				for (size_t e = 0; e < array_size(events); e++) {
					const struct situation s = {
						.vector = events[e].vector,
						.type = events[e].type,
						.blocking = blockings[b],
						.flags = flags[f],
						.debugctl = debugctls[d],
					};
					bool shadow =
						s.blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
					bool step;

					strike(&s);
					step = s.vector == VECTOR_DB && shadow && s.flags;
					assert_int_equal(fake_vmcs_get(GUEST_PENDING_DEBUG),
							 step ? PENDING_DEBUG_BS : 0);
				}
}

static void what_the_exit_saved_as_pending_stays(UNUSED void **state)
{
	const struct situation s = {
		.vector = VECTOR_UD,
		.type = EVENT_EXCEPTION,
		.blocking = BLOCKING_BY_MOV_SS,
		.flags = RFLAGS_TF,
		.pending = PENDING_DEBUG_BS | PENDING_DEBUG_ENABLED | 1,
	};

	strike(&s);
	assert_int_equal(fake_vmcs_get(GUEST_PENDING_DEBUG), s.pending);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_single_step_in_a_shadow_is_pending_again),
		cmocka_unit_test(what_the_exit_saved_as_pending_stays),
	};

	return cmocka_run_group_tests_name("vmx_exception", tests, NULL, NULL);
}
