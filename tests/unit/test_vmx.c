/*
 * arch/x86/vmx/vmx.c with the whole kernel around it, on a processor that is a program: VMX turned
 * on and off, the VMCS's life, what is in it, and that the entry checker finds nothing wrong with
 * the state after start, INIT and SIPI and after every change of mode.
 */
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/regs.h"
#include "arch/x86/vmx/exits.h"
#include "tests/unit/fake_vmx.h"

#include <string.h>

static int setup(UNUSED void **state)
{
	fake_vmx_reset(0);
	return 0;
}

static int setup_second_core(UNUSED void **state)
{
	fake_vmx_reset(1);
	return 0;
}

static struct vcpu *const vcpu = &fake_vmx_vcpu;
static const struct virt_ops *const ops = &vmx_ops;

/* --- On and off --- */

static void turns_vmx_on_and_off(UNUSED void **state)
{
	assert_int_equal(ops->enable(vcpu), 0);
	assert_true(fake_vmx.on);
	assert_int_equal(fake_vmx.invepts, 1); /* of an earlier owner */
	assert_int_equal(fake_msr(0x3a)->writes, 0);
	ops->disable(vcpu);
	assert_false(fake_vmx.on);
	assert_int_equal(fake_cpu.cr4 & CR4_VMXE, 0);
	ops->disable(vcpu);
	assert_int_equal(fake_vmx.vmxoffs, 1);
	/* And again, with the memory of the first time. */
	assert_int_equal(ops->enable(vcpu), 0);
	ops->disable(vcpu);
}

static void locks_feature_control_if_it_must(UNUSED void **state)
{
	fake_msr_set(0x3a, 0x40000);
	assert_int_equal(ops->enable(vcpu), 0);
	assert_int_equal(fake_msr(0x3a)->value, 0x40005);
}

static void a_failed_vmxon_is_told(UNUSED void **state)
{
	fake_vmx.fail_vmxon = true;
	assert_int_equal(ops->enable(vcpu), -1);
	assert_int_equal(fake_vmx.invepts, 0);
	ops->disable(vcpu); /* VMXOFF would be #UD, and fail the test */
	/* A core that is not as fit as the boot core was. */
	setup(NULL);
	fake_msr_set(0x48b, 0xffffff7full << 32);
	assert_int_equal(ops->enable(vcpu), -1);
	assert_int_equal(fake_vmx.vmxons, 0);
}

static void a_core_without_vmx_is_left_alone(UNUSED void **state)
{
	ops->vcpu_destroy(vcpu);
	ops->disable(vcpu);
	ops->request_nmi_window(vcpu, true); /* as the NMI handler does at any time */
	assert_int_equal(fake_vmx.vmclears + fake_vmx.vmxoffs, 0);
	assert_int_equal(fake_vmcs_all_writes(), 0);
}

static void a_failed_start_is_undone(UNUSED void **state)
{
	fake_vmx.fail_vmptrld = true;
	assert_int_equal(fake_vmx_start(NULL), BOOT_VIRT_FAILED);
	assert_false(fake_vmx.on);
	assert_int_equal(fake_vmx.launches, 0);
	assert_non_null(strstr(fake_log, "core 0: could not enter the guest\n"));
	setup(NULL);
	fake_vmx.fail_vmclear = true;
	assert_int_equal(fake_vmx_start(NULL), BOOT_VIRT_FAILED);
	assert_false(fake_vmx.on);
	assert_int_equal(fake_vmx.vmptrlds, 0);
}

static void a_failed_vmlaunch_is_reported_and_undone(UNUSED void **state)
{
	assert_int_equal(fake_vmx_start(NULL), BOOT_VIRT_FAILED);
	assert_int_equal(fake_vmx.launches, 1);
	assert_non_null(strstr(fake_log, "E: core 0: VMLAUNCH failed: "));
	assert_non_null(strstr(fake_log, "no rule of VM entry that plinth knows is broken"));
	/* VMCLEAR before anything else touches it, VMXOFF after that. */
	assert_int_equal(fake_vmx.vmclears, 2);
	assert_int_equal(fake_vmx.current, 0);
	assert_int_equal(fake_vmx.vmxoffs, 1);
}

