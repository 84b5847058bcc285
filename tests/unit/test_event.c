/*
 * hv/event.c: what is injected, and that an NMI of the guest's is neither lost nor delivered twice,
 * whether it strikes in the guest, in the host, or while the guest blocks NMIs. Kicks are this
 * program's; tests/unit/test_kick.c has the real ones.
 */
#include "hv/event.h"
#include "hv/kick.h"
#include "hv/memory.h"
#include "tests/unit/fake_vendor.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct {
	bool kick_is_sent; /* the next NMI is a kick */
	unsigned answers;
	void (*in_answer)(void); /* what happens while kick_answer() runs */
	void (*in_window)(void); /* just after the window was closed */
	unsigned steps_done;
} fake;

bool kick_was_nmi(struct vcpu *vcpu)
{
	bool was = fake.kick_is_sent;

	assert_ptr_equal(vcpu, &fake_vcpu);
	fake.kick_is_sent = false;
	return was;
}

void kick_answer(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &fake_vcpu);
	fake.answers++;
	if (fake.in_answer)
		fake.in_answer();
}

void memory_step_done(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &fake_vcpu);
	fake.steps_done++;
}

static struct virt_ops ops;

static void request_nmi_window(struct vcpu *vcpu, bool on)
{
	fake_ops.request_nmi_window(vcpu, on);
	if (!on && fake.in_window)
		fake.in_window();
}

static int setup(UNUSED void **state)
{
	fake_vendor_reset();
	memset(&fake, 0, sizeof(fake));
	ops = fake_ops;
	ops.request_nmi_window = request_nmi_window;
	fake_vm.ops = &ops;
	return 0;
}

static unsigned nmis_injected(void)
{
	for (unsigned i = 0; i < fake_vendor.injections; i++) {
		const struct event *e = &fake_vendor.injected[i];

		assert_int_equal(e->type, EVENT_NMI);
		assert_int_equal(e->vector, 2);
		assert_false(e->has_error_code);
	}
	return fake_vendor.injections;
}

/*
 * Enter the guest, which does not block NMIs now, until no window is asked for. The answer is how
 * many NMIs it has got since the last time.
 */
static unsigned enter_guest(void)
{
	unsigned delivered;

	for (unsigned exits = 0; fake_vendor.nmi_window; exits++) {
		assert_true(exits < 4);
		if (fake_vendor.injections)
			break; /* it is in its handler, and blocks NMIs until IRET */
		assert_int_equal(exit_nmi_window(&fake_vcpu), EXIT_RESUME);
	}
	delivered = nmis_injected();
	assert_true(delivered <= 1); /* one entry injects one event */
	fake_vendor.injections = 0;
	return delivered;
}

static void exceptions_are_injected_as_asked(UNUSED void **state)
{
	inject_gp(&fake_vcpu);
	expect_injected(EVENT_EXCEPTION, 13, true, 0);
	fake_vendor.injections = 0;
	inject_ud(&fake_vcpu);
	expect_injected(EVENT_EXCEPTION, 6, false, 0);
	fake_vendor.injections = 0;
	inject_exception_error(&fake_vcpu, VECTOR_PF, 0x15);
	expect_injected(EVENT_EXCEPTION, 14, true, 0x15);
	expect_no_state_written();
}

static void an_nmi_in_the_guest_is_delivered(UNUSED void **state)
{
	assert_int_equal(exit_nmi(&fake_vcpu), EXIT_RESUME);
	assert_int_equal(nmis_injected(), 1);
	assert_int_equal(fake.answers, 0);
	assert_false(fake_vendor.nmi_window);
	assert_int_equal(enter_guest(), 1);
	assert_int_equal(enter_guest(), 0);
}

static void a_kick_in_the_guest_is_not(UNUSED void **state)
{
	fake.kick_is_sent = true;
	assert_int_equal(exit_nmi(&fake_vcpu), EXIT_RESUME);
	assert_int_equal(fake.answers, 1);
	assert_int_equal(enter_guest(), 0);
	/* The next one is the guest's again. */
	exit_nmi(&fake_vcpu);
	assert_int_equal(enter_guest(), 1);
}

static void an_nmi_waits_while_the_guest_blocks_them(UNUSED void **state)
{
	fake_vendor.nmi_blocked = true;
	exit_nmi(&fake_vcpu);
	expect_nothing_injected();
	assert_true(fake_vendor.nmi_window);
	exit_nmi(&fake_vcpu); /* of two that wait the processor keeps one */
	expect_nothing_injected();
	fake_vendor.nmi_blocked = false;
	assert_int_equal(enter_guest(), 1);
	assert_false(fake_vendor.nmi_window);
	assert_int_equal(enter_guest(), 0);
}

