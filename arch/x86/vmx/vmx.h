/* What the files of arch/x86/vmx/ share: the vendor's part of the VM and of a vCPU. */
#pragma once

#include "arch/x86/virt.h"
#include "arch/x86/vmx/controls.h"
#include "arch/x86/vmx/ept.h"
#include "arch/x86/vmx/vmcs.h"
#include "hv/vcpu.h"

struct vmx_vm {
	uint8_t *msr_bitmap; /* one page for all vCPUs, SDM 3C 24.6.9 */
	struct ept ept[VIEW_COUNT];
};

struct vmx_vcpu {
	void *vmxon_region;
	void *vmcs;
	bool vmx_on;      /* between VMXON and VMXOFF on this core */
	bool vmcs_active; /* between VMPTRLD and VMCLEAR */
	bool launched;
	bool entry_failed;               /* the last VM entry did */
	unsigned broken_rules;           /* of VM entry, that were found before the first one */
	volatile uint32_t proc_controls; /* the field's value; the NMI handler changes it too */
	uint32_t entry_controls;
	uint64_t cr0_mask, cr4_mask; /* bits that plinth owns: guest/host masks */
	struct vmx_capabilities caps;
	struct vmx_controls controls;
};

static inline struct vmx_vcpu *vmx_of(struct vcpu *vcpu)
{
	return vcpu->arch;
}

static inline struct vmx_vm *vmx_vm_of(struct vm *vm)
{
	return vm->arch;
}

void vmx_check(struct requirements *missing);          /* requirements.c */
void vmx_dump(struct vcpu *vcpu);                      /* dump.c */
void vmx_report_failed_entry(struct vcpu *vcpu);       /* dump.c */
unsigned vmx_report_broken_rules(struct vcpu *vcpu);   /* dump.c: how many there are */
const char *vmx_exit_name(unsigned reason);            /* exits.c */
struct vcpu *vmx_handle_exit(struct vcpu *vcpu);       /* exits.c, called by switch.asm */
void vmx_set_nmi_blocking(struct vcpu *vcpu, bool on); /* vmx.c */

/* switch.asm */
enum vmx_launch_result {
	VMX_LAUNCH_VMFAIL = 1,    /* VMLAUNCH itself: the VM-instruction error says why */
	VMX_LAUNCH_ABANDONED = 2, /* the entry, in guest state: its exit's handler has reported */
};
enum vmx_launch_result vmx_launch(struct vcpu *vcpu); /* returns only when it fails */
_Noreturn void vmx_abandon_launch(struct vcpu *vcpu); /* makes it return, from a handler */
void vmx_exit_entry(void);
_Noreturn void vmx_resume_failed(struct vcpu *vcpu); /* vmx.c */
