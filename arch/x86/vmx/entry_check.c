/*
 * The rules of VM entry, in the manual's order. about() names the field that the next rules are
 * about; rule() reports one that does not hold.
 */
#include "arch/x86/vmx/entry_check.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "arch/x86/virt.h"
#include "arch/x86/vmx/ept.h"

struct entry {
	const struct vmcs_reader *vmcs;
	const struct vmx_capabilities *caps;
	unsigned maxphyaddr;
	vmx_rule_broken *broken;
	void *ctx;
	unsigned count;

	/* What is being checked */
	const char *section;
	enum vmcs_field field;
	uint64_t value;

	/* What many rules depend on */
	uint32_t pin, proc, proc2, exit, entry;
	uint64_t cr0, cr4, rflags;
	bool ia32e;          /* "IA-32e mode guest" */
	bool unrestricted;   /* "unrestricted guest" */
	bool v86;            /* the guest will be in virtual-8086 mode */
	uint32_t cs, ss;     /* access rights */
	uint32_t event;      /* to inject, 0 when there is none */
	unsigned event_type; /* valid with an event */
	uint32_t activity;
	uint32_t blocking;
};

static uint64_t read(const struct entry *e, enum vmcs_field field)
{
	return e->vmcs->read(e->vmcs->ctx, field);
}

static uint64_t about(struct entry *e, enum vmcs_field field)
{
	e->field = field;
	e->value = read(e, field);
	return e->value;
}

static void check(struct entry *e, bool holds, const char *text)
{
	if (holds)
		return;
	e->count++;
	e->broken(e->ctx, vmcs_field_name(e->field), e->value, text, e->section);
}

/* Counts the rules on the way: tests want to know that they have broken all of them. */
#define rule(e, holds, text) check((e), (holds), &(text)[0 * __COUNTER__])

/* Rules that several fields share. */

static void check_allowed(struct entry *e, uint64_t capability)
{
	rule(e, !((uint32_t)capability & ~e->value),
	     "bits that the capability MSR fixes to 1 must be 1");
	rule(e, !(e->value & ~(capability >> 32)),
	     "bits that the capability MSR fixes to 0 must be 0");
}

static void check_width(struct entry *e, uint64_t value, unsigned width)
{
	rule(e, !(value >> width), "bits beyond the physical-address width must be 0");
}

/* For the structures that the VMCS points at, which some processors want below 4 GiB. */
static unsigned structure_width(const struct entry *e)
{
	return e->caps->basic & VMX_BASIC_32BIT_ADDRESS ? 32 : e->maxphyaddr;
}

static void check_page(struct entry *e, enum vmcs_field field)
{
	rule(e, !(about(e, field) & (PAGE_SIZE - 1)), "bits 11:0 must be 0");
	check_width(e, e->value, structure_width(e));
}

static void check_msr_area(struct entry *e, enum vmcs_field count_field, enum vmcs_field field)
{
	uint64_t count = read(e, count_field);
	uint64_t address = about(e, field);
	unsigned width = structure_width(e);

	if (!count)
		return;
	rule(e, !(address & 0xf), "bits 3:0 of an MSR area's address must be 0");
	check_width(e, address, width);
	rule(e, address >> width || !((address + count * 16 - 1) >> width),
	     "the MSR area must end within the physical-address width");
}

static bool is_canonical(uint64_t address, unsigned bits)
{
	uint64_t high = address >> (bits - 1);

	return high == 0 || high == UINT64_MAX >> (bits - 1);
}

/* Of the processor. Bases and MSRs may use all of them, whatever CR4.LA57 is. */
static unsigned linear_bits(const struct entry *e)
{
	return e->caps->cr4_fixed1 & CR4_LA57 ? 57 : 48;
}

static void check_canonical(struct entry *e, enum vmcs_field field)
{
	rule(e, is_canonical(about(e, field), linear_bits(e)), "must be a canonical address");
}

static void check_fixed(struct entry *e, uint64_t fixed0, uint64_t fixed1)
{
	rule(e, !(fixed0 & ~e->value), "bits that VMX operation fixes to 1 must be 1");
	rule(e, !(e->value & ~fixed1), "bits that VMX operation fixes to 0 must be 0");
}

/* VM entries and exits do not change NW and CD, and do not look at them. */
static void check_cr0(struct entry *e, enum vmcs_field field, uint64_t not_fixed)
{
	about(e, field);
	check_fixed(e, e->caps->cr0_fixed0 & ~(CR0_NW | CR0_CD | not_fixed),
		    e->caps->cr0_fixed1 | CR0_NW | CR0_CD);
}

