/*
 * The exit table: what plinth does for each basic exit reason, and the dispatcher that runs it.
 * A reason without an entry is an impossible exit: a report and a stop, never a guess.
 */
#include "arch/x86/vmx/exits.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "hv/cpuid.h"
#include "hv/debug/panic.h"
#include "hv/event.h"
#include "hv/exit.h"
#include "hv/hypercalls.h"
#include "hv/instructions.h"
#include "hv/msr.h"

struct exit_entry {
	enum exit_action (*handle)(struct vcpu *vcpu);
	const char *name;
};

static const struct exit_entry exit_table[EXIT_REASON_COUNT] = {
	[EXIT_REASON_EXCEPTION_OR_NMI] = { vmx_exit_exception, "EXCEPTION_OR_NMI" },
	[EXIT_REASON_TRIPLE_FAULT] = { exit_triple_fault, "TRIPLE_FAULT" },
	[EXIT_REASON_INIT] = { exit_init, "INIT" },
	[EXIT_REASON_SIPI] = { vmx_exit_sipi, "SIPI" },
	[EXIT_REASON_NMI_WINDOW] = { exit_nmi_window, "NMI_WINDOW" },
	[EXIT_REASON_CPUID] = { exit_cpuid, "CPUID" },
	[EXIT_REASON_GETSEC] = { exit_undefined, "GETSEC" },
	[EXIT_REASON_INVD] = { exit_invd, "INVD" },
	[EXIT_REASON_VMCALL] = { exit_hypercall, "VMCALL" },
	[EXIT_REASON_VMCLEAR] = { exit_undefined, "VMCLEAR" },
	[EXIT_REASON_VMLAUNCH] = { exit_undefined, "VMLAUNCH" },
	[EXIT_REASON_VMPTRLD] = { exit_undefined, "VMPTRLD" },
	[EXIT_REASON_VMPTRST] = { exit_undefined, "VMPTRST" },
	[EXIT_REASON_VMREAD] = { exit_undefined, "VMREAD" },
	[EXIT_REASON_VMRESUME] = { exit_undefined, "VMRESUME" },
	[EXIT_REASON_VMWRITE] = { exit_undefined, "VMWRITE" },
	[EXIT_REASON_VMXOFF] = { exit_undefined, "VMXOFF" },
	[EXIT_REASON_VMXON] = { exit_undefined, "VMXON" },
	[EXIT_REASON_CR_ACCESS] = { vmx_exit_cr_access, "CR_ACCESS" },
	[EXIT_REASON_RDMSR] = { exit_rdmsr, "RDMSR" },
	[EXIT_REASON_WRMSR] = { exit_wrmsr, "WRMSR" },
	[EXIT_REASON_INVALID_GUEST_STATE] = { vmx_exit_entry_failed, "INVALID_GUEST_STATE" },
	[EXIT_REASON_MSR_LOADING] = { vmx_exit_entry_failed, "MSR_LOADING" },
	[EXIT_REASON_MONITOR_TRAP] = { exit_single_step, "MONITOR_TRAP" },
	[EXIT_REASON_MACHINE_CHECK] = { vmx_exit_entry_failed, "MACHINE_CHECK" },
	[EXIT_REASON_EPT_VIOLATION] = { vmx_exit_ept_violation, "EPT_VIOLATION" },
	[EXIT_REASON_EPT_MISCONFIGURATION] = { vmx_exit_ept_misconfiguration, "EPT_MISCONFIG" },
	[EXIT_REASON_INVEPT] = { exit_undefined, "INVEPT" },
	[EXIT_REASON_INVVPID] = { exit_undefined, "INVVPID" },
	[EXIT_REASON_XSETBV] = { exit_xsetbv, "XSETBV" },
	[EXIT_REASON_SEAMCALL] = { exit_undefined, "SEAMCALL" },
	[EXIT_REASON_TDCALL] = { exit_undefined, "TDCALL" },
};

const char *vmx_exit_name(unsigned reason)
{
	if (reason >= EXIT_REASON_COUNT || !exit_table[reason].name)
		return "";
	return exit_table[reason].name;
}

/*
 * The instruction that exited has been carried out: go behind it as the processor would have
 * (SDM 3A 17.3.1.1 for RF, 17.3.1.4 for TF, 3C 24.4.2 for the blocking that ends).
 */
static void advance_rip(struct vcpu *vcpu)
{
	uint64_t rip = vmread(GUEST_RIP) + vmread32(EXIT_INSTRUCTION_LENGTH);
	uint64_t rflags = vmread(GUEST_RFLAGS);
	uint32_t interruptibility = vmread32(GUEST_INTERRUPTIBILITY);

	if (rip >> 32 && !vmx_in_64bit_mode(vcpu))
		rip = (uint32_t)rip;
	vmwrite(GUEST_RIP, rip);
	if (interruptibility & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS))
		vmwrite32(GUEST_INTERRUPTIBILITY,
			  interruptibility & ~(uint32_t)(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS));
	if (!(rflags & (RFLAGS_TF | RFLAGS_RF)))
		return;
	vmwrite(GUEST_RFLAGS, rflags & ~RFLAGS_RF);
	/* With BTF the trap is for branches only, and none of what exits is one. */
	if (rflags & RFLAGS_TF && !(vmread64(GUEST_DEBUGCTL) & DEBUGCTL_BTF))
		vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

struct vcpu *vmx_handle_exit(struct vcpu *vcpu)
{
	struct run_page *run = vcpu->run;
	uint32_t full_reason = vmread32(EXIT_REASON);
	uint32_t reason = EXIT_REASON_BASIC(full_reason);

	run_page_begin(run, reason);
	if (reason >= EXIT_REASON_COUNT || !exit_table[reason].handle)
		panic("impossible exit: reason %#x, qualification %#lx", full_reason,
		      vmread(EXIT_QUALIFICATION));
	vcpu->exit_counts[reason]++;
	if (exit_table[reason].handle(vcpu) == EXIT_ADVANCE)
		advance_rip(vcpu);
	return vcpu;
}