static void a_broken_rule_is_found_before_the_entry(UNUSED void **state)
{
	vcpu->boot->gate.idtr.base = 0x0000900000000000; /* not canonical */
	assert_int_equal(fake_vmx_start(NULL), BOOT_VIRT_FAILED);
	assert_int_equal(fake_vmx.launches, 0);
	assert_non_null(strstr(fake_log, "rule broken: GUEST_IDTR_BASE = 0x900000000000"));
	assert_false(fake_vmx.on);
}

/* --- The VMCS of a core that starts --- */

static unsigned entered;

static void look_at_start(void)
{
	entered++;
	assert_true(vcpu->running);
	assert_true(vmx_of(vcpu)->launched);
	expect_entry_possible();

	/* The guest is the firmware, which believes what it wrote itself. */
	assert_int_equal(ops->read_reg(vcpu, REG_CR0), 0x80010013);
	assert_int_equal(ops->read_reg(vcpu, REG_CR4), 0x668);
	assert_int_equal(ops->read_reg(vcpu, REG_EFER), 0xd00);
	assert_int_equal(fake_vmcs_get(GUEST_CR0), 0x80010033);
	assert_int_equal(fake_vmcs_get(GUEST_CR4), 0x2668);
	assert_int_equal(fake_vmcs_get(GUEST_ACTIVITY_STATE), 0);
	assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 0);
	assert_int_equal(fake_vmcs_get(VPID), vcpu->index + 1);
	assert_int_equal(fake_vmcs_get(EXCEPTION_BITMAP), 0x60042);
	assert_int_equal(fake_vmcs_get(VMCS_LINK_POINTER), ~0ull);

	/* SDM 3C 24.6: what exits, and what does not. */
	assert_int_equal(fake_vmcs_get(PIN_CONTROLS), 0x16 | 0x28);
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS), 0x04006172u | 0x90000000u);
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS2), 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 |
								1 << 12 | 1 << 19 | 1 << 20 |
								1 << 26 | 1 << 27);
	assert_int_equal(fake_vmcs_get(EXIT_CONTROLS), 0x36dfb | 0x3c0204);
	assert_int_equal(fake_vmcs_get(ENTRY_CONTROLS), 0x11fb | 0xc204);
	/* With these controls set nothing exits, as their bitmaps are empty. */
	assert_int_equal(fake_vmcs_get(XSS_EXITING_BITMAP), 0);
	assert_int_equal(fake_vmcs_get(PCONFIG_EXITING_BITMAP), 0);
	assert_int_equal(fake_vmcs_get(CR3_TARGET_COUNT), 0);
	assert_int_equal(fake_vmcs_get(EXIT_MSR_STORE_COUNT), 0);
	assert_int_equal(fake_vmcs_get(EXIT_MSR_LOAD_COUNT), 0);
	assert_int_equal(fake_vmcs_get(ENTRY_MSR_LOAD_COUNT), 0);

	/* CR0: NE, and bits that no processor has. CR4: VMXE, SMXE, and bits that this one lacks.
	 */
	assert_int_equal(fake_vmcs_get(CR0_GUEST_HOST_MASK), 0xffffffff00000020);
	assert_int_equal(fake_vmcs_get(CR4_GUEST_HOST_MASK), ~0xff67ffull | 0x6000);

	/* SDM 3C 24.5: the host has what it needs and no more. */
	assert_int_equal(fake_vmcs_get(HOST_CR0), 0x80010033);
	assert_int_equal(fake_vmcs_get(HOST_CR3), FAKE_REGION_BASE + 0x1000);
	assert_int_equal(fake_vmcs_get(HOST_CR4), 0x142060); /* PAE MCE VMXE OSXSAVE SMEP */
	assert_int_equal(fake_vmcs_get(HOST_EFER), 0xd00);
	assert_int_equal(fake_vmcs_get(HOST_PAT), 0x0007040600070406);
	assert_int_equal(fake_vmcs_get(HOST_RSP), (uintptr_t)&vcpu->regs[GPR_COUNT]);
	assert_int_equal(fake_vmcs_get(HOST_RIP), (uintptr_t)vmx_exit_entry);
}

