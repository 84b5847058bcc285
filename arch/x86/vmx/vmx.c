/*
 * Intel VMX behind the vendor contract: turning it on, the VMCS's life (VMCLEAR, VMPTRLD, fill,
 * launch once, resume thereafter), and access to guest state. What happens on an exit is in
 * exits.c; what plinth demands of the processor is in requirements.c and controls.c.
 */
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "hv/debug/log.h"
#include "hv/debug/panic.h"
#include "hv/heap.h"
#include "hv/string.h"

#define VPID_OF_VCPU(vcpu) ((uint16_t)((vcpu)->index + 1)) /* 0 is the host's, SDM 3C 28.1 */

static void invept_all(void)
{
	if (!invept(INVEPT_ALL_CONTEXTS, 0))
		panic("INVEPT failed");
}

static void invvpid_single(uint16_t vpid)
{
	if (!invvpid(INVVPID_SINGLE_CONTEXT, vpid))
		panic("INVVPID failed");
}

static void *alloc_vmx_region(uint64_t basic)
{
	uint32_t *region = page_alloc();

	if (region)
		*region = VMX_BASIC_REVISION(basic); /* SDM 3C 24.2, bit 31 clear */
	return region;
}

/* SDM 3C 23.7: FEATURE_CONTROL, CR4.VMXE and the fixed bits, then VMXON. */
static int vmx_enable(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vcpu->arch;
	uint64_t feature_control = rdmsr(IA32_FEATURE_CONTROL);

	if (!vmx) {
		vmx = vcpu->arch = pages_alloc(align_up(sizeof(*vmx), PAGE_SIZE) / PAGE_SIZE);
		if (!vmx)
			return -1;
		vmx_read_capabilities(&vmx->caps);
		if (!vmx_controls_compute(&vmx->caps, &vmx->controls))
			return -1;
		vmx->vmxon_region = alloc_vmx_region(vmx->caps.basic);
		vmx->vmcs = alloc_vmx_region(vmx->caps.basic);
		if (!vmx->vmxon_region || !vmx->vmcs)
			return -1;
	}
	if (!(feature_control & FEATURE_CONTROL_LOCK))
		wrmsr(IA32_FEATURE_CONTROL,
		      feature_control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX_OUTSIDE_SMX);

	write_cr0((read_cr0() | vmx->caps.cr0_fixed0) & vmx->caps.cr0_fixed1);
	write_cr4((read_cr4() | vmx->caps.cr4_fixed0 | CR4_VMXE) & vmx->caps.cr4_fixed1);
	if (!vmxon(virt_to_phys(vmx->vmxon_region)))
		return -1;
	vmx->vmx_on = true;
	/* What an earlier owner of VMX left in the caches is not ours to use. */
	invept_all();
	return 0;
}

static void vmx_disable(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (!vmx || !vmx->vmx_on)
		return;
	vmxoff();
	vmx->vmx_on = false;
	write_cr4(read_cr4() & ~CR4_VMXE);
}

static int vmx_vm_create(struct vm *vm)
{
	struct vmx_vm *vmx = page_alloc();
	uint64_t capability = rdmsr(IA32_VMX_EPT_VPID_CAP);

	if (!vmx)
		return -1;
	vm->arch = vmx;
	vmx->msr_bitmap = page_alloc();
	if (!vmx->msr_bitmap)
		return -1;
	for (unsigned view = 0; view < VIEW_COUNT; view++) {
		if (ept_init(&vmx->ept[view], capability))
			return -1;
		/* Four levels reach 48 bits of address. */
		if (vm->maxphyaddr > 48 && capability & EPT_CAP_WALK_5)
			vmx->ept[view].levels = 5;
	}
	return 0;
}

