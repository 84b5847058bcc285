/*
 * hv/kick.c and hv/event.c on cores that are threads: while one core has the others paused, none of
 * them is in the guest; each drops its translations before it goes there again; and the guest gets
 * no NMI that is not its own. An NMI strikes where a thread looks for it: in the guest at any time,
 * in the host whenever it waits.
 */
#include "hv/kick.h"
#include "arch/x86/apic.h"
#include "hv/event.h"
#include "hv/memory.h"
#include "tests/unit/fake_log.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define CORES      4u
#define APIC_ID(i) (10 + 3 * (i)) /* not the index */
#define CHANGES    400u           /* of the nested tables, by each core */
#define NOBODY     (~0u)

static struct vm vm;
static struct vcpu *vcpus; /* [CORES] */
static struct boot_core boot[CORES];

static struct core {
	bool nmi;    /* pending at the processor, which keeps one at most */
	bool window; /* NMI-window exiting */
	unsigned nmis_sent, flushes;
	unsigned injected; /* NMIs that the guest got */
	uint32_t in_guest;
	uint32_t seen; /* generation of the tables that its translations are from */
} cores[CORES];

static uint32_t generation; /* of the tables */
static uint32_t wrongs;     /* found by threads; asserts are for the main one only */
static const char *first_wrong;
static _Thread_local unsigned me;
static uint64_t tsc, tsc_step;
static void (*while_waiting)(void); /* single-threaded tests: what other cores do meanwhile */
static bool threaded;
static jmp_buf halted;

#define load(x)     __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define store(x, v) __atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)

static void expect(bool right, const char *what)
{
	if (right)
		return;
	if (__atomic_fetch_add(&wrongs, 1, __ATOMIC_SEQ_CST) == 0)
		first_wrong = what;
}

/* --- The machine --- */

void apic_send_nmi(unsigned self, uint32_t apic_id)
{
	unsigned to = (apic_id - 10) / 3;

	expect(self == me, "sent in another core's name");
	expect(to < CORES && APIC_ID(to) == apic_id && to != self, "sent to nobody");
	__atomic_fetch_add(&cores[to].nmis_sent, 1, __ATOMIC_SEQ_CST);
	store(cores[to].nmi, true);
}

/* An NMI strikes the host, between two of its instructions. */
static void take_nmi_in_host(void)
{
	if (__atomic_exchange_n(&cores[me].nmi, false, __ATOMIC_SEQ_CST))
		event_nmi_in_host(&vcpus[me]);
}

void cpu_pause(void)
{
	if (while_waiting)
		while_waiting();
	if (!threaded)
		return;
	take_nmi_in_host();
	sched_yield();
}

void halt(void)
{
	if (threaded)
		pthread_exit(NULL);
	longjmp(halted, 1);
}

uint64_t rdtsc(void)
{
	return __atomic_add_fetch(&tsc, tsc_step, __ATOMIC_SEQ_CST);
}

/* --- The vendor --- */

static void flush(struct vcpu *vcpu)
{
	expect(vcpu == &vcpus[me], "flushed on another core");
	store(cores[me].seen, load(generation));
	cores[me].flushes++;
}

static void inject(struct vcpu *vcpu, UNUSED const struct event *event)
{
	cores[vcpu->index].injected++;
}

static void request_nmi_window(struct vcpu *vcpu, bool on)
{
	cores[vcpu->index].window = on;
}

static bool nmi_blocked(UNUSED struct vcpu *vcpu)
{
	return false;
}

static const struct virt_ops ops = {
	.flush = flush,
	.inject = inject,
	.request_nmi_window = request_nmi_window,
	.nmi_blocked = nmi_blocked,
};

void memory_step_done(UNUSED struct vcpu *vcpu)
{
}

static int setup(UNUSED void **state)
{
	fake_log_reset();
	memset(&vm, 0, sizeof(vm));
	free(vcpus);
	vcpus = calloc(CORES, sizeof(*vcpus));
	memset(boot, 0, sizeof(boot));
	memset(cores, 0, sizeof(cores));
	vm.ops = &ops;
	vm.vcpus = vcpus;
	vm.core_count = CORES;
	for (unsigned i = 0; i < CORES; i++) {
		vcpus[i].vm = &vm;
		vcpus[i].index = i;
		vcpus[i].boot = &boot[i];
		vcpus[i].running = true;
		boot[i].apic_id = APIC_ID(i);
	}
	generation = wrongs = 0;
	first_wrong = "";
	me = 0;
	tsc = 0;
	tsc_step = 1;
	while_waiting = NULL;
	threaded = false;
	return 0;
}

static int teardown(UNUSED void **state)
{
	if (wrongs)
		print_error("%u times wrong; first: %s\n", wrongs, first_wrong);
	return wrongs ? -1 : 0;
}

/* --- One core at a time --- */

static void others_wait(void)
{
	for (unsigned i = 0; i < CORES; i++)
		vcpus[i].waiting = i != me && vcpus[i].kicks & KICK_PAUSE;
}

static void others_go_on(void)
{
	for (unsigned i = 0; i < CORES; i++)
		vcpus[i].waiting = false;
}