static void check_cr4(struct entry *e, enum vmcs_field field, uint64_t cr0)
{
	about(e, field);
	check_fixed(e, e->caps->cr4_fixed0, e->caps->cr4_fixed1);
	rule(e, !(e->value & CR4_CET) || cr0 & CR0_WP, "CET (bit 23) needs CR0.WP");
}

static void check_pat(struct entry *e, enum vmcs_field field)
{
	bool good = true;

	for (uint64_t types = about(e, field); types; types >>= 8) {
		uint8_t type = (uint8_t)types;

		good = good && type <= 7 && type != 2 && type != 3;
	}
	rule(e, good, "every byte must be 0, 1, 4, 5, 6 or 7");
}

static void check_efer_reserved(struct entry *e, enum vmcs_field field)
{
	rule(e, !(about(e, field) & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)),
	     "reserved bits (all but 0, 8, 10 and 11) must be 0");
}

/* VM-execution controls */

static void check_pages(struct entry *e)
{
	static const struct {
		bool secondary;
		uint32_t control;
		enum vmcs_field field;
	} pages[] = {
		{ false, PROC_IO_BITMAPS, IO_BITMAP_A },
		{ false, PROC_IO_BITMAPS, IO_BITMAP_B },
		{ false, PROC_MSR_BITMAPS, MSR_BITMAP },
		{ false, PROC_TPR_SHADOW, VIRTUAL_APIC_ADDRESS },
		{ true, PROC2_APIC_ACCESSES, APIC_ACCESS_ADDRESS },
		{ true, PROC2_VMCS_SHADOWING, VMREAD_BITMAP },
		{ true, PROC2_VMCS_SHADOWING, VMWRITE_BITMAP },
		{ true, PROC2_EPT_VIOLATION_VE, VE_INFORMATION_ADDRESS },
	};

	for (size_t i = 0; i < array_size(pages); i++)
		if ((pages[i].secondary ? e->proc2 : e->proc) & pages[i].control)
			check_page(e, pages[i].field);
}

static void check_apic_controls(struct entry *e)
{
	bool shadow = e->proc & PROC_TPR_SHADOW;

	if (shadow && !(e->proc2 & PROC2_INTERRUPT_DELIVERY))
		rule(e, !(about(e, TPR_THRESHOLD) & ~0xfull), "bits 31:4 must be 0");
	about(e, PROC_CONTROLS2);
	rule(e,
	     shadow || !(e->proc2 &
			 (PROC2_X2APIC_MODE | PROC2_APIC_REGISTERS | PROC2_INTERRUPT_DELIVERY)),
	     "APIC virtualisation (bits 4, 8 and 9) needs \"use TPR shadow\"");
	rule(e, !(e->proc2 & PROC2_X2APIC_MODE) || !(e->proc2 & PROC2_APIC_ACCESSES),
	     "bits 0 and 4 (virtualise APIC accesses, x2APIC mode) must not both be 1");
	rule(e, !(e->proc2 & PROC2_INTERRUPT_DELIVERY) || e->pin & PIN_EXTERNAL_INTERRUPT_EXITING,
	     "virtual-interrupt delivery (bit 9) needs \"external-interrupt exiting\"");
}

static void check_eptp(struct entry *e)
{
	uint64_t caps = e->caps->ept_vpid;
	uint64_t eptp = about(e, EPT_POINTER);
	unsigned type = eptp & EPTP_TYPE;
	unsigned levels = (eptp >> EPTP_WALK_SHIFT & 7) + 1;

	rule(e,
	     (type == MEMORY_UC && caps & EPT_CAP_TYPE_UC) ||
		     (type == MEMORY_WB && caps & EPT_CAP_TYPE_WB),
	     "the memory type (bits 2:0) must be one that IA32_VMX_EPT_VPID_CAP has");
	rule(e, (levels == 4 && caps & EPT_CAP_WALK_4) || (levels == 5 && caps & EPT_CAP_WALK_5),
	     "the walk length (bits 5:3) must be one that IA32_VMX_EPT_VPID_CAP has");
	rule(e, !(eptp & EPTP_AD) || caps & EPT_CAP_AD,
	     "bit 6 must be 0 without accessed and dirty flags");
	rule(e, !(eptp & EPTP_SSS) || caps & EPT_CAP_SSS,
	     "bit 7 must be 0 without supervisor shadow-stack control");
	rule(e, !(eptp & 0xf00), "bits 11:8 must be 0");
	check_width(e, eptp, e->maxphyaddr);
}

