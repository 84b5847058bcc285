/*
 * Exits whose qualification VMX encodes its own way: each handler takes it apart (SDM 3C 27.2.1)
 * and asks hv/ what to do.
 */
#include "arch/x86/vmx/exits.h"
#include "arch/x86/insn.h"
#include "arch/x86/regs.h"
#include "hv/control_registers.h"
#include "hv/debug/log.h"
#include "hv/debug/panic.h"
#include "hv/event.h"
#include "hv/memory.h"

#define ACCESS_RIGHTS_L BIT(13) /* SDM 3C table 24-2 */

bool vmx_in_64bit_mode(struct vcpu *vcpu)
{
	(void)vcpu;
	return vmread64(GUEST_EFER) & EFER_LMA &&
	       vmread32(GUEST_CS_ACCESS_RIGHTS) & ACCESS_RIGHTS_L;
}

/* SDM 3C table 27-3 */
enum cr_access_type {
	CR_MOV_TO = 0,
	CR_MOV_FROM = 1,
	CR_CLTS = 2,
	CR_LMSW = 3,
};

enum exit_action vmx_exit_cr_access(struct vcpu *vcpu)
{
	uint64_t q = vcpu->run->qualification = vmread(EXIT_QUALIFICATION);
	unsigned cr = q & 0xf;
	enum cr_access_type type = q >> 4 & 3;
	enum gpr reg = q >> 8 & 0xf;
	uint64_t value = reg == RSP ? vmread(GUEST_RSP) : vcpu->regs[reg];

	/* The masks make these two the only ones; see write_controls(). */
	if (type != CR_MOV_TO || (cr != 0 && cr != 4))
		panic("impossible control register access: qualification %#lx", q);
	if (!vmx_in_64bit_mode(vcpu))
		value = (uint32_t)value;
	if (cr == 4)
		return write_guest_cr4(vcpu, value);
	if (write_guest_cr0(vcpu, value) == EXIT_RESUME)
		return EXIT_RESUME;
	/* Neither exits nor entries load CD and NW (SDM 3C 26.3.2.1, 27.5.1): do it now. */
	write_cr0((read_cr0() & ~(CR0_CD | CR0_NW)) | (value & (CR0_CD | CR0_NW)));
	return EXIT_ADVANCE;
}

enum exit_action vmx_exit_sipi(struct vcpu *vcpu)
{
	vcpu->run->qualification = vmread(EXIT_QUALIFICATION);
	/* Leaving wait-for-SIPI is ours to do; some processors save another state here. */
	vmwrite32(GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	vmwrite32(GUEST_INTERRUPTIBILITY, 0);
	return exit_sipi(vcpu, (uint8_t)vcpu->run->qualification);
}

enum exit_action vmx_exit_ept_violation(struct vcpu *vcpu)
{
	uint64_t q = vcpu->run->qualification = vmread(EXIT_QUALIFICATION);
	gpa_t gpa = vcpu->run->guest_physical = vmread64(GUEST_PHYSICAL_ADDRESS);
	unsigned access = q & ACCESS_ALL; /* SDM 3C table 27-7, bits 2:0, are enum nested_access */

	vcpu->run->rip = vmread(GUEST_RIP);
	vmx_requeue_vectoring(vcpu);
	/* As for exceptions: an IRET that faults here has unblocked NMIs too early. */
	if (q & INTERRUPTION_NMI_UNBLOCKED && !vcpu->run->vectoring.valid)
		vmx_set_nmi_blocking(vcpu, true);
	if (memory_violation(vcpu, gpa, access) == MEMORY_FATAL)
		panic("EPT violation at guest-physical %#lx, qualification %#lx", gpa, q);
	return EXIT_RESUME;
}

enum exit_action vmx_exit_ept_misconfiguration(struct vcpu *vcpu)
{
	gpa_t gpa = vcpu->run->guest_physical = vmread64(GUEST_PHYSICAL_ADDRESS);
	uint64_t entry = 0;
	unsigned level = 0;

	ept_lookup(&vmx_vm_of(vcpu->vm)->ept[vcpu->decoy ? VIEW_DECOY : VIEW_GUEST], gpa, &entry,
		   &level);
	panic("EPT misconfiguration at guest-physical %#lx: level %u entry %#lx", gpa, level,
	      entry);
}

/*
 * SDM 3C 26.8: the entry did not happen; the exit reason says why. The first one of a core can be
 * undone, and the machine goes on without plinth.
 */
enum exit_action vmx_exit_entry_failed(struct vcpu *vcpu)
{
	uint64_t qualification = vmread(EXIT_QUALIFICATION);

	vmx_of(vcpu)->entry_failed = true;
	if (vcpu->run->exits > 1)
		panic("VM entry failed: %s, qualification %#lx", vmx_exit_name(vcpu->run->reason),
		      (unsigned long)qualification);
	log_error("core %u: VM entry failed: %s, qualification %#lx", vcpu->index,
		  vmx_exit_name(vcpu->run->reason), (unsigned long)qualification);
	vmx_dump(vcpu);
	vmx_abandon_launch(vcpu);
}