static void pause_asks_every_other_running_core(UNUSED void **state)
{
	me = 2;
	vcpus[1].running = false;
	vcpus[3].wait_for_sipi = true;
	while_waiting = others_wait;
	kick_pause_others(&vcpus[2]);
	assert_int_equal(cores[0].nmis_sent, 1);
	/* There is nobody to answer; they look for requests before they enter the guest. */
	assert_int_equal(cores[1].nmis_sent, 0);
	assert_int_equal(cores[3].nmis_sent, 0);
	assert_int_equal(cores[2].nmis_sent, 0);
	assert_int_equal(vcpus[0].kicks, KICK_PAUSE);
	assert_int_equal(vcpus[1].kicks, KICK_PAUSE);
	assert_int_equal(vcpus[2].kicks, 0);
	assert_int_equal(vcpus[3].kicks, KICK_PAUSE);

	while_waiting = others_go_on;
	kick_resume_others(&vcpus[2], KICK_FLUSH);
	assert_int_equal(vcpus[0].kicks, KICK_PAUSE | KICK_FLUSH);
	assert_int_equal(vcpus[1].kicks, KICK_PAUSE | KICK_FLUSH);
	assert_int_equal(vcpus[2].kicks, 0);
	assert_int_equal(vcpus[3].kicks, KICK_PAUSE | KICK_FLUSH);
}

static void one_nmi_is_under_way_at_most(UNUSED void **state)
{
	for (unsigned i = 1; i < CORES; i++)
		vcpus[i].waiting = true;
	kick_pause_others(&vcpus[0]);
	while_waiting = others_go_on;
	kick_resume_others(&vcpus[0], 0);
	assert_int_equal(cores[1].nmis_sent, 1);
	for (unsigned i = 1; i < CORES; i++)
		vcpus[i].waiting = true;
	while_waiting = NULL;
	kick_pause_others(&vcpus[0]); /* the first has not arrived yet */
	assert_int_equal(cores[1].nmis_sent, 1);
	assert_true(kick_was_nmi(&vcpus[1]));
	assert_false(kick_was_nmi(&vcpus[1]));
	while_waiting = others_go_on;
	kick_resume_others(&vcpus[0], 0);
	for (unsigned i = 1; i < CORES; i++)
		vcpus[i].waiting = true;
	while_waiting = NULL;
	kick_pause_others(&vcpus[0]);
	assert_int_equal(cores[1].nmis_sent, 2);
	assert_int_equal(cores[2].nmis_sent, 1);
	while_waiting = others_go_on;
	kick_resume_others(&vcpus[0], 0);
}

static void pause_and_hope(void)
{
	kick_pause_others(&vcpus[0]);
}

static void a_core_that_does_not_answer_is_the_end(UNUSED void **state)
{
	vcpus[1].waiting = vcpus[3].waiting = true;
	tsc_step = 1000000000;
	expect_panic(pause_and_hope, "core 2 does not answer");
	assert_in_range(tsc, 20000000000, 30000000000);
	/* The lock is still held: give it back for the tests that follow. */
	while_waiting = others_go_on;
	kick_resume_others(&vcpus[0], 0);
}

static void answers_what_was_asked(UNUSED void **state)
{
	kick_answer(&vcpus[0]);
	assert_int_equal(cores[0].flushes, 0);
	vcpus[0].kicks = KICK_FLUSH;
	kick_answer(&vcpus[0]);
	assert_int_equal(cores[0].flushes, 1);
	assert_int_equal(vcpus[0].kicks, 0);
	/* A pause that is over by now is not waited for. */
	vcpus[0].kicks = KICK_PAUSE;
	kick_answer(&vcpus[0]);
	assert_int_equal(vcpus[0].kicks, 0);
	assert_false(vcpus[0].waiting);
	assert_int_equal(cores[0].flushes, 1);
}

static void a_core_stops_for_good(UNUSED void **state)
{
	vcpus[0].kicks = KICK_STOP | KICK_FLUSH;
	if (setjmp(halted) == 0) {
		kick_answer(&vcpus[0]);
		fail();
	}
	assert_true(vcpus[0].waiting);
	assert_int_equal(cores[0].flushes, 0);
}

static void stopping_takes_a_bounded_time(UNUSED void **state)
{
	vcpus[2].running = false;
	vcpus[3].wait_for_sipi = true;
	tsc_step = 10000000;
	kick_stop_others(&vcpus[0]);
	assert_int_equal(cores[1].nmis_sent, 1);
	assert_int_equal(cores[0].nmis_sent + cores[2].nmis_sent + cores[3].nmis_sent, 0);
	for (unsigned i = 1; i < CORES; i++)
		assert_int_equal(vcpus[i].kicks, KICK_STOP);
	assert_int_equal(vcpus[0].kicks, 0);
	assert_in_range(tsc, 200000000, 400000000);
}

/* --- All at once --- */

static struct rng rngs[CORES];
static unsigned unfinished;
static bool device;          /* sends NMIs to the guest */
static unsigned device_nmis; /* that were not pending at the processor already */