static void check_execution_controls(struct entry *e)
{
	about(e, PIN_CONTROLS);
	check_allowed(e, e->caps->pin);
	rule(e, !(e->pin & PIN_VIRTUAL_NMIS) || e->pin & PIN_NMI_EXITING,
	     "\"virtual NMIs\" (bit 5) needs \"NMI exiting\" (bit 3)");
	about(e, PROC_CONTROLS);
	check_allowed(e, e->caps->proc);
	rule(e, !(e->proc & PROC_NMI_WINDOW) || e->pin & PIN_VIRTUAL_NMIS,
	     "\"NMI-window exiting\" (bit 22) needs \"virtual NMIs\"");
	if (e->proc & PROC_SECONDARY) {
		about(e, PROC_CONTROLS2);
		check_allowed(e, e->caps->proc2);
	}
	rule(e, about(e, CR3_TARGET_COUNT) <= VMX_MISC_CR3_TARGETS(e->caps->misc),
	     "must not be above what IA32_VMX_MISC has");
	check_pages(e);
	check_apic_controls(e);
	if (e->proc2 & PROC2_VPID)
		rule(e, about(e, VPID) != 0, "must not be 0");
	if (e->proc2 & PROC2_EPT)
		check_eptp(e);
	about(e, PROC_CONTROLS2);
	rule(e, !e->unrestricted || e->proc2 & PROC2_EPT, "\"unrestricted guest\" needs EPT");
	rule(e, !(e->proc2 & PROC2_MODE_BASED_EXECUTE) || e->proc2 & PROC2_EPT,
	     "\"mode-based execute control for EPT\" (bit 22) needs EPT");
}

/* VM-exit controls */

static void check_exit_controls(struct entry *e)
{
	about(e, EXIT_CONTROLS);
	check_allowed(e, e->caps->exit);
	rule(e, !(e->exit & EXIT_SAVE_PREEMPTION_TIMER) || e->pin & PIN_PREEMPTION_TIMER,
	     "\"save VMX-preemption timer\" (bit 22) needs the timer");
	check_msr_area(e, EXIT_MSR_STORE_COUNT, EXIT_MSR_STORE_ADDRESS);
	check_msr_area(e, EXIT_MSR_LOAD_COUNT, EXIT_MSR_LOAD_ADDRESS);
}

/* VM-entry controls */

static bool vector_has_error_code(unsigned vector)
{
	return vector == VECTOR_DF || (vector >= VECTOR_TS && vector <= VECTOR_PF) ||
	       vector == VECTOR_AC;
}

static void check_event_error_code(struct entry *e)
{
	bool delivers = e->event & INTERRUPTION_ERROR_CODE;
	bool may = e->event_type == EVENT_EXCEPTION && (!e->unrestricted || e->cr0 & CR0_PE);
	bool must = vector_has_error_code(INTERRUPTION_VECTOR(e->event));

	rule(e, may || !delivers,
	     "an error code (bit 11) needs a hardware exception and protected mode");
	rule(e, !may || delivers == must || e->caps->basic & VMX_BASIC_ANY_ERROR_CODE,
	     "bit 11 must be 1 exactly for the vectors that have an error code");
	if (delivers)
		rule(e, !(about(e, ENTRY_EXCEPTION_ERROR_CODE) >> 16), "bits 31:16 must be 0");
}

static void check_event(struct entry *e)
{
	unsigned vector = INTERRUPTION_VECTOR(e->event);

	about(e, ENTRY_INTERRUPTION_INFO);
	rule(e,
	     e->event_type != 1 && (e->event_type != INTERRUPTION_OTHER_EVENT ||
				    e->caps->proc >> 32 & PROC_MONITOR_TRAP),
	     "the type (bits 10:8) must not be reserved");
	rule(e, e->event_type != EVENT_NMI || vector == VECTOR_NMI, "an NMI has vector 2");
	rule(e, e->event_type != EVENT_EXCEPTION || vector < VECTOR_COUNT,
	     "a hardware exception has a vector up to 31");
	rule(e, e->event_type != INTERRUPTION_OTHER_EVENT || vector == 0,
	     "a pending MTF VM exit has vector 0");
	rule(e, !(e->event & 0x7ffff000), "bits 30:12 must be 0");
	check_event_error_code(e);
	if (e->event_type >= EVENT_SOFTWARE_INTERRUPT &&
	    e->event_type <= EVENT_SOFTWARE_EXCEPTION) {
		uint64_t length = about(e, ENTRY_INSTRUCTION_LENGTH);

		rule(e, length <= 15 && (length || e->caps->misc & VMX_MISC_LENGTH_0),
		     "must be 1 to 15, or 0 where IA32_VMX_MISC allows it");
	}
}