static unsigned vmx_guest_features(void)
{
	struct vmx_capabilities c;
	struct vmx_controls controls;
	uint32_t proc2;
	unsigned can = 0;

	vmx_read_capabilities(&c);
	vmx_controls_compute(&c, &controls);
	proc2 = controls.value[CONTROL_PROC2];
	if (proc2 & PROC2_RDTSCP)
		can |= FEATURE_RDTSCP;
	if (proc2 & PROC2_INVPCID)
		can |= FEATURE_INVPCID;
	if (proc2 & PROC2_XSAVES)
		can |= FEATURE_XSAVES;
	if (proc2 & PROC2_USER_WAIT_PAUSE)
		can |= FEATURE_WAITPKG;
	if (proc2 & PROC2_PCONFIG)
		can |= FEATURE_PCONFIG;
	if (c.misc & VMX_MISC_PT_IN_VMX)
		can |= FEATURE_PT;
	return can;
}

/*
 * State and who switches it:
 * - by the VMCS, both ways: CR0, CR3, CR4, RSP, RIP, RFLAGS, segments, GDTR, IDTR, FS and GS base,
 *   SYSENTER MSRs, DR7, DEBUGCTL, PAT, EFER;
 * - by switch.asm: the other general registers;
 * - by nobody, since plinth has no use for it and the guest's stays in place: CR2 (a page fault of
 *   the host is the end), DR0 to DR3, DR6, x87, SSE and AVX state (the host is compiled without),
 *   XCR0, XSS, KERNEL_GS_BASE, STAR to FMASK, TSC_AUX, PKRU and CET state (both off in the host's
 *   CR4), PERF_GLOBAL_CTRL (the guest's counters count plinth, too), SPEC_CTRL, MTRRs, CR8.
 *
 * Host state, SDM 3C 24.5. The host's CR4 has no feature that it does not use; OSXSAVE is for
 * XSETBV on the guest's behalf.
 */
static void write_host_state(struct vcpu *vcpu)
{
	struct cpu *cpu = vcpu->cpu;
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	uint64_t cr4 = (read_cr4() & (CR4_PAE | CR4_LA57)) | CR4_VMXE | CR4_MCE;

	if (cpuid(1, 0).ecx & CPUID_1_ECX_XSAVE)
		cr4 |= CR4_OSXSAVE;
	if (cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx & CPUID_7_EBX_SMEP)
		cr4 |= CR4_SMEP;

	vmwrite(HOST_CR0, ((read_cr0() & ~(CR0_TS | CR0_EM)) | CR0_WP | vmx->caps.cr0_fixed0) &
				  vmx->caps.cr0_fixed1);
	vmwrite(HOST_CR3, read_cr3());
	vmwrite(HOST_CR4, (cr4 | vmx->caps.cr4_fixed0) & vmx->caps.cr4_fixed1);
	vmwrite16(HOST_CS_SELECTOR, HOST_CS);
	vmwrite16(HOST_SS_SELECTOR, HOST_DS);
	vmwrite16(HOST_DS_SELECTOR, HOST_DS);
	vmwrite16(HOST_ES_SELECTOR, HOST_DS);
	vmwrite16(HOST_FS_SELECTOR, 0);
	vmwrite16(HOST_GS_SELECTOR, 0);
	vmwrite16(HOST_TR_SELECTOR, HOST_TR);
	vmwrite(HOST_FS_BASE, 0);
	vmwrite(HOST_GS_BASE, (uint64_t)cpu);
	vmwrite(HOST_TR_BASE, (uint64_t)&cpu->tss);
	vmwrite(HOST_GDTR_BASE, (uint64_t)cpu->gdt);
	vmwrite(HOST_IDTR_BASE, idt_base());
	vmwrite32(HOST_SYSENTER_CS, 0);
	vmwrite(HOST_SYSENTER_ESP, 0);
	vmwrite(HOST_SYSENTER_EIP, 0);
	vmwrite64(HOST_EFER, EFER_LME | EFER_LMA | (rdmsr(IA32_EFER) & EFER_NXE));
	vmwrite64(HOST_PAT, PAT_RESET);
	vmwrite(HOST_RSP, (uint64_t)&vcpu->regs[GPR_COUNT]);
	vmwrite(HOST_RIP, (uint64_t)vmx_exit_entry);
}