/* Into the guest and out again. A pending window exits before the guest has run. */
static void run_guest(void)
{
	struct core *c = &cores[me];
	unsigned patience = (unsigned)rng_below(&rngs[me], 20);

	take_nmi_in_host();
	while (c->window)
		exit_nmi_window(&vcpus[me]);
	store(c->in_guest, 1);
	for (unsigned i = 0; i < patience || load(c->nmi); i++) {
		if (load(c->seen) != load(generation))
			expect(false, "the guest ran with old translations");
		if (__atomic_exchange_n(&c->nmi, false, __ATOMIC_SEQ_CST)) {
			store(c->in_guest, 0);
			exit_nmi(&vcpus[me]);
			return;
		}
		if (i % 4 == 0)
			sched_yield();
	}
	store(c->in_guest, 0);
}

static uint32_t changing = NOBODY;

static void change_tables(void)
{
	kick_pause_others(&vcpus[me]);
	expect(__atomic_exchange_n(&changing, me, __ATOMIC_SEQ_CST) == NOBODY,
	       "two cores have paused the others");
	__atomic_fetch_add(&generation, 1, __ATOMIC_SEQ_CST);
	for (unsigned look = 0; look < 3; look++) {
		for (unsigned i = 0; i < CORES; i++)
			expect(!load(cores[i].in_guest), "a paused core is in the guest");
		sched_yield();
	}
	flush(&vcpus[me]);
	store(changing, NOBODY);
	kick_resume_others(&vcpus[me], KICK_FLUSH);
}

static void *core_thread(void *index)
{
	me = (unsigned)(uintptr_t)index;
	for (unsigned changes = 0; changes < CHANGES;) {
		run_guest();
		if (rng_below(&rngs[me], 4) == 0) {
			change_tables();
			changes++;
		}
		if (device && !__atomic_exchange_n(&cores[rng_below(&rngs[me], CORES)].nmi, true,
						   __ATOMIC_SEQ_CST))
			__atomic_fetch_add(&device_nmis, 1, __ATOMIC_SEQ_CST);
	}
	/* Until everybody is done this core answers. */
	__atomic_fetch_sub(&unfinished, 1, __ATOMIC_SEQ_CST);
	while (load(unfinished))
		run_guest();
	return NULL;
}

/* The answer is how many NMIs the guest got. */
static unsigned run_cores(void)
{
	pthread_t threads[CORES];
	unsigned sent = 0, injected = 0;

	threaded = true;
	unfinished = CORES;
	tsc_step = 0; /* the machine is slow: nobody's patience ends */
	for (unsigned i = 0; i < CORES; i++)
		rngs[i].state = 0x51ab0 + i;
	for (unsigned i = 0; i < CORES; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, core_thread, (void *)(uintptr_t)i), 0);
	for (unsigned i = 0; i < CORES; i++)
		pthread_join(threads[i], NULL);
	if (wrongs)
		fail_msg("%u times wrong; first: %s", wrongs, first_wrong);
	assert_int_equal(generation, CORES * CHANGES);
	for (unsigned i = 0; i < CORES; i++) {
		sent += cores[i].nmis_sent;
		injected += cores[i].injected;
	}
	assert_true(sent > CHANGES);
	return injected;
}

static void cores_pause_each_other_at_random(UNUSED void **state)
{
	assert_int_equal(run_cores(), 0); /* all NMIs were kicks */
}

/* One that meets a kick at the processor's door is lost, but none appears from nowhere. */
static void and_the_guest_gets_nmis(UNUSED void **state)
{
	unsigned injected;

	device = true;
	device_nmis = 0;
	injected = run_cores();
	device = false;
	assert_in_range(injected, device_nmis / 10, device_nmis);
}

static void *guest_thread(void *index)
{
	me = (unsigned)(uintptr_t)index;
	for (;;)
		run_guest(); /* until halt() */
	return NULL;
}

/* As for a panic, and in the middle of a pause, which never ends then. */
static void stopped_cores_stop(UNUSED void **state)
{
	pthread_t threads[CORES];

	threaded = true;
	tsc_step = 0;
	for (unsigned i = 1; i < CORES; i++) {
		rngs[i].state = 0x570b + i;
		assert_int_equal(
			pthread_create(&threads[i], NULL, guest_thread, (void *)(uintptr_t)i), 0);
	}
	kick_pause_others(&vcpus[0]);
	kick_stop_others(&vcpus[0]);
	for (unsigned i = 1; i < CORES; i++) {
		pthread_join(threads[i], NULL);
		assert_true(vcpus[i].waiting);
	}
	others_go_on();
	kick_resume_others(&vcpus[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pause_asks_every_other_running_core, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_nmi_is_under_way_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(a_core_that_does_not_answer_is_the_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(answers_what_was_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(a_core_stops_for_good, setup, teardown),
		cmocka_unit_test_setup_teardown(stopping_takes_a_bounded_time, setup, teardown),
		cmocka_unit_test_setup_teardown(cores_pause_each_other_at_random, setup, teardown),
		cmocka_unit_test_setup_teardown(and_the_guest_gets_nmis, setup, teardown),
		cmocka_unit_test_setup_teardown(stopped_cores_stop, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