static void a_start_breaks_no_rule(UNUSED void **state)
{
	entered = 0;
	fake_vmx_start(look_at_start);
	assert_int_equal(entered, 1);
}

/* Firmware with other control registers: with NX off, in 5-level paging, with NE set. */
static void look_at_rules(void)
{
	entered++;
	expect_entry_possible();
}

static void other_firmware_breaks_none_either(UNUSED void **state)
{
	entered = 0;
	vcpu->boot->gate.efer = 0x500;
	fake_msr_set(0xc0000080, 0x500);
	fake_vmx_start(look_at_rules);
	assert_int_equal(fake_vmcs_get(HOST_EFER), 0x500);

	setup(NULL);
	fake_msr_set(0x489, 0x00ff7fff);
	fake_cpu.cr4 |= CR4_LA57;
	vcpu->boot->gate.cr4 |= CR4_LA57;
	fake_vmx_start(look_at_rules);
	assert_int_equal(fake_vmcs_get(HOST_CR4) & CR4_LA57, CR4_LA57);

	setup(NULL);
	vcpu->boot->gate.cr0 = 0xe005003b; /* caches off, a task switch ago */
	fake_cpu.cr0 = 0xe005003b;
	fake_vmx_start(look_at_rules);
	assert_int_equal(fake_vmcs_get(HOST_CR0) & (CR0_TS | CR0_EM), 0);

	/* On a processor with FRED it is not the guest's, as CPUID does not show it. */
	setup(NULL);
	fake_msr_set(0x489, 0x100ff67ff);
	fake_vmx_start(look_at_rules);
	assert_int_equal(fake_vmcs_get(CR4_GUEST_HOST_MASK), ~0xff67ffull | 0x6000);

	/* Without what is optional. */
	setup(NULL);
	fake_msr_set(0x48b, 0xa2ull << 32);
	fake_cpuid_set(1, 0, (struct cpuid){ 0x306c3, 0, 0x20, 0xbfebfbff });
	fake_cpuid_set(0, 0, (struct cpuid){ 6, 0x756e6547, 0x6c65746e, 0x49656e69 });
	fake_vmx_start(look_at_rules);
	assert_int_equal(fake_vmcs_get(HOST_CR4), 0x2060);
	assert_false(fake_vmcs_is_set(XSS_EXITING_BITMAP));
	assert_false(fake_vmcs_is_set(PCONFIG_EXITING_BITMAP));
	assert_int_equal(entered, 5);
}

/* --- INIT and SIPI --- */

static void init_and_sipi(void)
{
	entered++;
	fake_vmcs_set(GUEST_INTERRUPTIBILITY, 8);
	fake_vmcs_set(GUEST_PENDING_DEBUG, 0x4000);
	fake_vmcs_set(ENTRY_INTERRUPTION_INFO, 0x80000b0e); /* of an event that will not be */
	fake_vmx.invvpids = 0;
	fake_vmx_exit(3);
	expect_entry_possible();
	assert_int_equal(fake_vmx.invvpids, 1);
	assert_int_equal(fake_vmx.invvpid_vpid, vcpu->index + 1);
	assert_int_equal(fake_vmcs_get(ENTRY_INTERRUPTION_INFO), 0);
	assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 0);
	assert_int_equal(fake_vmcs_get(GUEST_PENDING_DEBUG), 0);
	assert_int_equal(fake_vmcs_get(ENTRY_CONTROLS) & 0x200, 0); /* no IA-32e mode guest */
	assert_int_equal(fake_vmcs_get(GUEST_EFER), 0);
	assert_int_equal(ops->read_reg(vcpu, REG_CR0), 0x10);
	assert_int_equal(ops->read_reg(vcpu, REG_CR4), 0);
	if (vcpu->index == 0) {
		assert_int_equal(fake_vmcs_get(GUEST_ACTIVITY_STATE), 0);
		return;
	}
	assert_int_equal(fake_vmcs_get(GUEST_ACTIVITY_STATE), 3);
	/* Hardware leaves the state; some emulators save another one. */
	for (uint32_t saved = 0; saved < 4; saved++) {
		fake_vmcs_set(GUEST_ACTIVITY_STATE, saved);
		fake_vmcs_set(EXIT_QUALIFICATION, 0x9a);
		fake_vmx_exit(4);
		expect_entry_possible();
		assert_int_equal(fake_vmcs_get(GUEST_ACTIVITY_STATE), 0);
		assert_int_equal(fake_vmcs_get(GUEST_CS_SELECTOR), 0x9a00);
		assert_int_equal(fake_vmcs_get(GUEST_CS_BASE), 0x9a000);
		assert_int_equal(fake_vmcs_get(GUEST_RIP), 0);
	}
}