static void write_controls(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	struct vmx_vm *vm = vmx_vm_of(vcpu->vm);
	const uint32_t *value = vmx->controls.value;

	vmx->proc_controls = value[CONTROL_PROC];
	vmx->entry_controls = value[CONTROL_ENTRY];
	vmwrite32(PIN_CONTROLS, value[CONTROL_PIN]);
	vmwrite32(PROC_CONTROLS, vmx->proc_controls);
	vmwrite32(PROC_CONTROLS2, value[CONTROL_PROC2]);
	vmwrite32(EXIT_CONTROLS, value[CONTROL_EXIT]);
	vmwrite32(ENTRY_CONTROLS, vmx->entry_controls);
	vmwrite32(CR3_TARGET_COUNT, 0);
	vmwrite32(EXIT_MSR_STORE_COUNT, 0);
	vmwrite32(EXIT_MSR_LOAD_COUNT, 0);
	vmwrite32(ENTRY_MSR_LOAD_COUNT, 0);
	vmwrite32(ENTRY_INTERRUPTION_INFO, 0);
	vmwrite64(MSR_BITMAP, virt_to_phys(vm->msr_bitmap));
	vmwrite64(EPT_POINTER, ept_pointer(&vm->ept[VIEW_GUEST]));
	vmwrite16(VPID, VPID_OF_VCPU(vcpu));
	vmwrite64(VMCS_LINK_POINTER, ~0ull); /* SDM 3C 24.4.2: no shadow VMCS */
	if (value[CONTROL_PROC2] & PROC2_XSAVES)
		vmwrite64(XSS_EXITING_BITMAP, 0);
	if (value[CONTROL_PROC2] & PROC2_PCONFIG)
		vmwrite64(PCONFIG_EXITING_BITMAP, 0);

	/*
	 * plinth owns the bits that VMX fixes and the guest could want otherwise, those the
	 * processor lacks, and those of features it does not show. PE and PG are the guest's, as an
	 * unrestricted guest's are not fixed (SDM 3C 26.3.1.1).
	 */
	vmx->cr0_mask = (vmx->caps.cr0_fixed0 & ~(CR0_PE | CR0_PG)) | ~vmx->caps.cr0_fixed1;
	vmx->cr4_mask =
		vmx->caps.cr4_fixed0 | ~vmx->caps.cr4_fixed1 | CR4_VMXE | CR4_SMXE | CR4_FRED;
	vmwrite(CR0_GUEST_HOST_MASK, vmx->cr0_mask);
	vmwrite(CR4_GUEST_HOST_MASK, vmx->cr4_mask);
}

static int vmx_vcpu_create(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (!vmclear(virt_to_phys(vmx->vmcs)) || !vmptrld(virt_to_phys(vmx->vmcs)))
		return -1;
	vmx->vmcs_active = true;
	vmx->launched = false;
	write_host_state(vcpu);
	write_controls(vcpu);
	return 0;
}

/* What only VMX has of a vCPU's reset; the architectural state is written by hv/vcpu.c. */
static void vmx_vcpu_reset(struct vcpu *vcpu, bool init_event)
{
	bool boot_core = rdmsr(IA32_APIC_BASE) & APIC_BASE_BSP;
	bool wait = init_event && !boot_core; /* SDM 3A 8.4.3 */

	vmwrite32(GUEST_ACTIVITY_STATE, wait ? ACTIVITY_WAIT_FOR_SIPI : ACTIVITY_ACTIVE);
	vmwrite32(GUEST_INTERRUPTIBILITY, 0);
	vmwrite32(ENTRY_INTERRUPTION_INFO, 0);
	vmwrite32(GUEST_SMBASE, 0);
	invvpid_single(VPID_OF_VCPU(vcpu));
#ifdef PLINTH_DEBUG
	vmx_of(vcpu)->broken_rules += vmx_report_broken_rules(vcpu);
	if (vcpu->running && vmx_of(vcpu)->broken_rules)
		panic("core %u: its state after INIT breaks rules of VM entry", vcpu->index);
#endif
}