static void check_entry_controls(struct entry *e)
{
	about(e, ENTRY_CONTROLS);
	check_allowed(e, e->caps->entry);
	rule(e, !(e->entry & (ENTRY_TO_SMM | ENTRY_END_DUAL_MONITOR)),
	     "the controls for SMM (bits 10 and 11) must be 0 outside SMM");
	if (e->event)
		check_event(e);
	check_msr_area(e, ENTRY_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_ADDRESS);
}

/* Host state */

static void check_host_registers(struct entry *e)
{
	check_cr0(e, HOST_CR0, 0);
	check_cr4(e, HOST_CR4, read(e, HOST_CR0));
	check_width(e, about(e, HOST_CR3), e->maxphyaddr);
	check_canonical(e, HOST_SYSENTER_ESP);
	check_canonical(e, HOST_SYSENTER_EIP);
	if (e->exit & EXIT_LOAD_PAT)
		check_pat(e, HOST_PAT);
	if (e->exit & EXIT_LOAD_EFER) {
		uint64_t long_mode = e->exit & EXIT_HOST_ADDRESS_SPACE ? EFER_LMA | EFER_LME : 0;

		check_efer_reserved(e, HOST_EFER);
		rule(e, (e->value & (EFER_LMA | EFER_LME)) == long_mode,
		     "LMA and LME must equal \"host address-space size\"");
	}
}

static void check_host_segments(struct entry *e)
{
	static const enum vmcs_field selectors[] = { HOST_ES_SELECTOR, HOST_CS_SELECTOR,
						     HOST_SS_SELECTOR, HOST_DS_SELECTOR,
						     HOST_FS_SELECTOR, HOST_GS_SELECTOR,
						     HOST_TR_SELECTOR };
	static const enum vmcs_field bases[] = { HOST_FS_BASE, HOST_GS_BASE, HOST_TR_BASE,
						 HOST_GDTR_BASE, HOST_IDTR_BASE };

	for (size_t i = 0; i < array_size(selectors); i++) {
		about(e, selectors[i]);
		rule(e, !(e->value & 7), "RPL and TI (bits 2:0) must be 0");
		if (e->field == HOST_CS_SELECTOR || e->field == HOST_TR_SELECTOR)
			rule(e, e->value != 0, "the selectors of CS and TR must not be 0");
	}
	for (size_t i = 0; i < array_size(bases); i++)
		check_canonical(e, bases[i]);
}

/* The entry comes from 64-bit mode: see the header. */
static void check_address_space(struct entry *e)
{
	uint64_t cr4 = about(e, HOST_CR4);

	if (e->exit & EXIT_HOST_ADDRESS_SPACE) {
		rule(e, cr4 & CR4_PAE, "a 64-bit host needs PAE (bit 5)");
		rule(e, is_canonical(about(e, HOST_RIP), cr4 & CR4_LA57 ? 57 : 48),
		     "must be canonical with the host's CR4");
	}
	about(e, EXIT_CONTROLS);
	rule(e, e->exit & EXIT_HOST_ADDRESS_SPACE,
	     "\"host address-space size\" (bit 9) must be 1 in IA-32e mode");
}

/* Guest control registers, debug registers, MSRs */

static void check_guest_efer(struct entry *e)
{
	bool lma, lme;

	check_efer_reserved(e, GUEST_EFER);
	lma = e->value & EFER_LMA;
	lme = e->value & EFER_LME;
	rule(e, lma == e->ia32e, "LMA (bit 10) must equal \"IA-32e mode guest\"");
	rule(e, lma == lme || !(e->cr0 & CR0_PG), "LMA and LME must be equal with CR0.PG");
}