static void init_breaks_no_rule_on_the_boot_core(UNUSED void **state)
{
	entered = 0;
	fake_vmx_start(init_and_sipi);
	assert_int_equal(entered, 1);
}

static void init_and_sipi_break_no_rule(UNUSED void **state)
{
	entered = 0;
	fake_vmx_start(init_and_sipi);
	assert_int_equal(entered, 1);
}

/* --- Registers --- */

/*
 * What the guest writes it reads, whatever VMX fixes; what is in force has the fixed bits. Only
 * bits that the processor lacks it cannot have.
 */
static void registers_in_the_vmcs(void)
{
	struct rng rng = { .state = 0x4e6 };

	entered++;
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t cr0 = rng_next(&rng) & 0xffffffff, cr4 = rng_next(&rng) & 0xff67ff;

		ops->write_reg(vcpu, REG_CR0, cr0);
		ops->write_reg(vcpu, REG_CR4, cr4);
		assert_int_equal(ops->read_reg(vcpu, REG_CR0), cr0);
		assert_int_equal(ops->read_reg(vcpu, REG_CR4), cr4);
		assert_int_equal(fake_vmcs_get(GUEST_CR0), cr0 | 0x20);
		assert_int_equal(fake_vmcs_get(GUEST_CR4), cr4 | 0x2000);
		/* What the guest changes without an exit is what counts then. */
		fake_vmcs_set(GUEST_CR0, (cr0 | 0x20) ^ 0x8001000f);
		assert_int_equal(ops->read_reg(vcpu, REG_CR0), cr0 ^ 0x8001000f);
	}
	for (unsigned r = 0; r < VIRT_REG_COUNT; r++) {
		uint64_t value = rng_next(&rng);

		if (r == REG_CR0 || r == REG_CR4)
			continue;
		if (r == REG_SYSENTER_CS)
			value = (uint32_t)value;
		ops->write_reg(vcpu, r, value);
		assert_int_equal(ops->read_reg(vcpu, r), value);
		for (unsigned other = 0; other < r; other++)
			if (other != REG_CR0 && other != REG_CR4)
				assert_int_not_equal(ops->read_reg(vcpu, other), value);
	}
	/* SDM 3C 26.3.1.1: EFER.LMA and the entry control agree. */
	ops->write_reg(vcpu, REG_EFER, 0x100);
	assert_int_equal(fake_vmcs_get(ENTRY_CONTROLS), (0x11fb | 0xc204) & ~0x200);
	ops->write_reg(vcpu, REG_EFER, 0x500);
	assert_int_equal(fake_vmcs_get(ENTRY_CONTROLS), 0x11fb | 0xc204);
	assert_int_equal(fake_vmcs_get(GUEST_RIP), ops->read_reg(vcpu, REG_RIP));
	assert_int_equal(fake_vmcs_get(GUEST_RSP), ops->read_reg(vcpu, REG_RSP));
	assert_int_equal(fake_vmcs_get(GUEST_DR7), ops->read_reg(vcpu, REG_DR7));
}