static void vmx_vcpu_run(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	enum vmx_launch_result result;

	/* Hardware would refuse; an emulator might not, and then it would not be known. */
	vmx->broken_rules += vmx_report_broken_rules(vcpu);
	if (vmx->broken_rules)
		return;
	vmx->launched = true;
	result = vmx_launch(vcpu);
	vmx->launched = false;
	if (result == VMX_LAUNCH_VMFAIL) {
		log_error("core %u: VMLAUNCH failed: %s", vcpu->index,
			  vmx_instruction_error(vmread32(INSTRUCTION_ERROR)));
		vmx_report_failed_entry(vcpu);
	}
}

void vmx_resume_failed(struct vcpu *vcpu)
{
	vmx_of(vcpu)->entry_failed = true;
	panic("core %u: VMRESUME failed: %s", vcpu->index,
	      vmx_instruction_error(vmread32(INSTRUCTION_ERROR)));
}

static void vmx_vcpu_destroy(struct vcpu *vcpu)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (!vmx || !vmx->vmcs_active)
		return;
	vmclear(virt_to_phys(vmx->vmcs));
	vmx->vmcs_active = false;
}

static const enum vmcs_field plain_fields[VIRT_REG_COUNT] = {
	[REG_RIP] = GUEST_RIP,
	[REG_RSP] = GUEST_RSP,
	[REG_RFLAGS] = GUEST_RFLAGS,
	[REG_CR0] = GUEST_CR0,
	[REG_CR3] = GUEST_CR3,
	[REG_CR4] = GUEST_CR4,
	[REG_DR7] = GUEST_DR7,
	[REG_EFER] = GUEST_EFER,
	[REG_PAT] = GUEST_PAT,
	[REG_DEBUGCTL] = GUEST_DEBUGCTL,
	[REG_SYSENTER_CS] = GUEST_SYSENTER_CS,
	[REG_SYSENTER_ESP] = GUEST_SYSENTER_ESP,
	[REG_SYSENTER_EIP] = GUEST_SYSENTER_EIP,
	[REG_PENDING_DEBUG] = GUEST_PENDING_DEBUG,
};

static uint64_t vmx_read_reg(struct vcpu *vcpu, enum virt_reg reg)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);
	uint64_t value = vmread_from(plain_fields[reg], __func__);

	if (reg == REG_CR0)
		value = (value & ~vmx->cr0_mask) | (vmread(CR0_READ_SHADOW) & vmx->cr0_mask);
	else if (reg == REG_CR4)
		value = (value & ~vmx->cr4_mask) | (vmread(CR4_READ_SHADOW) & vmx->cr4_mask);
	return value;
}

static void vmx_write_reg(struct vcpu *vcpu, enum virt_reg reg, uint64_t value)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (reg == REG_CR0) {
		vmwrite(CR0_READ_SHADOW, value);
		value |= vmx->caps.cr0_fixed0 & ~(CR0_PE | CR0_PG);
		value &= vmx->caps.cr0_fixed1;
	} else if (reg == REG_CR4) {
		vmwrite(CR4_READ_SHADOW, value);
		value = (value | vmx->caps.cr4_fixed0) & vmx->caps.cr4_fixed1;
	} else if (reg == REG_EFER) {
		/* SDM 3C 26.2.2: the entry control and EFER.LMA must agree. */
		if (value & EFER_LMA)
			vmx->entry_controls |= ENTRY_IA32E_GUEST;
		else
			vmx->entry_controls &= ~(uint32_t)ENTRY_IA32E_GUEST;
		vmwrite32(ENTRY_CONTROLS, vmx->entry_controls);
	}
	vmwrite_from(plain_fields[reg], value, __func__);
}

static struct segment vmx_read_segment(struct vcpu *vcpu, enum segment_name name)
{
	(void)vcpu;
	return (struct segment){
		.selector = (uint16_t)vmread_from(segment_field(GUEST_ES_SELECTOR, name), __func__),
		.base = vmread_from(segment_field(GUEST_ES_BASE, name), __func__),
		.limit = (uint32_t)vmread_from(segment_field(GUEST_ES_LIMIT, name), __func__),
		.access = (uint32_t)vmread_from(segment_field(GUEST_ES_ACCESS_RIGHTS, name),
						__func__),
	};
}

