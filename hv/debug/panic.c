/* The panic report: the other cores are stopped first, so that it stays whole. */
#include "hv/debug/panic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "arch/x86/traps.h"
#include "hv/debug/log.h"
#include "hv/format.h"
#include "hv/kick.h"
#include "hv/main.h"
#include "hv/reset.h"

#define LAST_EXITS 8u

static volatile uint32_t panicking;

static void report_last_exits(const struct vcpu *vcpu)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	const struct run_page *run = vcpu->run;
	uint64_t first = run->exits > LAST_EXITS ? run->exits - LAST_EXITS : 0;

	log_error("  last exits of core %u (%lu in all):", vcpu->index, (unsigned long)run->exits);
	for (uint64_t i = first; i < run->exits; i++) {
		const struct trace_entry *t = &run->trace[i % TRACE_ENTRIES];

		log_error("    #%u TSC %lu %s RIP %#lx detail %#lx", t->count,
			  (unsigned long)t->tsc, ops->exit_name(t->reason), (unsigned long)t->rip,
			  (unsigned long)t->detail);
	}
}

static void report_registers(const uint64_t *regs)
{
	static const char *const names[] = {
		"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
		"R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"
	};

	for (unsigned i = 0; i < GPR_COUNT; i += 4)
		log_error("  %-3s %016lx  %-3s %016lx  %-3s %016lx  %-3s %016lx", names[i],
			  (unsigned long)regs[i], names[i + 1], (unsigned long)regs[i + 1],
			  names[i + 2], (unsigned long)regs[i + 2], names[i + 3],
			  (unsigned long)regs[i + 3]);
}

static _Noreturn void end(const struct vm *vm)
{
	if (vm->info && vm->info->config.fatal == FATAL_RESET) {
		log_error("fatal = reset: resetting the machine");
		reset_machine();
	}
	log_error("fatal = stop: the machine is stopped");
	for (;;)
		halt();
}

/* FRAME is NULL unless a trap brought us here. */
static _Noreturn void report(const char *what, const struct trap_frame *frame)
{
	struct vm *vm = &the_vm;
	struct vcpu *vcpu = NULL;

	if (__atomic_exchange_n(&panicking, 1, __ATOMIC_SEQ_CST))
		for (;;)
			halt(); /* a panic in a panic, or on two cores at once: the first one
				   reports */
	log_panic_mode();
	log_error("PANIC: %s", what);

	/* GS is ours from cpu_enter() on, which is when vCPUs exist. */
	if (rdmsr(IA32_GS_BASE) >> 63)
		vcpu = this_cpu()->vcpu;
	if (vcpu)
		kick_stop_others(vcpu);
	if (frame) {
		log_error("  host registers on core %u:", vcpu ? vcpu->index : 0);
		report_registers(frame->regs);
		log_error("  RIP %016lx  RSP %016lx  RFLAGS %016lx  CR2 %016lx  error code %#lx",
			  (unsigned long)frame->rip, (unsigned long)frame->rsp,
			  (unsigned long)frame->rflags, (unsigned long)read_cr2(),
			  (unsigned long)frame->error_code);
	}
	if (vcpu) {
		log_error("  guest registers on core %u:", vcpu->index);
		report_registers(vcpu->regs);
		vm->ops->dump(vcpu);
	}
	for (unsigned i = 0; vm->vcpus && i < vm->core_count; i++)
		if (vm->vcpus[i].running)
			report_last_exits(&vm->vcpus[i]);
	end(vm);
}

_Noreturn void panic(const char *fmt, ...)
{
	char what[LOG_LINE];
	va_list args;

	va_start(args, fmt);
	format_v(what, sizeof(what), fmt, args);
	va_end(args);
	report(what, NULL);
}

_Noreturn void panic_trap(const struct trap_frame *frame)
{
	char what[LOG_LINE];

	format(what, sizeof(what), "unexpected trap: vector %lu at RIP %#lx",
	       (unsigned long)frame->vector, (unsigned long)frame->rip);
	report(what, frame);
}