static void segments_in_the_vmcs(void)
{
	static const enum vmcs_field selectors[] = {
		GUEST_ES_SELECTOR, GUEST_CS_SELECTOR, GUEST_SS_SELECTOR,   GUEST_DS_SELECTOR,
		GUEST_FS_SELECTOR, GUEST_GS_SELECTOR, GUEST_LDTR_SELECTOR, GUEST_TR_SELECTOR,
	};
	uint64_t base;
	uint16_t limit;

	entered++;
	for (unsigned s = 0; s < SEGMENT_COUNT; s++)
		ops->write_segment(vcpu, s,
				   &(struct segment){ 0x1000 + s, 0x2000 + s, 0x3000 + s,
						      (uint16_t)(0x4000 + s) });
	for (unsigned s = 0; s < SEGMENT_COUNT; s++) {
		struct segment seg = ops->read_segment(vcpu, s);

		assert_int_equal(seg.base, 0x1000 + s);
		assert_int_equal(seg.limit, 0x2000 + s);
		assert_int_equal(seg.access, 0x3000 + s);
		assert_int_equal(seg.selector, 0x4000 + s);
		assert_int_equal(fake_vmcs_get(selectors[s]), 0x4000 + s);
	}
	ops->write_table(vcpu, TABLE_GDTR, 0x111, 0x112);
	ops->write_table(vcpu, TABLE_IDTR, 0x221, 0x222);
	assert_int_equal(fake_vmcs_get(GUEST_GDTR_BASE), 0x111);
	assert_int_equal(fake_vmcs_get(GUEST_GDTR_LIMIT), 0x112);
	assert_int_equal(fake_vmcs_get(GUEST_IDTR_BASE), 0x221);
	assert_int_equal(fake_vmcs_get(GUEST_IDTR_LIMIT), 0x222);
	ops->read_table(vcpu, TABLE_GDTR, &base, &limit);
	assert_int_equal(base + limit, 0x223);
	ops->read_table(vcpu, TABLE_IDTR, &base, &limit);
	assert_int_equal(base + limit, 0x443);
	ops->write_pdptes(vcpu, (const uint64_t[]){ 1, 2, 3, 4 });
	assert_int_equal(fake_vmcs_get(GUEST_PDPTE0), 1);
	assert_int_equal(fake_vmcs_get(GUEST_PDPTE1), 2);
	assert_int_equal(fake_vmcs_get(GUEST_PDPTE2), 3);
	assert_int_equal(fake_vmcs_get(GUEST_PDPTE3), 4);
}

static void registers_and_segments(UNUSED void **state)
{
	entered = 0;
	fake_vmx_start(registers_in_the_vmcs);
	setup(NULL);
	fake_vmx_start(segments_in_the_vmcs);
	assert_int_equal(entered, 2);
}

/* --- Events --- */