static void check_guest_registers(struct entry *e)
{
	check_cr0(e, GUEST_CR0, e->unrestricted ? CR0_PE | CR0_PG : 0);
	rule(e, !(e->cr0 & CR0_PG) || e->cr0 & CR0_PE, "PG (bit 31) needs PE (bit 0)");
	rule(e, !e->ia32e || e->cr0 & CR0_PG, "\"IA-32e mode guest\" needs PG (bit 31)");
	check_cr4(e, GUEST_CR4, e->cr0);
	rule(e, !e->ia32e || e->cr4 & CR4_PAE, "\"IA-32e mode guest\" needs PAE (bit 5)");
	rule(e, e->ia32e || !(e->cr4 & CR4_PCIDE), "PCIDE (bit 17) needs \"IA-32e mode guest\"");
	check_width(e, about(e, GUEST_CR3) & ~(e->caps->cr4_fixed1 & CR4_LAM_SUP ? CR3_LAM : 0),
		    e->maxphyaddr);
	if (e->entry & ENTRY_LOAD_DEBUG_CONTROLS) {
		rule(e, !(about(e, GUEST_DEBUGCTL) & ~DEBUGCTL_DEFINED),
		     "reserved bits (63:16 and 5:3) must be 0");
		rule(e, !(about(e, GUEST_DR7) >> 32), "bits 63:32 must be 0");
	}
	check_canonical(e, GUEST_SYSENTER_ESP);
	check_canonical(e, GUEST_SYSENTER_EIP);
	if (e->entry & ENTRY_LOAD_PAT)
		check_pat(e, GUEST_PAT);
	if (e->entry & ENTRY_LOAD_EFER)
		check_guest_efer(e);
}

/* Guest segments */

static bool is_usable(uint32_t access)
{
	return !(access & SEGMENT_UNUSABLE);
}

static void check_v86_segment(struct entry *e, enum segment_name s)
{
	uint64_t selector = read(e, segment_field(GUEST_ES_SELECTOR, s));

	rule(e, about(e, segment_field(GUEST_ES_BASE, s)) == selector << 4,
	     "must be 16 times the selector in virtual-8086 mode");
	rule(e, about(e, segment_field(GUEST_ES_LIMIT, s)) == 0xffff,
	     "must be 0xffff in virtual-8086 mode");
	rule(e, about(e, segment_field(GUEST_ES_ACCESS_RIGHTS, s)) == 0xf3,
	     "must be 0xf3 in virtual-8086 mode");
}

/* What all usable segments share; leaves ABOUT at the access rights. */
static void check_descriptor(struct entry *e, enum segment_name s)
{
	uint64_t limit = read(e, segment_field(GUEST_ES_LIMIT, s));
	uint64_t access = about(e, segment_field(GUEST_ES_ACCESS_RIGHTS, s));

	rule(e, access & SEGMENT_PRESENT, "P (bit 7) must be 1");
	rule(e, !(access & 0xf00), "reserved bits 11:8 must be 0");
	rule(e, !(access >> 17), "reserved bits 31:17 must be 0");
	rule(e, (limit & 0xfff) == 0xfff || !(access & SEGMENT_GRANULAR),
	     "G (bit 15) must be 0 when a bit of 11:0 of the limit is 0");
	rule(e, !(limit >> 20) || access & SEGMENT_GRANULAR,
	     "G (bit 15) must be 1 when a bit of 31:20 of the limit is 1");
}

static void check_code_or_data(struct entry *e, enum segment_name s)
{
	check_descriptor(e, s);
	rule(e, e->value & SEGMENT_S, "S (bit 4) must be 1 for code and data");
}

static void check_base_32(struct entry *e, enum segment_name s)
{
	rule(e, !(about(e, segment_field(GUEST_ES_BASE, s)) >> 32),
	     "bits 63:32 must be 0 for CS, SS, DS and ES");
}

static void check_cs(struct entry *e)
{
	unsigned type = e->cs & SEGMENT_TYPE;
	unsigned dpl = SEGMENT_DPL(e->cs);

	check_base_32(e, SEG_CS);
	check_code_or_data(e, SEG_CS);
	rule(e,
	     type == 9 || type == 11 || type == 13 || type == 15 || (type == 3 && e->unrestricted),
	     "the type must be 9, 11, 13 or 15, or 3 in an unrestricted guest");
	rule(e, type != 3 || dpl == 0, "DPL must be 0 for a type of 3");
	rule(e, (type != 9 && type != 11) || dpl == SEGMENT_DPL(e->ss),
	     "DPL must equal that of SS for a type of 9 or 11");
	rule(e, (type != 13 && type != 15) || dpl <= SEGMENT_DPL(e->ss),
	     "DPL must not be above that of SS for a type of 13 or 15");
	rule(e, !e->ia32e || !(e->cs & SEGMENT_LONG) || !(e->cs & SEGMENT_DB),
	     "D/B (bit 14) must be 0 in 64-bit mode");
}