static void vmx_write_segment(struct vcpu *vcpu, enum segment_name name, const struct segment *s)
{
	(void)vcpu;
	vmwrite_from(segment_field(GUEST_ES_SELECTOR, name), s->selector, __func__);
	vmwrite_from(segment_field(GUEST_ES_BASE, name), s->base, __func__);
	vmwrite_from(segment_field(GUEST_ES_LIMIT, name), s->limit, __func__);
	vmwrite_from(segment_field(GUEST_ES_ACCESS_RIGHTS, name), s->access, __func__);
}

static void vmx_read_table(struct vcpu *vcpu, enum virt_table t, uint64_t *base, uint16_t *limit)
{
	(void)vcpu;
	*base = t == TABLE_GDTR ? vmread(GUEST_GDTR_BASE) : vmread(GUEST_IDTR_BASE);
	*limit = (uint16_t)(t == TABLE_GDTR ? vmread32(GUEST_GDTR_LIMIT)
					    : vmread32(GUEST_IDTR_LIMIT));
}

static void vmx_write_table(struct vcpu *vcpu, enum virt_table t, uint64_t base, uint16_t limit)
{
	(void)vcpu;
	if (t == TABLE_GDTR) {
		vmwrite(GUEST_GDTR_BASE, base);
		vmwrite32(GUEST_GDTR_LIMIT, limit);
	} else {
		vmwrite(GUEST_IDTR_BASE, base);
		vmwrite32(GUEST_IDTR_LIMIT, limit);
	}
}

static void vmx_write_pdptes(struct vcpu *vcpu, const uint64_t pdptes[4])
{
	(void)vcpu;
	vmwrite64(GUEST_PDPTE0, pdptes[0]);
	vmwrite64(GUEST_PDPTE1, pdptes[1]);
	vmwrite64(GUEST_PDPTE2, pdptes[2]);
	vmwrite64(GUEST_PDPTE3, pdptes[3]);
}

static void vmx_flush_guest_tlb(struct vcpu *vcpu)
{
	invvpid_single(VPID_OF_VCPU(vcpu));
}

static void vmx_set_exception_bitmap(struct vcpu *vcpu, uint32_t bitmap, uint32_t pfec_mask,
				     uint32_t pfec_match)
{
	(void)vcpu;
	vmwrite32(EXCEPTION_BITMAP, bitmap);
	vmwrite32(PFEC_MASK, pfec_mask);
	vmwrite32(PFEC_MATCH, pfec_match);
}

/* SDM 3C 24.6.9: reads of low and high MSRs, then writes of both, 1 KiB each. Others always exit.
 */
static void vmx_intercept_msr(struct vm *vm, uint32_t msr, bool read, bool write)
{
	uint8_t *map = vmx_vm_of(vm)->msr_bitmap;
	uint32_t bit = msr & 0x1fff;

	if (msr >= 0xc0000000u)
		map += 0x400;
	if (read)
		map[bit / 8] |= (uint8_t)BIT(bit % 8);
	if (write)
		map[0x800 + bit / 8] |= (uint8_t)BIT(bit % 8);
}

static void vmx_inject(struct vcpu *vcpu, const struct event *event)
{
	uint32_t info = INTERRUPTION_VALID | (uint32_t)event->type << 8 | event->vector;

	(void)vcpu;
	/* In real mode exceptions have no error code, and an entry with one fails (26.2.1.3). */
	if (event->has_error_code && vmread(GUEST_CR0) & CR0_PE) {
		info |= INTERRUPTION_ERROR_CODE;
		vmwrite32(ENTRY_EXCEPTION_ERROR_CODE, event->error_code);
	}
	if (event->type >= EVENT_SOFTWARE_INTERRUPT)
		vmwrite32(ENTRY_INSTRUCTION_LENGTH, event->length);
	vmwrite32(ENTRY_INTERRUPTION_INFO, info);
}