static void events_in_the_vmcs(void)
{
	uint32_t proc = (uint32_t)fake_vmcs_get(PROC_CONTROLS);

	entered++;
	/* SDM 3C table 24-16: valid, error code, type, vector. */
	ops->inject(vcpu, &(struct event){ .valid = true, .type = EVENT_EXCEPTION, .vector = 6 });
	assert_int_equal(fake_vmcs_get(ENTRY_INTERRUPTION_INFO), 0x80000306);
	assert_false(fake_vmcs_is_set(ENTRY_EXCEPTION_ERROR_CODE));
	assert_false(fake_vmcs_is_set(ENTRY_INSTRUCTION_LENGTH));
	ops->inject(vcpu, &(struct event){ .valid = true,
					   .type = EVENT_EXCEPTION,
					   .vector = 14,
					   .has_error_code = true,
					   .error_code = 0x15 });
	assert_int_equal(fake_vmcs_get(ENTRY_INTERRUPTION_INFO), 0x80000b0e);
	assert_int_equal(fake_vmcs_get(ENTRY_EXCEPTION_ERROR_CODE), 0x15);
	ops->inject(vcpu, &(struct event){ .valid = true, .type = EVENT_NMI, .vector = 2 });
	assert_int_equal(fake_vmcs_get(ENTRY_INTERRUPTION_INFO), 0x80000202);
	ops->inject(vcpu,
		    &(struct event){ .valid = true, .type = EVENT_INTERRUPT, .vector = 0xef });
	assert_int_equal(fake_vmcs_get(ENTRY_INTERRUPTION_INFO), 0x800000ef);
	for (unsigned type = 4; type <= 6; type++) {
		ops->inject(vcpu, &(struct event){ .valid = true,
						   .type = (uint8_t)type,
						   .vector = 3,
						   .length = (uint8_t)type });
		assert_int_equal(fake_vmcs_get(ENTRY_INTERRUPTION_INFO), 0x80000003 | type << 8);
		assert_int_equal(fake_vmcs_get(ENTRY_INSTRUCTION_LENGTH), type);
	}

	/* The NMI window and the monitor trap flag share a field, and leave each other alone. */
	ops->request_nmi_window(vcpu, true);
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS), proc | 1 << 22);
	ops->single_step(vcpu, true);
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS), proc | 1 << 22 | 1 << 27);
	ops->request_nmi_window(vcpu, false);
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS), proc | 1 << 27);
	ops->single_step(vcpu, false);
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS), proc);

	/* SDM 3C table 24-3: STI, MOV SS and NMI block NMIs, SMI does not. */
	for (uint32_t blocking = 0; blocking < 16; blocking++) {
		fake_vmcs_set(GUEST_INTERRUPTIBILITY, blocking);
		assert_int_equal(ops->nmi_blocked(vcpu), (blocking & 0xb) != 0);
		vmx_set_nmi_blocking(vcpu, true);
		assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), blocking | 8);
		vmx_set_nmi_blocking(vcpu, false);
		assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), blocking & 7);
	}
	ops->set_exception_bitmap(vcpu, 0x12345, 9, 1);
	assert_int_equal(fake_vmcs_get(EXCEPTION_BITMAP), 0x12345);
	assert_int_equal(fake_vmcs_get(PFEC_MASK), 9);
	assert_int_equal(fake_vmcs_get(PFEC_MATCH), 1);
}

static void events(UNUSED void **state)
{
	entered = 0;
	fake_vmx_start(events_in_the_vmcs);
	assert_int_equal(entered, 1);
}

/* --- What the vendor allows --- */

/* SDM 3C 24.6.9: low MSRs read, high MSRs read, low written, high written, 1 KiB each. */
static void the_msr_bitmap_has_a_bit_for_each_access(UNUSED void **state)
{
	static const uint32_t msrs[] = { 0, 0x1d9, 0x1fff, 0xc0000000, 0xc0000103, 0xc0001fff };
	uint8_t expected[4096], *map;

	for (size_t i = 0; i < array_size(msrs); i++)
		for (unsigned access = 0; access < 4; access++) {
			unsigned bit = (msrs[i] & 0x1fff) + (msrs[i] >> 31) * 8192;

			fake_vmx_reset(0);
			assert_int_equal(ops->vm_create(&fake_vmx_vm), 0);
			map = vmx_vm_of(&fake_vmx_vm)->msr_bitmap;
			memset(expected, 0, sizeof(expected));
			if (access & 1)
				expected[bit / 8] |= (uint8_t)(1 << bit % 8);
			if (access & 2)
				expected[2048 + bit / 8] |= (uint8_t)(1 << bit % 8);
			ops->intercept_msr(&fake_vmx_vm, msrs[i], access & 1, access & 2);
			assert_memory_equal(map, expected, sizeof(expected));
		}
}