static void check_ss(struct entry *e)
{
	unsigned type = e->ss & SEGMENT_TYPE;
	unsigned rpl = read(e, GUEST_SS_SELECTOR) & 3;

	if (is_usable(e->ss)) {
		check_base_32(e, SEG_SS);
		check_code_or_data(e, SEG_SS);
		rule(e, type == 3 || type == 7, "the type must be 3 or 7");
	}
	about(e, GUEST_SS_ACCESS_RIGHTS);
	rule(e, e->unrestricted || SEGMENT_DPL(e->ss) == rpl, "DPL must equal RPL for SS");
	rule(e, SEGMENT_DPL(e->ss) == 0 || ((e->cs & SEGMENT_TYPE) != 3 && e->cr0 & CR0_PE),
	     "DPL must be 0 when CS has a type of 3 or CR0.PE is 0");
	about(e, GUEST_SS_SELECTOR);
	rule(e, e->unrestricted || rpl == (read(e, GUEST_CS_SELECTOR) & 3),
	     "RPL must equal that of CS");
}

static void check_data_segment(struct entry *e, enum segment_name s)
{
	uint32_t access = (uint32_t)read(e, segment_field(GUEST_ES_ACCESS_RIGHTS, s));
	unsigned type = access & SEGMENT_TYPE;
	unsigned rpl = read(e, segment_field(GUEST_ES_SELECTOR, s)) & 3;

	if (s == SEG_FS || s == SEG_GS)
		check_canonical(e, segment_field(GUEST_ES_BASE, s));
	else if (is_usable(access))
		check_base_32(e, s);
	if (!is_usable(access))
		return;
	check_code_or_data(e, s);
	rule(e, type & 1, "the type must have accessed (bit 0)");
	rule(e, !(type & 8) || type & 2, "a code segment must be readable (bit 1 of the type)");
	rule(e, e->unrestricted || type > 11 || SEGMENT_DPL(access) >= rpl,
	     "DPL must not be below RPL");
}

static void check_tr(struct entry *e)
{
	unsigned type;

	rule(e, !(about(e, GUEST_TR_SELECTOR) & BIT(2)), "TI (bit 2) must be 0 for TR");
	check_canonical(e, GUEST_TR_BASE);
	check_descriptor(e, SEG_TR);
	type = e->value & SEGMENT_TYPE;
	rule(e, type == 11 || (type == 3 && !e->ia32e),
	     "the type must be 11, or 3 outside IA-32e mode");
	rule(e, !(e->value & SEGMENT_S), "S (bit 4) must be 0 for TR");
	rule(e, is_usable((uint32_t)e->value), "TR must be usable (bit 16 must be 0)");
}

static void check_ldtr(struct entry *e)
{
	if (!is_usable((uint32_t)read(e, GUEST_LDTR_ACCESS_RIGHTS)))
		return;
	rule(e, !(about(e, GUEST_LDTR_SELECTOR) & BIT(2)), "TI (bit 2) must be 0 for LDTR");
	check_canonical(e, GUEST_LDTR_BASE);
	check_descriptor(e, SEG_LDTR);
	rule(e, (e->value & SEGMENT_TYPE) == 2, "the type must be 2");
	rule(e, !(e->value & SEGMENT_S), "S (bit 4) must be 0 for LDTR");
}

static void check_guest_segments(struct entry *e)
{
	if (e->v86) {
		for (unsigned s = SEG_ES; s <= SEG_GS; s++)
			check_v86_segment(e, (enum segment_name)s);
	} else {
		check_cs(e);
		check_ss(e);
		check_data_segment(e, SEG_DS);
		check_data_segment(e, SEG_ES);
		check_data_segment(e, SEG_FS);
		check_data_segment(e, SEG_GS);
	}
	check_tr(e);
	check_ldtr(e);
}

static void check_guest_tables(struct entry *e)
{
	check_canonical(e, GUEST_GDTR_BASE);
	check_canonical(e, GUEST_IDTR_BASE);
	rule(e, !(about(e, GUEST_GDTR_LIMIT) >> 16), "bits 31:16 of GDTR's limit must be 0");
	rule(e, !(about(e, GUEST_IDTR_LIMIT) >> 16), "bits 31:16 of IDTR's limit must be 0");
}

/* Guest RIP and RFLAGS */