static void an_nmi_in_the_host_is_delivered_after(UNUSED void **state)
{
	event_nmi_in_host(&fake_vcpu);
	expect_nothing_injected();
	assert_true(fake_vendor.nmi_window); /* that makes the next entry exit at once */
	assert_int_equal(enter_guest(), 1);
	assert_int_equal(enter_guest(), 0);
}

static void a_kick_in_the_host_makes_an_exit_only(UNUSED void **state)
{
	fake.kick_is_sent = true;
	event_nmi_in_host(&fake_vcpu);
	assert_true(fake_vendor.nmi_window);
	assert_int_equal(enter_guest(), 0);
	assert_int_equal(fake.answers, 1);
	assert_false(fake_vendor.nmi_window);
}

/* A kick and an NMI of the guest's: both do what they are for, in either order. */
static void a_kick_takes_no_nmi_away(UNUSED void **state)
{
	fake.kick_is_sent = true;
	event_nmi_in_host(&fake_vcpu);
	event_nmi_in_host(&fake_vcpu);
	assert_int_equal(enter_guest(), 1);
	assert_int_equal(fake.answers, 1);

	setup(NULL);
	fake_vendor.nmi_blocked = true;
	exit_nmi(&fake_vcpu);
	fake.kick_is_sent = true;
	exit_nmi(&fake_vcpu);
	assert_int_equal(fake.answers, 1);
	fake_vendor.nmi_blocked = false;
	assert_int_equal(enter_guest(), 1);
	assert_int_equal(enter_guest(), 0);
}

static void strike(void)
{
	fake.in_window = NULL;
	fake.in_answer = NULL;
	event_nmi_in_host(&fake_vcpu);
}

/* Just where the handler of the window has closed it: the request must survive. */
static void an_nmi_while_the_window_is_handled(UNUSED void **state)
{
	event_nmi_in_host(&fake_vcpu);
	fake.in_window = strike;
	exit_nmi_window(&fake_vcpu);
	/* The two have become one, or the second waits for the guest's IRET. */
	assert_int_equal(nmis_injected(), 1);
	assert_true(fake_vendor.nmi_window);
	fake_vendor.injections = 0;
	assert_true(enter_guest() <= 1);

	setup(NULL);
	fake_vendor.nmi_window = true; /* for a kick that is over */
	fake.in_window = strike;
	exit_nmi_window(&fake_vcpu);
	assert_int_equal(enter_guest(), 1);

	setup(NULL);
	event_nmi_in_host(&fake_vcpu);
	fake.in_answer = strike;
	exit_nmi_window(&fake_vcpu);
	assert_int_equal(nmis_injected(), 1);
	assert_true(fake_vendor.nmi_window);
	fake_vendor.injections = 0;
	assert_int_equal(enter_guest(), 1); /* the second, which came after the first was taken */
	assert_int_equal(enter_guest(), 0);
}

static void before_there_is_a_vcpu_an_nmi_is_ignored(UNUSED void **state)
{
	event_nmi_in_host(NULL);
	expect_nothing_injected();
}

static void a_single_step_ends_a_touch(UNUSED void **state)
{
	assert_int_equal(exit_single_step(&fake_vcpu), EXIT_RESUME);
	assert_int_equal(fake.steps_done, 1);
	expect_nothing_injected();
	expect_no_state_written();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(exceptions_are_injected_as_asked, setup),
		cmocka_unit_test_setup(an_nmi_in_the_guest_is_delivered, setup),
		cmocka_unit_test_setup(a_kick_in_the_guest_is_not, setup),
		cmocka_unit_test_setup(an_nmi_waits_while_the_guest_blocks_them, setup),
		cmocka_unit_test_setup(an_nmi_in_the_host_is_delivered_after, setup),
		cmocka_unit_test_setup(a_kick_in_the_host_makes_an_exit_only, setup),
		cmocka_unit_test_setup(a_kick_takes_no_nmi_away, setup),
		cmocka_unit_test_setup(an_nmi_while_the_window_is_handled, setup),
		cmocka_unit_test_setup(before_there_is_a_vcpu_an_nmi_is_ignored, setup),
		cmocka_unit_test_setup(a_single_step_ends_a_touch, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