/*
 * The NMI handler calls this too, at any instruction of the host, to make the next entry exit at
 * once (so that no check is needed on the way in): hence the single instruction on proc_controls
 * and its reading anew for the VMWRITE.
 */
static void vmx_request_nmi_window(struct vcpu *vcpu, bool on)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (!vmx || !vmx->vmcs_active)
		return;
	if (on)
		__atomic_fetch_or(&vmx->proc_controls, PROC_NMI_WINDOW, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&vmx->proc_controls, ~(uint32_t)PROC_NMI_WINDOW,
				   __ATOMIC_SEQ_CST);
	vmwrite32(PROC_CONTROLS, vmx->proc_controls);
}

static bool vmx_nmi_blocked(struct vcpu *vcpu)
{
	(void)vcpu;
	return vmread32(GUEST_INTERRUPTIBILITY) &
	       (BLOCKING_BY_NMI | BLOCKING_BY_STI | BLOCKING_BY_MOV_SS);
}

void vmx_set_nmi_blocking(struct vcpu *vcpu, bool on)
{
	uint32_t state = vmread32(GUEST_INTERRUPTIBILITY);

	(void)vcpu;
	if (on)
		state |= BLOCKING_BY_NMI;
	else
		state &= ~(uint32_t)BLOCKING_BY_NMI;
	vmwrite32(GUEST_INTERRUPTIBILITY, state);
}

static void vmx_single_step(struct vcpu *vcpu, bool on)
{
	struct vmx_vcpu *vmx = vmx_of(vcpu);

	if (on)
		__atomic_fetch_or(&vmx->proc_controls, PROC_MONITOR_TRAP, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&vmx->proc_controls, ~(uint32_t)PROC_MONITOR_TRAP,
				   __ATOMIC_SEQ_CST);
	vmwrite32(PROC_CONTROLS, vmx->proc_controls);
}

static int vmx_map(struct vm *vm, enum nested_view view, gpa_t gpa, hpa_t hpa, uint64_t size,
		   unsigned access, enum memory_type type)
{
	return ept_map(&vmx_vm_of(vm)->ept[view], gpa, hpa, size, access, type);
}

static void vmx_reset_view(struct vm *vm, enum nested_view view)
{
	ept_reset(&vmx_vm_of(vm)->ept[view]);
}

static void vmx_set_view(struct vcpu *vcpu, enum nested_view view)
{
	vmwrite64(EPT_POINTER, ept_pointer(&vmx_vm_of(vcpu->vm)->ept[view]));
}

static void vmx_flush(struct vcpu *vcpu)
{
	(void)vcpu;
	invept_all();
}

const struct virt_ops vmx_ops = {
	.name = "VMX",
	.operation = "VMX operation",
	.check = vmx_check,
	.enable = vmx_enable,
	.disable = vmx_disable,
	.vm_create = vmx_vm_create,
	.guest_features = vmx_guest_features,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_reset = vmx_vcpu_reset,
	.vcpu_run = vmx_vcpu_run,
	.vcpu_destroy = vmx_vcpu_destroy,
	.read_reg = vmx_read_reg,
	.write_reg = vmx_write_reg,
	.read_segment = vmx_read_segment,
	.write_segment = vmx_write_segment,
	.read_table = vmx_read_table,
	.write_table = vmx_write_table,
	.write_pdptes = vmx_write_pdptes,
	.flush_guest_tlb = vmx_flush_guest_tlb,
	.set_exception_bitmap = vmx_set_exception_bitmap,
	.intercept_msr = vmx_intercept_msr,
	.inject = vmx_inject,
	.request_nmi_window = vmx_request_nmi_window,
	.nmi_blocked = vmx_nmi_blocked,
	.single_step = vmx_single_step,
	.map = vmx_map,
	.reset_view = vmx_reset_view,
	.set_view = vmx_set_view,
	.flush = vmx_flush,
	.dump = vmx_dump,
	.exit_count = EXIT_REASON_COUNT,
	.exit_name = vmx_exit_name,
};