static void check_guest_rip(struct entry *e)
{
	uint64_t rip = about(e, GUEST_RIP);
	uint64_t above = rip >> linear_bits(e);

	if (e->ia32e && e->cs & SEGMENT_LONG)
		rule(e, above == 0 || above == UINT64_MAX >> linear_bits(e),
		     "bits above the linear-address width must be all 0 or all 1");
	else
		rule(e, !(rip >> 32), "bits 63:32 must be 0 outside 64-bit mode");

	about(e, GUEST_RFLAGS);
	rule(e, !(e->rflags & ~RFLAGS_DEFINED), "reserved bits (63:22, 15, 5, 3) must be 0");
	rule(e, e->rflags & RFLAGS_FIXED, "bit 1 must be 1");
	rule(e, !e->v86 || (!e->ia32e && e->cr0 & CR0_PE),
	     "VM (bit 17) must be 0 in IA-32e mode and without CR0.PE");
	rule(e, !e->event || e->event_type != EVENT_INTERRUPT || e->rflags & RFLAGS_IF,
	     "IF (bit 9) must be 1 to inject an external interrupt");
}

/* Guest non-register state */

/* What an inactive processor would still take. */
static bool activity_allows_event(const struct entry *e)
{
	unsigned vector = INTERRUPTION_VECTOR(e->event);
	bool machine_check = e->event_type == EVENT_EXCEPTION && vector == VECTOR_MC;

	switch (e->activity) {
	case ACTIVITY_HLT:
		return e->event_type == EVENT_INTERRUPT || e->event_type == EVENT_NMI ||
		       e->event_type == INTERRUPTION_OTHER_EVENT || machine_check ||
		       (e->event_type == EVENT_EXCEPTION && vector == VECTOR_DB);
	case ACTIVITY_SHUTDOWN:
		return e->event_type == EVENT_NMI || machine_check;
	case ACTIVITY_WAIT_FOR_SIPI:
		return false;
	default:
		return true;
	}
}

static void check_activity(struct entry *e)
{
	bool active = e->activity == ACTIVITY_ACTIVE;

	about(e, GUEST_ACTIVITY_STATE);
	rule(e,
	     active || (e->activity <= ACTIVITY_WAIT_FOR_SIPI &&
			e->caps->misc & VMX_MISC_ACTIVITY(e->activity)),
	     "must be 0 to 3 and a state that IA32_VMX_MISC has");
	rule(e, e->activity != ACTIVITY_HLT || SEGMENT_DPL(e->ss) == 0,
	     "must not be HLT unless the DPL of SS is 0");
	rule(e, active || !(e->blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)),
	     "must be active with blocking by STI or by MOV SS");
	rule(e, !e->event || activity_allows_event(e), "must not be one that blocks the event");
}

static void check_interruptibility(struct entry *e)
{
	bool sti = e->blocking & BLOCKING_BY_STI;
	bool mov_ss = e->blocking & BLOCKING_BY_MOV_SS;
	bool nmi = e->event && e->event_type == EVENT_NMI;

	about(e, GUEST_INTERRUPTIBILITY);
	rule(e, !(e->blocking >> 5), "bits 31:5 must be 0");
	rule(e, !sti || !mov_ss, "must not have blocking by both STI and MOV SS");
	rule(e, !sti || e->rflags & RFLAGS_IF, "blocking by STI (bit 0) needs RFLAGS.IF");
	rule(e, !e->event || e->event_type != EVENT_INTERRUPT || (!sti && !mov_ss),
	     "bits 1:0 must be 0 to inject an external interrupt");
	rule(e, !nmi || !mov_ss, "blocking by MOV SS (bit 1) must be 0 to inject an NMI");
	rule(e, !(e->blocking & BLOCKING_BY_SMI), "blocking by SMI (bit 2) must be 0 outside SMM");
	rule(e, !nmi || !sti,
	     "blocking by STI (bit 0) must be 0 to inject an NMI on some processors");
	rule(e, !nmi || !(e->pin & PIN_VIRTUAL_NMIS) || !(e->blocking & BLOCKING_BY_NMI),
	     "blocking by NMI (bit 3) must be 0 to inject an NMI with virtual NMIs");
}

