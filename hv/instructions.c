/* Instructions that exit and are carried out, or refused, in a few lines. */
#include "hv/instructions.h"
#include "arch/x86/insn.h"
#include "hv/event.h"

enum exit_action exit_undefined(struct vcpu *vcpu)
{
	inject_ud(vcpu);
	return EXIT_RESUME;
}

/*
 * INVD drops modified lines, ours among them. Writing them back first is one of the behaviours that
 * the instruction allows: any line may have been written back before it.
 */
enum exit_action exit_invd(struct vcpu *vcpu)
{
	(void)vcpu;
	wbinvd();
	return EXIT_ADVANCE;
}

/* The host runs with the guest's XCR0: the processor checks the value (SDM 2D XSETBV). */
enum exit_action exit_xsetbv(struct vcpu *vcpu)
{
	uint32_t index = (uint32_t)vcpu->regs[RCX];
	uint64_t value = vcpu->regs[RDX] << 32 | (uint32_t)vcpu->regs[RAX];

	trace_detail(vcpu->run, 0, value);
	if (!xsetbv_safe(index, value)) {
		inject_gp(vcpu);
		return EXIT_RESUME;
	}
	return EXIT_ADVANCE;
}
