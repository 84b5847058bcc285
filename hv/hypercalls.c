/*
 * Hypercalls: what software in the guest may ask of plinth, in registers only (hv/hypercall.h).
 * Anything else that the instruction is used for is #UD, as without plinth.
 */
#include "hv/hypercalls.h"
#include "arch/x86/regs.h"
#include "hv/debug/log.h"
#include "hv/event.h"
#include "hv/hypercall.h"
#include "hv/string.h"
#include "hv/vcpu_life.h"

#define NAME_BYTES 24

/* NAME in three registers, as the interface lays it out. */
static void return_name(struct vcpu *vcpu, const char *name, enum gpr a, enum gpr b, enum gpr c)
{
	uint64_t words[3] = { 0 };
	size_t length = strlen(name);

	memcpy(words, name, length < NAME_BYTES ? length : NAME_BYTES);
	vcpu->regs[a] = words[0];
	vcpu->regs[b] = words[1];
	vcpu->regs[c] = words[2];
}

static int64_t status(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	vcpu->regs[RBX] = vm->core_count;
	vcpu->regs[RCX] = vm->info->region_size;
	vcpu->regs[RDX] = rdtsc() - vm->start_tsc;
	vcpu->regs[RSI] = vm->touches;
	vcpu->regs[RDI] = vm->ops->exit_count;
	return 0;
}

static int64_t exits(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	uint64_t core = vcpu->regs[RBX];
	uint64_t reason = vcpu->regs[RCX];

	if (core >= vm->core_count || reason >= vm->ops->exit_count)
		return PLINTH_EINVAL;
	vcpu->regs[RBX] = vm->vcpus[core].exit_counts[reason];
	return_name(vcpu, vm->ops->exit_name((unsigned)reason), RCX, RDX, RSI);
	return 0;
}

static int64_t vendor(struct vcpu *vcpu)
{
	return_name(vcpu, vcpu->vm->ops->name, RBX, RCX, RDX);
	vcpu->regs[RSI] = vcpu->index;
	return 0;
}

static int64_t leave(struct vcpu *vcpu)
{
	if (vcpu->vm->sealed)
		return PLINTH_EPERM;
	vcpu_leave(vcpu);
}

static int64_t seal(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	if (vm->sealed)
		return PLINTH_EPERM;
	vm->sealed = true;
	*(uint64_t *)(KERNEL_BASE + vm->info->gate_entry) = 0;
	if (vm->info->next[0])
		log_info("starting %s", vm->info->next);
	return 0;
}

static const struct {
	int64_t (*call)(struct vcpu *vcpu);
	bool privileged; /* CPL 0 only */
} calls[] = {
	[PLINTH_STATUS] = { status, false }, [PLINTH_EXITS] = { exits, false },
	[PLINTH_VENDOR] = { vendor, false }, [PLINTH_LEAVE] = { leave, true },
	[PLINTH_SEAL] = { seal, true },
};

/* CPL is the DPL of SS (SDM 3C 24.4.1). */
static unsigned cpl_of(struct vcpu *vcpu)
{
	return vcpu->vm->ops->read_segment(vcpu, SEG_SS).access >> 5 & 3;
}

enum exit_action exit_hypercall(struct vcpu *vcpu)
{
	uint64_t number = vcpu->regs[RAX] ^ PLINTH_CALL_MAGIC;

	trace_detail(vcpu->run, 0, vcpu->regs[RAX]);
	if (number >= array_size(calls) || !calls[number].call ||
	    (calls[number].privileged && cpl_of(vcpu) != 0)) {
		inject_ud(vcpu);
		return EXIT_RESUME;
	}
	vcpu->regs[RAX] = (uint64_t)calls[number].call(vcpu);
	return EXIT_ADVANCE;
}