static void check_pending_debug(struct entry *e)
{
	uint64_t pending = about(e, GUEST_PENDING_DEBUG);
	bool single_step = e->rflags & RFLAGS_TF && !(read(e, GUEST_DEBUGCTL) & DEBUGCTL_BTF);
	bool bs = pending & PENDING_DEBUG_BS;

	rule(e, !(pending & ~PENDING_DEBUG_DEFINED),
	     "reserved bits (63:17, 15, 13, 10:4) must be 0");
	if (e->blocking & (BLOCKING_BY_STI | BLOCKING_BY_MOV_SS) || e->activity == ACTIVITY_HLT) {
		rule(e, bs || !single_step,
		     "BS (bit 14) must be 1: TF is 1, BTF is 0, after STI, MOV SS or HLT");
		rule(e, !bs || single_step,
		     "BS (bit 14) must be 0: TF is 0 or BTF is 1, after STI, MOV SS or HLT");
	}
	if (pending & PENDING_DEBUG_RTM) {
		rule(e, pending == (PENDING_DEBUG_RTM | PENDING_DEBUG_ENABLED),
		     "RTM (bit 16) needs bit 12 and no other");
		rule(e, !(e->blocking & BLOCKING_BY_MOV_SS),
		     "RTM (bit 16) must be 0 with blocking by MOV SS");
	}
}

static void check_non_register_state(struct entry *e)
{
	check_activity(e);
	check_interruptibility(e);
	check_pending_debug(e);
	if (read(e, VMCS_LINK_POINTER) != UINT64_MAX)
		check_page(e, VMCS_LINK_POINTER);
}

static void check_pdptes(struct entry *e)
{
	uint64_t reserved = ~(BIT(e->maxphyaddr) - 1) | 0x1e6;

	if (!(e->cr0 & CR0_PG) || !(e->cr4 & CR4_PAE) || e->ia32e || !(e->proc2 & PROC2_EPT))
		return;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t pdpte = about(e, (enum vmcs_field)(GUEST_PDPTE0 + 2 * i));

		rule(e, !(pdpte & PTE_P) || !(pdpte & reserved),
		     "reserved bits of a present PDPTE must be 0");
	}
}

const unsigned vmx_entry_rules = __COUNTER__;

static const struct {
	const char *section; /* of SDM 3C */
	void (*check)(struct entry *e);
} sections[] = {
	{ "26.2.1.1", check_execution_controls }, { "26.2.1.2", check_exit_controls },
	{ "26.2.1.3", check_entry_controls },     { "26.2.2", check_host_registers },
	{ "26.2.3", check_host_segments },        { "26.2.4", check_address_space },
	{ "26.3.1.1", check_guest_registers },    { "26.3.1.2", check_guest_segments },
	{ "26.3.1.3", check_guest_tables },       { "26.3.1.4", check_guest_rip },
	{ "26.3.1.5", check_non_register_state }, { "26.3.1.6", check_pdptes },
};

unsigned vmx_check_entry(const struct vmcs_reader *vmcs,
			 const struct vmx_capabilities *capabilities, unsigned maxphyaddr,
			 vmx_rule_broken *broken, void *ctx)
{
	struct entry e = {
		.vmcs = vmcs,
		.caps = capabilities,
		.maxphyaddr = maxphyaddr,
		.broken = broken,
		.ctx = ctx,
	};

	e.pin = (uint32_t)read(&e, PIN_CONTROLS);
	e.proc = (uint32_t)read(&e, PROC_CONTROLS);
	if (e.proc & PROC_SECONDARY)
		e.proc2 = (uint32_t)read(&e, PROC_CONTROLS2);
	e.exit = (uint32_t)read(&e, EXIT_CONTROLS);
	e.entry = (uint32_t)read(&e, ENTRY_CONTROLS);
	e.event = (uint32_t)read(&e, ENTRY_INTERRUPTION_INFO);
	if (!(e.event & INTERRUPTION_VALID))
		e.event = 0;
	e.event_type = INTERRUPTION_TYPE(e.event);
	e.cr0 = read(&e, GUEST_CR0);
	e.cr4 = read(&e, GUEST_CR4);
	e.rflags = read(&e, GUEST_RFLAGS);
	e.cs = (uint32_t)read(&e, GUEST_CS_ACCESS_RIGHTS);
	e.ss = (uint32_t)read(&e, GUEST_SS_ACCESS_RIGHTS);
	e.activity = (uint32_t)read(&e, GUEST_ACTIVITY_STATE);
	e.blocking = (uint32_t)read(&e, GUEST_INTERRUPTIBILITY);
	e.ia32e = e.entry & ENTRY_IA32E_GUEST;
	e.unrestricted = e.proc2 & PROC2_UNRESTRICTED_GUEST;
	e.v86 = e.rflags & RFLAGS_VM;
	for (size_t i = 0; i < array_size(sections); i++) {
		e.section = sections[i].section;
		sections[i].check(&e);
	}
	return e.count;
}