static void features_follow_the_controls(UNUSED void **state)
{
	static const struct {
		unsigned bit;
		enum guest_feature feature;
	} rows[] = {
		{ 3, FEATURE_RDTSCP },   { 12, FEATURE_INVPCID }, { 20, FEATURE_XSAVES },
		{ 26, FEATURE_WAITPKG }, { 27, FEATURE_PCONFIG },
	};
	unsigned all = FEATURE_PT;

	for (size_t i = 0; i < array_size(rows); i++) {
		fake_msr_set(0x48b, (0xa2ull | 1ull << rows[i].bit) << 32);
		assert_int_equal(ops->guest_features(), rows[i].feature | FEATURE_PT);
		all |= rows[i].feature;
	}
	fake_msr_set(0x48b, 0xffffffffull << 32);
	assert_int_equal(ops->guest_features(), all);
	fake_msr_set(0x485, fake_msr(0x485)->value & ~(1ull << 14)); /* SDM 3D A.6: PT in VMX */
	assert_int_equal(ops->guest_features(), all & ~(unsigned)FEATURE_PT);
}

static void views_and_flushes(void)
{
	uint64_t guest = fake_vmcs_get(EPT_POINTER);

	entered++;
	ops->set_view(vcpu, VIEW_DECOY);
	assert_int_not_equal(fake_vmcs_get(EPT_POINTER), guest);
	expect_entry_possible();
	ops->set_view(vcpu, VIEW_GUEST);
	assert_int_equal(fake_vmcs_get(EPT_POINTER), guest);
	fake_vmx.invepts = fake_vmx.invvpids = 0;
	ops->flush(vcpu);
	assert_int_equal(fake_vmx.invepts, 1);
	ops->flush_guest_tlb(vcpu);
	assert_int_equal(fake_vmx.invvpids, 1);
	assert_int_equal(fake_vmx.invvpid_vpid, 2);
}

static void views(UNUSED void **state)
{
	entered = 0;
	fake_vmx_start(views_and_flushes);
	assert_int_equal(entered, 1);
}

static void resume(void)
{
	vmx_resume_failed(vcpu);
}

static void fail_to_resume(void)
{
	entered++;
	fake_vmcs_set(INSTRUCTION_ERROR, 5);
	expect_panic(resume, "core 0: VMRESUME failed: ");
	ops->dump(vcpu);
	assert_non_null(strstr(fake_log, "VMCS of core 0:\n"));
	assert_non_null(strstr(fake_log, "GUEST_RIP"));
	assert_non_null(strstr(fake_log, "no rule of VM entry that plinth knows is broken"));
}

static void a_dump_says_what_there_is(UNUSED void **state)
{
	entered = 0;
	ops->dump(vcpu);
	assert_string_equal(fake_log, "E:   core 0 has no current VMCS\n");
	fake_vmx_start(fail_to_resume);
	assert_int_equal(entered, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(turns_vmx_on_and_off, setup),
		cmocka_unit_test_setup(locks_feature_control_if_it_must, setup),
		cmocka_unit_test_setup(a_failed_vmxon_is_told, setup),
		cmocka_unit_test_setup(a_core_without_vmx_is_left_alone, setup),
		cmocka_unit_test_setup(a_failed_start_is_undone, setup),
		cmocka_unit_test_setup(a_failed_vmlaunch_is_reported_and_undone, setup),
		cmocka_unit_test_setup(a_broken_rule_is_found_before_the_entry, setup),
		cmocka_unit_test_setup(a_start_breaks_no_rule, setup_second_core),
		cmocka_unit_test_setup(other_firmware_breaks_none_either, setup),
		cmocka_unit_test_setup(init_breaks_no_rule_on_the_boot_core, setup),
		cmocka_unit_test_setup(init_and_sipi_break_no_rule, setup_second_core),
		cmocka_unit_test_setup(registers_and_segments, setup),
		cmocka_unit_test_setup(events, setup),
		cmocka_unit_test_setup(the_msr_bitmap_has_a_bit_for_each_access, setup),
		cmocka_unit_test_setup(features_follow_the_controls, setup),
		cmocka_unit_test_setup(views, setup_second_core),
		cmocka_unit_test_setup(a_dump_says_what_there_is, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
