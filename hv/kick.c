/*
 * A kick is a request in the vCPU and an NMI to its core: NMIs exit from the guest even when it is
 * halted or has interrupts off, and in the host they are noticed before the next entry is over. A
 * core in wait-for-SIPI takes no NMI; it is as good as stopped, and looks for requests when its
 * SIPI comes (exit_sipi()), before it runs one guest instruction.
 */
#include "hv/kick.h"
#include "arch/x86/apic.h"
#include "arch/x86/insn.h"
#include "arch/x86/lock.h"
#include "hv/debug/panic.h"

#define PATIENCE                                                                                   \
	20000000000ull /* TSC ticks to wait for a core: seconds; it should be microseconds */

static struct spinlock pause_lock; /* one initiator at a time */
static volatile bool paused;

static void send(struct vcpu *self, struct vcpu *to, uint32_t requests)
{
	__atomic_fetch_or(&to->kicks, requests, __ATOMIC_SEQ_CST);
	if (to->running && !to->wait_for_sipi &&
	    !__atomic_exchange_n(&to->kick_sent, true, __ATOMIC_SEQ_CST))
		apic_send_nmi(self->index, to->boot->apic_id);
}

static bool is_out_of_guest(const struct vcpu *vcpu)
{
	return !vcpu->running || vcpu->wait_for_sipi || vcpu->waiting;
}

void kick_pause_others(struct vcpu *self)
{
	struct vm *vm = self->vm;

	while (!spin_trylock(&pause_lock)) {
		kick_answer(self); /* the initiator that has the lock waits for us, too */
		cpu_pause();
	}
	__atomic_store_n(&paused, true, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < vm->core_count; i++)
		if (&vm->vcpus[i] != self)
			send(self, &vm->vcpus[i], KICK_PAUSE);
	for (unsigned i = 0; i < vm->core_count; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];
		uint64_t start = rdtsc();

		while (vcpu != self && !is_out_of_guest(vcpu)) {
			if (rdtsc() - start > PATIENCE)
				panic("core %u does not answer", i);
			cpu_pause();
		}
	}
}

void kick_resume_others(struct vcpu *self, uint32_t requests)
{
	struct vm *vm = self->vm;

	for (unsigned i = 0; i < vm->core_count; i++)
		if (&vm->vcpus[i] != self)
			__atomic_fetch_or(&vm->vcpus[i].kicks, requests, __ATOMIC_SEQ_CST);
	__atomic_store_n(&paused, false, __ATOMIC_SEQ_CST);
	/* Whoever waits must be gone before the next pause can begin. */
	for (unsigned i = 0; i < vm->core_count; i++)
		while (vm->vcpus[i].waiting)
			cpu_pause();
	spin_unlock(&pause_lock);
}

void kick_stop_others(struct vcpu *self)
{
	struct vm *vm = self->vm;

	for (unsigned i = 0; i < vm->core_count; i++)
		if (&vm->vcpus[i] != self)
			send(self, &vm->vcpus[i], KICK_STOP);
	for (unsigned i = 0; i < vm->core_count; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];
		uint64_t start = rdtsc();

		while (vcpu != self && !is_out_of_guest(vcpu) && rdtsc() - start < PATIENCE / 100)
			cpu_pause();
	}
}

bool kick_was_nmi(struct vcpu *vcpu)
{
	return __atomic_exchange_n(&vcpu->kick_sent, false, __ATOMIC_SEQ_CST);
}

void kick_answer(struct vcpu *vcpu)
{
	uint32_t requests;

	/* Again after a pause: its end may have brought a request to flush. */
	while ((requests = __atomic_exchange_n(&vcpu->kicks, 0, __ATOMIC_SEQ_CST)) != 0) {
		if (requests & KICK_STOP) {
			vcpu->waiting = true;
			for (;;)
				halt();
		}
		if (requests & KICK_PAUSE) {
			__atomic_store_n(&vcpu->waiting, true, __ATOMIC_SEQ_CST);
			while (__atomic_load_n(&paused, __ATOMIC_SEQ_CST)) {
				if (vcpu->kicks & KICK_STOP)
					break;
				cpu_pause();
			}
			__atomic_store_n(&vcpu->waiting, false, __ATOMIC_SEQ_CST);
		}
		if (requests & KICK_FLUSH)
			vcpu->vm->ops->flush(vcpu);
	}
}
