/*
 * arch/x86/vmx/entry_check.c: guests that are as they should be break no rule; then every rule is
 * broken alone, and the report must name that rule, its field and value, and its section. What a
 * turned-off feature would refuse must pass.
 */
#include "arch/x86/vmx/entry_check.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "arch/x86/virt.h"
#include "arch/x86/vmx/ept.h"
#include "tests/unit/unit.h"

#include <string.h>

#define MAXPHYADDR   39
#define TOO_HIGH     BIT(MAXPHYADDR)
#define NONCANONICAL BIT(47)

/* What TRUE capability MSRs have as allowed-0 settings, and some bit that no control has. */
#define PIN_FIXED    0x16ull
#define PROC_FIXED   0x04006172ull
#define EXIT_FIXED   0x36dfbull
#define ENTRY_FIXED  0x11fbull
#define NO_PROC      BIT(18)
#define NO_OTHER     BIT(30)

enum guest {
	LONG_MODE,
	PAE,        /* 32-bit protected mode with PAE paging */
	PROTECTED,  /* 32-bit protected mode without paging */
	RESTRICTED, /* 32-bit paging without "unrestricted guest" */
	REAL,
	WAIT_FOR_SIPI,
	V86,
	GUEST_COUNT,
};

static const struct vmx_capabilities plain_capabilities = {
	.basic = VMX_BASIC_TRUE_CONTROLS,
	.misc = 7 << 6 | 4 << 16,
	.pin = (0xffffffff & ~NO_OTHER) << 32 | PIN_FIXED,
	.proc = (0xffffffff & ~NO_PROC) << 32 | PROC_FIXED,
	.proc2 = (0xffffffff & ~NO_OTHER) << 32,
	.exit = (0xffffffff & ~NO_OTHER) << 32 | EXIT_FIXED,
	.entry = (0xffffffff & ~NO_OTHER) << 32 | ENTRY_FIXED,
	.ept_vpid = EPT_CAP_WALK_4 | EPT_CAP_TYPE_WB,
	.cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
	.cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = CR4_VMXE,
	.cr4_fixed1 = 0xff67ff & ~CR4_LA57,
};

static uint64_t vmcs[0x8000];
static struct vmx_capabilities caps;

static uint64_t read_fake(UNUSED void *ctx, enum vmcs_field field)
{
	uint64_t value;

	assert_true(field < array_size(vmcs));
	value = vmcs[field];
	switch (VMCS_WIDTH(field)) {
	case VMCS_16:
		return (uint16_t)value;
	case VMCS_32:
		return (uint32_t)value;
	default:
		return value;
	}
}

const char *vmcs_field_name(enum vmcs_field field)
{
	switch (field) {
#define X(name, encoding)                                                                          \
	case name:                                                                                 \
		return #name;
		VMCS_FIELDS(X)
#undef X
	}
	return "?";
}

/* The reports of one check. */
#define REPORTS_MAX 64
static struct {
	const char *field;
	uint64_t value;
	const char *rule;
	const char *section;
} reports[REPORTS_MAX];
static unsigned report_count;

static void record(void *ctx, const char *field, uint64_t value, const char *rule,
		   const char *section)
{
	assert_ptr_equal(ctx, &report_count);
	assert_true(report_count < REPORTS_MAX);
	reports[report_count].field = field;
	reports[report_count].value = value;
	reports[report_count].rule = rule;
	reports[report_count].section = section;
	report_count++;
}

static void check(void)
{
	const struct vmcs_reader reader = { .read = read_fake };
	unsigned count;

	report_count = 0;
	count = vmx_check_entry(&reader, &caps, MAXPHYADDR, record, &report_count);
	assert_int_equal(count, report_count);
}

static void set_segment(enum segment_name s, uint16_t selector, uint64_t base, uint32_t limit,
			uint32_t access)
{
	vmcs[segment_field(GUEST_ES_SELECTOR, s)] = selector;
	vmcs[segment_field(GUEST_ES_BASE, s)] = base;
	vmcs[segment_field(GUEST_ES_LIMIT, s)] = limit;
	vmcs[segment_field(GUEST_ES_ACCESS_RIGHTS, s)] = access;
}

static void set_controls_and_host(void)
{
	vmcs[PIN_CONTROLS] = PIN_FIXED | PIN_NMI_EXITING | PIN_VIRTUAL_NMIS;
	vmcs[PROC_CONTROLS] = PROC_FIXED | PROC_MSR_BITMAPS | PROC_SECONDARY;
	vmcs[PROC_CONTROLS2] = PROC2_EPT | PROC2_VPID | PROC2_UNRESTRICTED_GUEST | PROC2_RDTSCP;
	vmcs[EXIT_CONTROLS] = EXIT_FIXED | EXIT_HOST_ADDRESS_SPACE | EXIT_SAVE_DEBUG_CONTROLS |
			      EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_LOAD_EFER;
	vmcs[ENTRY_CONTROLS] =
		ENTRY_FIXED | ENTRY_LOAD_DEBUG_CONTROLS | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER;
	vmcs[MSR_BITMAP] = 0x5000;
	vmcs[EPT_POINTER] = 0x6000 | 3 << EPTP_WALK_SHIFT | MEMORY_WB;
	vmcs[VPID] = 1;
	vmcs[VMCS_LINK_POINTER] = UINT64_MAX;

	vmcs[HOST_CR0] = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	vmcs[HOST_CR3] = 0x3e001000;
	vmcs[HOST_CR4] = CR4_PAE | CR4_VMXE;
	vmcs[HOST_EFER] = EFER_LME | EFER_LMA | EFER_NXE;
	vmcs[HOST_PAT] = PAT_RESET;
	vmcs[HOST_CS_SELECTOR] = 0x08;
	vmcs[HOST_DS_SELECTOR] = vmcs[HOST_ES_SELECTOR] = vmcs[HOST_SS_SELECTOR] = 0x10;
	vmcs[HOST_TR_SELECTOR] = 0xff0;
	vmcs[HOST_GS_BASE] = vmcs[HOST_TR_BASE] = 0xffffffff80010000ull;
	vmcs[HOST_GDTR_BASE] = vmcs[HOST_IDTR_BASE] = 0xffffffff80011000ull;
	vmcs[HOST_RIP] = 0xffffffff80001000ull;
}

/* After power-on, SDM 3A table 9-1. */
static void set_real_mode(void)
{
	vmcs[GUEST_CR0] = CR0_ET | CR0_NE | CR0_CD | CR0_NW;
	vmcs[GUEST_CR4] = CR4_VMXE;
	vmcs[GUEST_RIP] = 0xfff0;
	vmcs[GUEST_RFLAGS] = RFLAGS_FIXED;
	vmcs[GUEST_DR7] = DR7_RESET;
	vmcs[GUEST_PAT] = PAT_RESET;
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		set_segment((enum segment_name)s, 0, 0, 0xffff, 0x93);
	set_segment(SEG_CS, 0xf000, 0xffff0000, 0xffff, 0x9b);
	set_segment(SEG_LDTR, 0, 0, 0xffff, 0x82);
	set_segment(SEG_TR, 0, 0, 0xffff, 0x8b);
	vmcs[GUEST_GDTR_LIMIT] = vmcs[GUEST_IDTR_LIMIT] = 0xffff;
}

static void set_protected_mode(uint64_t cr0, uint64_t cr4)
{
	vmcs[GUEST_CR0] = CR0_PE | CR0_ET | CR0_NE | CR0_WP | cr0;
	vmcs[GUEST_CR4] = CR4_VMXE | cr4;
	vmcs[GUEST_CR3] = 0x1000;
	vmcs[GUEST_RIP] = 0x100000;
	vmcs[GUEST_RFLAGS] = RFLAGS_FIXED | RFLAGS_IF;
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		set_segment((enum segment_name)s, 0x10, 0, 0xffffffff, 0xc093);
	set_segment(SEG_CS, 0x08, 0, 0xffffffff, 0xc09b);
	set_segment(SEG_LDTR, 0x18, 0x2000, 0xffff, 0x82);
	set_segment(SEG_TR, 0x20, 0x3000, 0x67, 0x8b);
}

static void begin(enum guest guest)
{
	memset(vmcs, 0, sizeof(vmcs));
	caps = plain_capabilities;
	set_controls_and_host();
	set_real_mode();
	switch (guest) {
	case LONG_MODE:
		set_protected_mode(CR0_PG, CR4_PAE);
		set_segment(SEG_CS, 0x38, 0, 0xffffffff, 0xa09b);
		set_segment(SEG_FS, 0, 0, 0, SEGMENT_UNUSABLE);
		set_segment(SEG_LDTR, 0, 0, 0, SEGMENT_UNUSABLE);
		vmcs[ENTRY_CONTROLS] |= ENTRY_IA32E_GUEST;
		vmcs[GUEST_EFER] = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
		vmcs[GUEST_RIP] = 0xffffffff81000000ull;
		vmcs[GUEST_GS_BASE] = 0xffff888000000000ull;
		break;
	case PAE:
		set_protected_mode(CR0_PG, CR4_PAE);
		vmcs[GUEST_PDPTE0] = 0x7000 | PTE_P;
		vmcs[GUEST_PDPTE3] = 0x8000 | PTE_P;
		break;
	case PROTECTED:
		set_protected_mode(0, 0);
		break;
	case RESTRICTED:
		set_protected_mode(CR0_PG, 0);
		vmcs[PROC_CONTROLS2] &= ~PROC2_UNRESTRICTED_GUEST;
		break;
	case REAL:
		break;
	case WAIT_FOR_SIPI:
		vmcs[GUEST_ACTIVITY_STATE] = ACTIVITY_WAIT_FOR_SIPI;
		break;
	case V86:
		set_protected_mode(CR0_PG, 0);
		for (unsigned s = SEG_ES; s <= SEG_GS; s++)
			set_segment((enum segment_name)s, 0x1230, 0x12300, 0xffff, 0xf3);
		vmcs[GUEST_RFLAGS] |= RFLAGS_VM;
		vmcs[GUEST_RIP] = 0x100;
		break;
	case GUEST_COUNT:
		break;
	}
}

/* A way to leave the rules, or to stay within: changes to a good guest. */
struct change {
	enum {
		NONE,
		SET,
		ON,
		OFF
	} how;
	enum vmcs_field field;
	uint64_t value;
};

#define CHANGES_MAX 6
#define SET(f, v)                                                                                  \
	{                                                                                          \
		SET, f, v                                                                          \
	}
#define ON(f, v)                                                                                   \
	{                                                                                          \
		ON, f, v                                                                           \
	}
#define OFF(f, v)                                                                                  \
	{                                                                                          \
		OFF, f, v                                                                          \
	}
#define INJECT(i)    SET(ENTRY_INTERRUPTION_INFO, INTERRUPTION_VALID | (i))
#define EVENT(t)     ((uint64_t)(t) << 8)
#define EXCEPTION(v) (EVENT(EVENT_EXCEPTION) | (v))

static void apply(const struct change *changes)
{
	for (unsigned i = 0; i < CHANGES_MAX && changes[i].how != NONE; i++) {
		uint64_t *value = &vmcs[changes[i].field];

		if (changes[i].how == SET)
			*value = changes[i].value;
		else if (changes[i].how == ON)
			*value |= changes[i].value;
		else
			*value &= ~changes[i].value;
	}
}

static void no_monitor_trap(void)
{
	caps.proc &= ~((uint64_t)PROC_MONITOR_TRAP << 32);
}

static void no_hlt(void)
{
	caps.misc &= ~VMX_MISC_ACTIVITY(ACTIVITY_HLT);
}

static void structures_below_4g(void)
{
	caps.basic |= VMX_BASIC_32BIT_ADDRESS;
}

static void fixed_proc2(void)
{
	caps.proc2 |= PROC2_XSAVES;
}

static void any_error_code(void)
{
	caps.basic |= VMX_BASIC_ANY_ERROR_CODE;
}

static void length_0(void)
{
	caps.misc |= VMX_MISC_LENGTH_0;
}

static void five_levels(void)
{
	caps.cr4_fixed1 |= CR4_LA57;
}

static void lam(void)
{
	caps.cr4_fixed1 |= CR4_LAM_SUP;
}

static void fixed_cache_bits(void)
{
	caps.cr0_fixed0 |= CR0_NW;
	caps.cr0_fixed1 &= ~CR0_CD;
}

static void more_of_ept(void)
{
	caps.ept_vpid |= EPT_CAP_TYPE_UC | EPT_CAP_WALK_5 | EPT_CAP_AD | EPT_CAP_SSS;
}

struct broken {
	struct change changes[CHANGES_MAX];
	enum guest guest;
	enum vmcs_field field;
	const char *section;
	const char *rule; /* a part of its text */
	void (*processor)(void);
};

/* A good guest, which report is to be expected, and the changes that bring it. */
#define BREAK(...) BREAK_ON(NULL, __VA_ARGS__)
#define BREAK_ON(processor_, guest_, field_, section_, rule_, ...)                                 \
	{                                                                                          \
		.guest = (guest_), .changes = { __VA_ARGS__ }, .field = (field_),                  \
		.section = (section_), .rule = (rule_), .processor = (processor_)                  \
	}

#define PAGE_RULES(f, ...)                                                                         \
	BREAK(LONG_MODE, f, "26.2.1.1", "bits 11:0", __VA_ARGS__, SET(f, 0x800)),                  \
		BREAK(LONG_MODE, f, "26.2.1.1", "physical-address", __VA_ARGS__, SET(f, TOO_HIGH))

#define MSR_AREA_RULES(count, f, section)                                                          \
	BREAK(LONG_MODE, f, section, "bits 3:0", SET(count, 1), SET(f, 8)),                        \
		BREAK(LONG_MODE, f, section, "address width must be 0", SET(count, 1),             \
		      SET(f, TOO_HIGH)),                                                           \
		BREAK(LONG_MODE, f, section, "must end", SET(count, 2), SET(f, TOO_HIGH - 16))

#define CANONICAL_RULE(f, section) BREAK(LONG_MODE, f, section, "canonical", SET(f, NONCANONICAL))

#define ACCESS_RULE(guest, S, rule, ...)                                                           \
	BREAK(guest, GUEST_##S##_ACCESS_RIGHTS, "26.3.1.2", rule, __VA_ARGS__)
#define ACCESS_ON(S, bits)  ON(GUEST_##S##_ACCESS_RIGHTS, bits)
#define ACCESS_OFF(S, bits) OFF(GUEST_##S##_ACCESS_RIGHTS, bits)
#define ACCESS(S, access)   SET(GUEST_##S##_ACCESS_RIGHTS, access)

#define DESCRIPTOR_RULES(guest, S)                                                                 \
	ACCESS_RULE(guest, S, "P (bit 7)", ACCESS_OFF(S, SEGMENT_PRESENT)),                        \
		ACCESS_RULE(guest, S, "bits 11:8", ACCESS_ON(S, BIT(8))),                          \
		ACCESS_RULE(guest, S, "bits 11:8", ACCESS_ON(S, BIT(11))),                         \
		ACCESS_RULE(guest, S, "bits 31:17", ACCESS_ON(S, BIT(17))),                        \
		ACCESS_RULE(guest, S, "bit of 11:0", SET(GUEST_##S##_LIMIT, 0xffe),                \
			    ACCESS_ON(S, SEGMENT_GRANULAR)),                                       \
		ACCESS_RULE(guest, S, "bit of 31:20", SET(GUEST_##S##_LIMIT, 0x100fff),            \
			    ACCESS_OFF(S, SEGMENT_GRANULAR))

#define V86_RULES(S)                                                                               \
	BREAK(V86, GUEST_##S##_BASE, "26.3.1.2", "16 times", ON(GUEST_##S##_BASE, 1)),             \
		BREAK(V86, GUEST_##S##_LIMIT, "26.3.1.2", "must be 0xffff",                        \
		      SET(GUEST_##S##_LIMIT, 0xfffff)),                                            \
		ACCESS_RULE(V86, S, "must be 0xf3", ACCESS(S, 0x93))

#define DATA_RULES(S)                                                                              \
	ACCESS_RULE(PAE, S, "S (bit 4) must be 1", ACCESS(S, 0xc083)),                             \
		ACCESS_RULE(PAE, S, "accessed", ACCESS(S, 0xc092)),                                \
		ACCESS_RULE(PAE, S, "readable", ACCESS(S, 0xc099)),                                \
		ACCESS_RULE(RESTRICTED, S, "below RPL", SET(GUEST_##S##_SELECTOR, 0x11)),          \
		ACCESS_RULE(RESTRICTED, S, "below RPL", SET(GUEST_##S##_SELECTOR, 0x13),           \
			    ACCESS(S, 0xc0db))

static const struct broken broken[] = {
	/* VM-execution controls */
	BREAK(LONG_MODE, PIN_CONTROLS, "26.2.1.1", "fixes to 1", OFF(PIN_CONTROLS, BIT(1))),
	BREAK(LONG_MODE, PIN_CONTROLS, "26.2.1.1", "fixes to 0", ON(PIN_CONTROLS, NO_OTHER)),
	BREAK(LONG_MODE, PROC_CONTROLS, "26.2.1.1", "fixes to 1", OFF(PROC_CONTROLS, BIT(1))),
	BREAK(LONG_MODE, PROC_CONTROLS, "26.2.1.1", "fixes to 0", ON(PROC_CONTROLS, NO_PROC)),
	BREAK_ON(fixed_proc2, LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "fixes to 1"),
	BREAK(LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "fixes to 0", ON(PROC_CONTROLS2, NO_OTHER)),
	BREAK(LONG_MODE, CR3_TARGET_COUNT, "26.2.1.1", "above", SET(CR3_TARGET_COUNT, 5)),
	PAGE_RULES(IO_BITMAP_A, ON(PROC_CONTROLS, PROC_IO_BITMAPS)),
	PAGE_RULES(IO_BITMAP_B, ON(PROC_CONTROLS, PROC_IO_BITMAPS)),
	PAGE_RULES(MSR_BITMAP, ON(PROC_CONTROLS, PROC_MSR_BITMAPS)),
	PAGE_RULES(VIRTUAL_APIC_ADDRESS, ON(PROC_CONTROLS, PROC_TPR_SHADOW)),
	PAGE_RULES(APIC_ACCESS_ADDRESS, ON(PROC_CONTROLS2, PROC2_APIC_ACCESSES)),
	PAGE_RULES(VMREAD_BITMAP, ON(PROC_CONTROLS2, PROC2_VMCS_SHADOWING)),
	PAGE_RULES(VMWRITE_BITMAP, ON(PROC_CONTROLS2, PROC2_VMCS_SHADOWING)),
	PAGE_RULES(VE_INFORMATION_ADDRESS, ON(PROC_CONTROLS2, PROC2_EPT_VIOLATION_VE)),
	BREAK_ON(structures_below_4g, LONG_MODE, MSR_BITMAP, "26.2.1.1", "physical-address",
		 SET(MSR_BITMAP, BIT(32))),
	BREAK(LONG_MODE, TPR_THRESHOLD, "26.2.1.1", "bits 31:4", ON(PROC_CONTROLS, PROC_TPR_SHADOW),
	      SET(TPR_THRESHOLD, 0x10)),
	BREAK(LONG_MODE, PIN_CONTROLS, "26.2.1.1", "\"virtual NMIs\" (bit 5)",
	      OFF(PIN_CONTROLS, PIN_NMI_EXITING)),
	BREAK(LONG_MODE, PROC_CONTROLS, "26.2.1.1", "NMI-window",
	      OFF(PIN_CONTROLS, PIN_VIRTUAL_NMIS), ON(PROC_CONTROLS, PROC_NMI_WINDOW)),
	BREAK(LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "APIC virtualisation",
	      ON(PROC_CONTROLS2, PROC2_X2APIC_MODE)),
	BREAK(LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "APIC virtualisation",
	      ON(PROC_CONTROLS2, PROC2_APIC_REGISTERS)),
	BREAK(LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "APIC virtualisation",
	      ON(PROC_CONTROLS2, PROC2_INTERRUPT_DELIVERY),
	      ON(PIN_CONTROLS, PIN_EXTERNAL_INTERRUPT_EXITING)),
	BREAK(LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "bits 0 and 4",
	      ON(PROC_CONTROLS, PROC_TPR_SHADOW),
	      ON(PROC_CONTROLS2, PROC2_X2APIC_MODE | PROC2_APIC_ACCESSES)),
	BREAK(LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "virtual-interrupt delivery",
	      ON(PROC_CONTROLS, PROC_TPR_SHADOW), ON(PROC_CONTROLS2, PROC2_INTERRUPT_DELIVERY)),
	BREAK(LONG_MODE, VPID, "26.2.1.1", "must not be 0", SET(VPID, 0)),
	BREAK(LONG_MODE, EPT_POINTER, "26.2.1.1", "memory type", OFF(EPT_POINTER, EPTP_TYPE)),
	BREAK(LONG_MODE, EPT_POINTER, "26.2.1.1", "memory type", ON(EPT_POINTER, EPTP_TYPE)),
	BREAK(LONG_MODE, EPT_POINTER, "26.2.1.1", "walk length", SET(EPT_POINTER, 4 << 3 | 6)),
	BREAK(LONG_MODE, EPT_POINTER, "26.2.1.1", "walk length", SET(EPT_POINTER, 2 << 3 | 6)),
	BREAK(LONG_MODE, EPT_POINTER, "26.2.1.1", "bit 6", ON(EPT_POINTER, EPTP_AD)),
	BREAK(LONG_MODE, EPT_POINTER, "26.2.1.1", "bit 7", ON(EPT_POINTER, EPTP_SSS)),
	BREAK(LONG_MODE, EPT_POINTER, "26.2.1.1", "bits 11:8", ON(EPT_POINTER, BIT(8))),
	BREAK(LONG_MODE, EPT_POINTER, "26.2.1.1", "physical-address", ON(EPT_POINTER, TOO_HIGH)),
	BREAK(LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "\"unrestricted guest\"",
	      OFF(PROC_CONTROLS2, PROC2_EPT)),
	BREAK(LONG_MODE, PROC_CONTROLS2, "26.2.1.1", "mode-based",
	      OFF(PROC_CONTROLS2, PROC2_EPT | PROC2_UNRESTRICTED_GUEST),
	      ON(PROC_CONTROLS2, PROC2_MODE_BASED_EXECUTE)),

	/* VM-exit controls */
	BREAK(LONG_MODE, EXIT_CONTROLS, "26.2.1.2", "fixes to 1", OFF(EXIT_CONTROLS, BIT(0))),
	BREAK(LONG_MODE, EXIT_CONTROLS, "26.2.1.2", "fixes to 0", ON(EXIT_CONTROLS, NO_OTHER)),
	BREAK(LONG_MODE, EXIT_CONTROLS, "26.2.1.2", "preemption timer",
	      ON(EXIT_CONTROLS, EXIT_SAVE_PREEMPTION_TIMER)),
	MSR_AREA_RULES(EXIT_MSR_STORE_COUNT, EXIT_MSR_STORE_ADDRESS, "26.2.1.2"),
	MSR_AREA_RULES(EXIT_MSR_LOAD_COUNT, EXIT_MSR_LOAD_ADDRESS, "26.2.1.2"),

	/* VM-entry controls */
	BREAK(LONG_MODE, ENTRY_CONTROLS, "26.2.1.3", "fixes to 1", OFF(ENTRY_CONTROLS, BIT(0))),
	BREAK(LONG_MODE, ENTRY_CONTROLS, "26.2.1.3", "fixes to 0", ON(ENTRY_CONTROLS, NO_OTHER)),
	BREAK(LONG_MODE, ENTRY_CONTROLS, "26.2.1.3", "SMM", ON(ENTRY_CONTROLS, ENTRY_TO_SMM)),
	BREAK(LONG_MODE, ENTRY_CONTROLS, "26.2.1.3", "SMM",
	      ON(ENTRY_CONTROLS, ENTRY_END_DUAL_MONITOR)),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "reserved", INJECT(EVENT(1))),
	BREAK_ON(no_monitor_trap, LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "reserved",
		 INJECT(EVENT(INTERRUPTION_OTHER_EVENT))),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "NMI", INJECT(EVENT(EVENT_NMI) | 3)),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "up to 31", INJECT(EXCEPTION(32))),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "MTF",
	      INJECT(EVENT(INTERRUPTION_OTHER_EVENT) | 1)),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "bits 30:12",
	      INJECT(EXCEPTION(VECTOR_UD) | BIT(12))),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "bits 30:12",
	      INJECT(EXCEPTION(VECTOR_UD) | BIT(30))),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "needs a hardware exception",
	      INJECT(EVENT(EVENT_SOFTWARE_INTERRUPT) | 13 | INTERRUPTION_ERROR_CODE),
	      SET(ENTRY_INSTRUCTION_LENGTH, 2)),
	BREAK(REAL, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "and protected mode",
	      INJECT(EXCEPTION(VECTOR_GP) | INTERRUPTION_ERROR_CODE)),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "exactly",
	      INJECT(EXCEPTION(VECTOR_DF))),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "exactly",
	      INJECT(EXCEPTION(VECTOR_TS))),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "exactly",
	      INJECT(EXCEPTION(VECTOR_PF))),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "exactly",
	      INJECT(EXCEPTION(VECTOR_AC))),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "exactly",
	      INJECT(EXCEPTION(9) | INTERRUPTION_ERROR_CODE)),
	BREAK(LONG_MODE, ENTRY_INTERRUPTION_INFO, "26.2.1.3", "exactly",
	      INJECT(EXCEPTION(15) | INTERRUPTION_ERROR_CODE)),
	BREAK(LONG_MODE, ENTRY_EXCEPTION_ERROR_CODE, "26.2.1.3", "bits 31:16",
	      INJECT(EXCEPTION(VECTOR_PF) | INTERRUPTION_ERROR_CODE),
	      SET(ENTRY_EXCEPTION_ERROR_CODE, BIT(16))),
	BREAK(LONG_MODE, ENTRY_INSTRUCTION_LENGTH, "26.2.1.3", "1 to 15",
	      INJECT(EVENT(EVENT_SOFTWARE_INTERRUPT) | 0x80)),
	BREAK(LONG_MODE, ENTRY_INSTRUCTION_LENGTH, "26.2.1.3", "1 to 15",
	      INJECT(EVENT(EVENT_PRIVILEGED_SOFTWARE) | 1), SET(ENTRY_INSTRUCTION_LENGTH, 16)),
	BREAK_ON(length_0, LONG_MODE, ENTRY_INSTRUCTION_LENGTH, "26.2.1.3", "1 to 15",
		 INJECT(EVENT(EVENT_SOFTWARE_EXCEPTION) | 3), SET(ENTRY_INSTRUCTION_LENGTH, 16)),
	MSR_AREA_RULES(ENTRY_MSR_LOAD_COUNT, ENTRY_MSR_LOAD_ADDRESS, "26.2.1.3"),

	/* Host control registers and MSRs */
	BREAK(LONG_MODE, HOST_CR0, "26.2.2", "fixes to 1", OFF(HOST_CR0, CR0_NE)),
	BREAK(LONG_MODE, HOST_CR0, "26.2.2", "fixes to 1", OFF(HOST_CR0, CR0_PG)),
	BREAK(LONG_MODE, HOST_CR0, "26.2.2", "fixes to 0", ON(HOST_CR0, BIT(32))),
	BREAK(LONG_MODE, HOST_CR4, "26.2.2", "fixes to 1", OFF(HOST_CR4, CR4_VMXE)),
	BREAK(LONG_MODE, HOST_CR4, "26.2.2", "fixes to 0", ON(HOST_CR4, BIT(24))),
	BREAK(LONG_MODE, HOST_CR4, "26.2.2", "CET", ON(HOST_CR4, CR4_CET), OFF(HOST_CR0, CR0_WP)),
	BREAK(LONG_MODE, HOST_CR3, "26.2.2", "physical-address", ON(HOST_CR3, TOO_HIGH)),
	BREAK(LONG_MODE, HOST_CR3, "26.2.2", "physical-address", ON(HOST_CR3, BIT(63))),
	CANONICAL_RULE(HOST_SYSENTER_ESP, "26.2.2"),
	CANONICAL_RULE(HOST_SYSENTER_EIP, "26.2.2"),
	BREAK(LONG_MODE, HOST_PAT, "26.2.2", "every byte", SET(HOST_PAT, 0x02ull << 56)),
	BREAK(LONG_MODE, HOST_PAT, "26.2.2", "every byte", SET(HOST_PAT, 8)),
	BREAK(LONG_MODE, HOST_EFER, "26.2.2", "reserved bits", ON(HOST_EFER, BIT(9))),
	BREAK(LONG_MODE, HOST_EFER, "26.2.2", "LMA and LME", OFF(HOST_EFER, EFER_LMA)),
	BREAK(LONG_MODE, HOST_EFER, "26.2.2", "LMA and LME", OFF(HOST_EFER, EFER_LME)),

	/* Host segment and descriptor-table registers */
	BREAK(LONG_MODE, HOST_ES_SELECTOR, "26.2.3", "RPL and TI", ON(HOST_ES_SELECTOR, 1)),
	BREAK(LONG_MODE, HOST_CS_SELECTOR, "26.2.3", "RPL and TI", ON(HOST_CS_SELECTOR, 2)),
	BREAK(LONG_MODE, HOST_SS_SELECTOR, "26.2.3", "RPL and TI", ON(HOST_SS_SELECTOR, 4)),
	BREAK(LONG_MODE, HOST_DS_SELECTOR, "26.2.3", "RPL and TI", ON(HOST_DS_SELECTOR, 1)),
	BREAK(LONG_MODE, HOST_FS_SELECTOR, "26.2.3", "RPL and TI", ON(HOST_FS_SELECTOR, 1)),
	BREAK(LONG_MODE, HOST_GS_SELECTOR, "26.2.3", "RPL and TI", ON(HOST_GS_SELECTOR, 1)),
	BREAK(LONG_MODE, HOST_TR_SELECTOR, "26.2.3", "RPL and TI", ON(HOST_TR_SELECTOR, 4)),
	BREAK(LONG_MODE, HOST_CS_SELECTOR, "26.2.3", "must not be 0", SET(HOST_CS_SELECTOR, 0)),
	BREAK(LONG_MODE, HOST_TR_SELECTOR, "26.2.3", "must not be 0", SET(HOST_TR_SELECTOR, 0)),
	CANONICAL_RULE(HOST_FS_BASE, "26.2.3"),
	CANONICAL_RULE(HOST_GS_BASE, "26.2.3"),
	CANONICAL_RULE(HOST_TR_BASE, "26.2.3"),
	CANONICAL_RULE(HOST_GDTR_BASE, "26.2.3"),
	CANONICAL_RULE(HOST_IDTR_BASE, "26.2.3"),

	/* Address-space size */
	BREAK(LONG_MODE, HOST_CR4, "26.2.4", "PAE", OFF(HOST_CR4, CR4_PAE)),
	CANONICAL_RULE(HOST_RIP, "26.2.4"),
	BREAK_ON(five_levels, LONG_MODE, HOST_RIP, "26.2.4", "canonical", SET(HOST_RIP, BIT(50))),
	BREAK(LONG_MODE, EXIT_CONTROLS, "26.2.4", "host address-space",
	      OFF(EXIT_CONTROLS, EXIT_HOST_ADDRESS_SPACE), OFF(HOST_EFER, EFER_LMA | EFER_LME)),

	/* Guest control registers, debug registers, MSRs */
	BREAK(LONG_MODE, GUEST_CR0, "26.3.1.1", "fixes to 1", OFF(GUEST_CR0, CR0_NE)),
	BREAK(RESTRICTED, GUEST_CR0, "26.3.1.1", "fixes to 1", OFF(GUEST_CR0, CR0_PG)),
	BREAK(LONG_MODE, GUEST_CR0, "26.3.1.1", "fixes to 0", ON(GUEST_CR0, BIT(32))),
	BREAK(LONG_MODE, GUEST_CR0, "26.3.1.1", "needs PE", OFF(GUEST_CR0, CR0_PE)),
	BREAK(LONG_MODE, GUEST_CR0, "26.3.1.1", "needs PG", OFF(GUEST_CR0, CR0_PG)),
	BREAK(LONG_MODE, GUEST_CR4, "26.3.1.1", "fixes to 1", OFF(GUEST_CR4, CR4_VMXE)),
	BREAK(REAL, GUEST_CR4, "26.3.1.1", "fixes to 0", ON(GUEST_CR4, BIT(24))),
	BREAK(LONG_MODE, GUEST_CR4, "26.3.1.1", "CET", ON(GUEST_CR4, CR4_CET),
	      OFF(GUEST_CR0, CR0_WP)),
	BREAK(LONG_MODE, GUEST_CR4, "26.3.1.1", "needs PAE", OFF(GUEST_CR4, CR4_PAE)),
	BREAK(PAE, GUEST_CR4, "26.3.1.1", "PCIDE", ON(GUEST_CR4, CR4_PCIDE)),
	BREAK(LONG_MODE, GUEST_CR3, "26.3.1.1", "physical-address", ON(GUEST_CR3, TOO_HIGH)),
	BREAK(LONG_MODE, GUEST_CR3, "26.3.1.1", "physical-address", ON(GUEST_CR3, BIT(61))),
	BREAK_ON(lam, LONG_MODE, GUEST_CR3, "26.3.1.1", "physical-address", ON(GUEST_CR3, BIT(63))),
	BREAK(LONG_MODE, GUEST_DEBUGCTL, "26.3.1.1", "reserved bits", SET(GUEST_DEBUGCTL, BIT(3))),
	BREAK(LONG_MODE, GUEST_DEBUGCTL, "26.3.1.1", "reserved bits", SET(GUEST_DEBUGCTL, BIT(16))),
	BREAK(LONG_MODE, GUEST_DR7, "26.3.1.1", "bits 63:32", ON(GUEST_DR7, BIT(32))),
	CANONICAL_RULE(GUEST_SYSENTER_ESP, "26.3.1.1"),
	CANONICAL_RULE(GUEST_SYSENTER_EIP, "26.3.1.1"),
	BREAK(LONG_MODE, GUEST_PAT, "26.3.1.1", "every byte", SET(GUEST_PAT, 0x030000)),
	BREAK(LONG_MODE, GUEST_EFER, "26.3.1.1", "reserved bits", ON(GUEST_EFER, BIT(12))),
	BREAK(LONG_MODE, GUEST_EFER, "26.3.1.1", "LMA (bit 10) must equal", SET(GUEST_EFER, 0)),
	BREAK(PROTECTED, GUEST_EFER, "26.3.1.1", "LMA (bit 10) must equal",
	      SET(GUEST_EFER, EFER_LMA)),
	BREAK(PAE, GUEST_EFER, "26.3.1.1", "with CR0.PG", SET(GUEST_EFER, EFER_LME)),

	/* Guest segments */
	V86_RULES(ES),
	V86_RULES(CS),
	V86_RULES(SS),
	V86_RULES(DS),
	V86_RULES(FS),
	V86_RULES(GS),
	BREAK(LONG_MODE, GUEST_CS_BASE, "26.3.1.2", "bits 63:32", ON(GUEST_CS_BASE, BIT(32))),
	BREAK(LONG_MODE, GUEST_SS_BASE, "26.3.1.2", "bits 63:32", ON(GUEST_SS_BASE, BIT(32))),
	BREAK(LONG_MODE, GUEST_DS_BASE, "26.3.1.2", "bits 63:32", ON(GUEST_DS_BASE, BIT(32))),
	BREAK(LONG_MODE, GUEST_ES_BASE, "26.3.1.2", "bits 63:32", ON(GUEST_ES_BASE, BIT(32))),
	CANONICAL_RULE(GUEST_FS_BASE, "26.3.1.2"), /* an unusable segment */
	CANONICAL_RULE(GUEST_GS_BASE, "26.3.1.2"),
	DESCRIPTOR_RULES(LONG_MODE, CS),
	DESCRIPTOR_RULES(PAE, SS),
	DESCRIPTOR_RULES(PROTECTED, DS),
	DESCRIPTOR_RULES(RESTRICTED, ES),
	DESCRIPTOR_RULES(REAL, FS),
	DESCRIPTOR_RULES(WAIT_FOR_SIPI, GS),
	ACCESS_RULE(LONG_MODE, CS, "S (bit 4) must be 1", ACCESS_OFF(CS, SEGMENT_S)),
	ACCESS_RULE(LONG_MODE, CS, "the type must be 9, 11", ACCESS(CS, 0xa09a)),
	ACCESS_RULE(RESTRICTED, CS, "the type must be 9, 11", ACCESS(CS, 0xc093)),
	ACCESS_RULE(PROTECTED, CS, "DPL must be 0 for a type of 3", ACCESS(CS, 0xc0b3)),
	ACCESS_RULE(PROTECTED, CS, "9 or 11", ACCESS(CS, 0xc0f9)),
	ACCESS_RULE(PROTECTED, CS, "9 or 11", ACCESS(CS, 0xc0fb)),
	ACCESS_RULE(PROTECTED, CS, "9 or 11", ACCESS(SS, 0xc0f3)),
	ACCESS_RULE(PROTECTED, CS, "13 or 15", ACCESS(CS, 0xc0bd)),
	ACCESS_RULE(PROTECTED, CS, "13 or 15", ACCESS(CS, 0xc0bf)),
	ACCESS_RULE(LONG_MODE, CS, "D/B", ACCESS_ON(CS, SEGMENT_DB)),
	ACCESS_RULE(LONG_MODE, SS, "S (bit 4) must be 1", ACCESS_OFF(SS, SEGMENT_S)),
	ACCESS_RULE(LONG_MODE, SS, "3 or 7", ACCESS(SS, 0xc091)),
	ACCESS_RULE(RESTRICTED, SS, "DPL must equal RPL", ACCESS(SS, 0xc0f3), ACCESS(CS, 0xc0fb)),
	ACCESS_RULE(PROTECTED, SS, "CS has a type of 3", ACCESS(SS, 0xc0b3), ACCESS(CS, 0xc093)),
	ACCESS_RULE(REAL, SS, "CR0.PE is 0", ACCESS(SS, 0xb3), ACCESS(CS, 0xbb)),
	BREAK(RESTRICTED, GUEST_SS_SELECTOR, "26.3.1.2", "RPL must equal that of CS",
	      ACCESS(SS, 0xc0f3), ACCESS(CS, 0xc0fb), SET(GUEST_SS_SELECTOR, 0x13)),
	DATA_RULES(DS),
	DATA_RULES(ES),
	DATA_RULES(FS),
	DATA_RULES(GS),
	BREAK(LONG_MODE, GUEST_TR_SELECTOR, "26.3.1.2", "TI", ON(GUEST_TR_SELECTOR, 4)),
	CANONICAL_RULE(GUEST_TR_BASE, "26.3.1.2"),
	DESCRIPTOR_RULES(LONG_MODE, TR),
	ACCESS_RULE(LONG_MODE, TR, "the type must be 11", ACCESS(TR, 0x83)),
	ACCESS_RULE(PAE, TR, "the type must be 11", ACCESS(TR, 0x89)),
	ACCESS_RULE(LONG_MODE, TR, "S (bit 4) must be 0 for TR", ACCESS_ON(TR, SEGMENT_S)),
	ACCESS_RULE(LONG_MODE, TR, "usable", ACCESS_ON(TR, SEGMENT_UNUSABLE)),
	BREAK(PAE, GUEST_LDTR_SELECTOR, "26.3.1.2", "TI", ON(GUEST_LDTR_SELECTOR, 4)),
	BREAK(PAE, GUEST_LDTR_BASE, "26.3.1.2", "canonical", SET(GUEST_LDTR_BASE, NONCANONICAL)),
	DESCRIPTOR_RULES(PAE, LDTR),
	ACCESS_RULE(PAE, LDTR, "the type must be 2", ACCESS(LDTR, 0x83)),
	ACCESS_RULE(PAE, LDTR, "S (bit 4) must be 0 for LDTR", ACCESS_ON(LDTR, SEGMENT_S)),

	/* Guest descriptor-table registers */
	CANONICAL_RULE(GUEST_GDTR_BASE, "26.3.1.3"),
	CANONICAL_RULE(GUEST_IDTR_BASE, "26.3.1.3"),
	BREAK(LONG_MODE, GUEST_GDTR_LIMIT, "26.3.1.3", "GDTR", SET(GUEST_GDTR_LIMIT, 0x10000)),
	BREAK(LONG_MODE, GUEST_IDTR_LIMIT, "26.3.1.3", "IDTR", SET(GUEST_IDTR_LIMIT, 0x10000)),

	/* Guest RIP and RFLAGS */
	BREAK(LONG_MODE, GUEST_RIP, "26.3.1.4", "all 0 or all 1", SET(GUEST_RIP, BIT(48))),
	BREAK_ON(five_levels, LONG_MODE, GUEST_RIP, "26.3.1.4", "all 0 or all 1",
		 SET(GUEST_RIP, BIT(57))),
	BREAK(PAE, GUEST_RIP, "26.3.1.4", "outside 64-bit mode", ON(GUEST_RIP, BIT(32))),
	BREAK(LONG_MODE, GUEST_RIP, "26.3.1.4", "outside 64-bit mode",
	      ACCESS(CS, 0xc09b)), /* compatibility mode */
	BREAK(PAE, GUEST_RIP, "26.3.1.4", "outside 64-bit mode", ACCESS_ON(CS, SEGMENT_LONG),
	      ON(GUEST_RIP, BIT(32))),
	BREAK(LONG_MODE, GUEST_RFLAGS, "26.3.1.4", "reserved bits", ON(GUEST_RFLAGS, BIT(3))),
	BREAK(LONG_MODE, GUEST_RFLAGS, "26.3.1.4", "reserved bits", ON(GUEST_RFLAGS, BIT(5))),
	BREAK(LONG_MODE, GUEST_RFLAGS, "26.3.1.4", "reserved bits", ON(GUEST_RFLAGS, BIT(15))),
	BREAK(LONG_MODE, GUEST_RFLAGS, "26.3.1.4", "reserved bits", ON(GUEST_RFLAGS, BIT(22))),
	BREAK(LONG_MODE, GUEST_RFLAGS, "26.3.1.4", "reserved bits", ON(GUEST_RFLAGS, BIT(63))),
	BREAK(LONG_MODE, GUEST_RFLAGS, "26.3.1.4", "bit 1 must be 1", SET(GUEST_RFLAGS, 0)),
	BREAK(V86, GUEST_RFLAGS, "26.3.1.4", "VM (bit 17)", OFF(GUEST_CR0, CR0_PE | CR0_PG)),
	BREAK(V86, GUEST_RFLAGS, "26.3.1.4", "VM (bit 17)", ON(ENTRY_CONTROLS, ENTRY_IA32E_GUEST),
	      ON(GUEST_CR4, CR4_PAE), SET(GUEST_EFER, EFER_LMA | EFER_LME)),
	BREAK(LONG_MODE, GUEST_RFLAGS, "26.3.1.4", "IF (bit 9)", INJECT(0x20),
	      OFF(GUEST_RFLAGS, RFLAGS_IF)),

	/* Guest non-register state */
	BREAK(LONG_MODE, GUEST_ACTIVITY_STATE, "26.3.1.5", "IA32_VMX_MISC",
	      SET(GUEST_ACTIVITY_STATE, 4)),
	BREAK_ON(no_hlt, LONG_MODE, GUEST_ACTIVITY_STATE, "26.3.1.5", "IA32_VMX_MISC",
		 SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT)),
	BREAK(PAE, GUEST_ACTIVITY_STATE, "26.3.1.5", "DPL of SS",
	      SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), ACCESS(CS, 0xc0fb), ACCESS(SS, 0xc0f3)),
	BREAK(LONG_MODE, GUEST_ACTIVITY_STATE, "26.3.1.5", "must be active",
	      SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT),
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI)),
	BREAK(LONG_MODE, GUEST_ACTIVITY_STATE, "26.3.1.5", "must be active",
	      SET(GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN),
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_MOV_SS)),
	BREAK(LONG_MODE, GUEST_ACTIVITY_STATE, "26.3.1.5", "blocks the event",
	      SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), INJECT(EXCEPTION(VECTOR_UD))),
	BREAK(LONG_MODE, GUEST_ACTIVITY_STATE, "26.3.1.5", "blocks the event",
	      SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), SET(ENTRY_INSTRUCTION_LENGTH, 2),
	      INJECT(EVENT(EVENT_SOFTWARE_INTERRUPT) | 1)),
	BREAK(LONG_MODE, GUEST_ACTIVITY_STATE, "26.3.1.5", "blocks the event",
	      SET(GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN), INJECT(0x20)),
	BREAK(LONG_MODE, GUEST_ACTIVITY_STATE, "26.3.1.5", "blocks the event",
	      SET(GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN), INJECT(EXCEPTION(VECTOR_DB))),
	BREAK(WAIT_FOR_SIPI, GUEST_ACTIVITY_STATE, "26.3.1.5", "blocks the event",
	      INJECT(EVENT(EVENT_NMI) | 2)),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5", "bits 31:5",
	      SET(GUEST_INTERRUPTIBILITY, BIT(5))),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5", "both",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI | BLOCKING_BY_MOV_SS)),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5", "RFLAGS.IF",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI), OFF(GUEST_RFLAGS, RFLAGS_IF)),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5", "external interrupt",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI), INJECT(0x20)),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5", "external interrupt",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_MOV_SS), INJECT(0x20)),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5",
	      "MOV SS (bit 1) must be 0 to inject an NMI",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_MOV_SS), INJECT(EVENT(EVENT_NMI) | 2)),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5", "some processors",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI), INJECT(EVENT(EVENT_NMI) | 2)),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5", "virtual NMIs",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_NMI), INJECT(EVENT(EVENT_NMI) | 2)),
	BREAK(LONG_MODE, GUEST_INTERRUPTIBILITY, "26.3.1.5", "SMI",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_SMI)),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "reserved bits",
	      SET(GUEST_PENDING_DEBUG, BIT(4))),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "reserved bits",
	      SET(GUEST_PENDING_DEBUG, BIT(13))),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "reserved bits",
	      SET(GUEST_PENDING_DEBUG, BIT(63))),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "BS (bit 14) must be 1",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_MOV_SS), ON(GUEST_RFLAGS, RFLAGS_TF)),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "BS (bit 14) must be 1",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI), ON(GUEST_RFLAGS, RFLAGS_TF)),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "BS (bit 14) must be 1",
	      SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), ON(GUEST_RFLAGS, RFLAGS_TF)),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "BS (bit 14) must be 0",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI),
	      SET(GUEST_PENDING_DEBUG, PENDING_DEBUG_BS)),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "BS (bit 14) must be 0",
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI), ON(GUEST_RFLAGS, RFLAGS_TF),
	      SET(GUEST_DEBUGCTL, DEBUGCTL_BTF), SET(GUEST_PENDING_DEBUG, PENDING_DEBUG_BS)),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "needs bit 12 and no other",
	      SET(GUEST_PENDING_DEBUG, PENDING_DEBUG_RTM)),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "needs bit 12 and no other",
	      SET(GUEST_PENDING_DEBUG, PENDING_DEBUG_RTM | PENDING_DEBUG_ENABLED | 1)),
	BREAK(LONG_MODE, GUEST_PENDING_DEBUG, "26.3.1.5", "RTM (bit 16) must be 0",
	      SET(GUEST_PENDING_DEBUG, PENDING_DEBUG_RTM | PENDING_DEBUG_ENABLED),
	      SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_MOV_SS)),
	BREAK(LONG_MODE, VMCS_LINK_POINTER, "26.3.1.5", "bits 11:0",
	      SET(VMCS_LINK_POINTER, 0x5800)),
	BREAK(LONG_MODE, VMCS_LINK_POINTER, "26.3.1.5", "physical-address",
	      SET(VMCS_LINK_POINTER, TOO_HIGH)),

	/* Guest page-directory-pointer-table entries */
	BREAK(PAE, GUEST_PDPTE0, "26.3.1.6", "PDPTE", ON(GUEST_PDPTE0, BIT(1))),
	BREAK(PAE, GUEST_PDPTE1, "26.3.1.6", "PDPTE", SET(GUEST_PDPTE1, PTE_P | BIT(8))),
	BREAK(PAE, GUEST_PDPTE2, "26.3.1.6", "PDPTE", SET(GUEST_PDPTE2, PTE_P | TOO_HIGH)),
	BREAK(PAE, GUEST_PDPTE3, "26.3.1.6", "PDPTE", ON(GUEST_PDPTE3, PTE_NX)),
};

struct silent {
	struct change changes[CHANGES_MAX];
	enum guest guest;
	void (*processor)(void);
};

#define PASS(...) PASS_ON(NULL, __VA_ARGS__)
#define PASS_ON(processor_, guest_, ...)                                                           \
	{                                                                                          \
		.guest = (guest_), .changes = { __VA_ARGS__ }, .processor = (processor_)           \
	}

/* What is within the rules, though only just; and what a rule would be about if its control was on.
 */
static const struct silent silent[] = {
	PASS(LONG_MODE, OFF(PIN_CONTROLS, PIN_VIRTUAL_NMIS | PIN_NMI_EXITING),
	     SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_NMI), INJECT(EVENT(EVENT_NMI) | 2)),
	PASS(LONG_MODE, ON(PROC_CONTROLS, PROC_NMI_WINDOW)),
	PASS(LONG_MODE, SET(CR3_TARGET_COUNT, 4)),
	PASS(LONG_MODE, SET(IO_BITMAP_A, UINT64_MAX), SET(IO_BITMAP_B, UINT64_MAX),
	     SET(VIRTUAL_APIC_ADDRESS, UINT64_MAX), SET(TPR_THRESHOLD, UINT32_MAX),
	     OFF(PROC_CONTROLS, PROC_MSR_BITMAPS), SET(MSR_BITMAP, UINT64_MAX)),
	PASS(LONG_MODE, SET(APIC_ACCESS_ADDRESS, UINT64_MAX), SET(VMREAD_BITMAP, UINT64_MAX),
	     SET(VMWRITE_BITMAP, UINT64_MAX), SET(VE_INFORMATION_ADDRESS, UINT64_MAX)),
	PASS(RESTRICTED, OFF(PROC_CONTROLS, PROC_SECONDARY), SET(PROC_CONTROLS2, UINT32_MAX),
	     SET(VPID, 0), SET(EPT_POINTER, UINT64_MAX), SET(VMREAD_BITMAP, UINT64_MAX)),
	PASS(LONG_MODE, SET(MSR_BITMAP, BIT(32))),
	PASS(LONG_MODE, SET(MSR_BITMAP, TOO_HIGH - PAGE_SIZE)),
	PASS(LONG_MODE, ON(PROC_CONTROLS, PROC_TPR_SHADOW), SET(TPR_THRESHOLD, 0xf),
	     ON(PROC_CONTROLS2, PROC2_X2APIC_MODE | PROC2_APIC_REGISTERS)),
	PASS(LONG_MODE, ON(PROC_CONTROLS, PROC_TPR_SHADOW), SET(TPR_THRESHOLD, UINT32_MAX),
	     ON(PIN_CONTROLS, PIN_EXTERNAL_INTERRUPT_EXITING),
	     ON(PROC_CONTROLS2, PROC2_INTERRUPT_DELIVERY | PROC2_APIC_ACCESSES)),
	PASS_ON(more_of_ept, LONG_MODE,
		SET(EPT_POINTER, 4 << EPTP_WALK_SHIFT | EPTP_AD | EPTP_SSS)),
	PASS(LONG_MODE, ON(PROC_CONTROLS2, PROC2_MODE_BASED_EXECUTE)),
	PASS(LONG_MODE, ON(EXIT_CONTROLS, EXIT_SAVE_PREEMPTION_TIMER),
	     ON(PIN_CONTROLS, PIN_PREEMPTION_TIMER)),
	PASS(LONG_MODE, SET(EXIT_MSR_LOAD_ADDRESS, UINT64_MAX),
	     SET(EXIT_MSR_STORE_ADDRESS, UINT64_MAX), SET(ENTRY_MSR_LOAD_ADDRESS, UINT64_MAX)),
	PASS(LONG_MODE, SET(EXIT_MSR_LOAD_COUNT, 1), SET(EXIT_MSR_LOAD_ADDRESS, TOO_HIGH - 16)),
	PASS(LONG_MODE, SET(ENTRY_INTERRUPTION_INFO, (uint32_t)~INTERRUPTION_VALID),
	     SET(ENTRY_EXCEPTION_ERROR_CODE, UINT32_MAX), SET(ENTRY_INSTRUCTION_LENGTH, 99)),
	PASS(LONG_MODE, INJECT(0xff)),
	PASS(LONG_MODE, INJECT(EXCEPTION(VECTOR_CP))),
	PASS(LONG_MODE, INJECT(EXCEPTION(31))),
	PASS_ON(any_error_code, LONG_MODE, INJECT(EXCEPTION(VECTOR_CP) | INTERRUPTION_ERROR_CODE)),
	PASS_ON(any_error_code, LONG_MODE, INJECT(EXCEPTION(VECTOR_GP))),
	PASS(REAL, INJECT(EXCEPTION(VECTOR_GP)), SET(ENTRY_EXCEPTION_ERROR_CODE, UINT32_MAX)),
	PASS(LONG_MODE, INJECT(EXCEPTION(VECTOR_GP) | INTERRUPTION_ERROR_CODE),
	     SET(ENTRY_EXCEPTION_ERROR_CODE, 0xffff)),
	PASS(LONG_MODE, INJECT(EVENT(EVENT_SOFTWARE_EXCEPTION) | 3),
	     SET(ENTRY_INSTRUCTION_LENGTH, 15)),
	PASS_ON(length_0, LONG_MODE, INJECT(EVENT(EVENT_PRIVILEGED_SOFTWARE) | 1)),
	PASS(LONG_MODE, INJECT(EVENT(INTERRUPTION_OTHER_EVENT))),
	PASS(LONG_MODE, ON(HOST_CR4, CR4_CET), ON(GUEST_CR4, CR4_CET | CR4_PCIDE)),
	PASS_ON(fixed_cache_bits, LONG_MODE, ON(GUEST_CR0, CR0_CD)),
	PASS_ON(lam, LONG_MODE, ON(GUEST_CR3, BIT(61) | BIT(62))),
	PASS(LONG_MODE, ON(GUEST_CR3, 0xfff)),
	PASS(LONG_MODE, OFF(EXIT_CONTROLS, EXIT_LOAD_PAT | EXIT_LOAD_EFER),
	     SET(HOST_PAT, UINT64_MAX), SET(HOST_EFER, 0)),
	PASS(LONG_MODE,
	     OFF(ENTRY_CONTROLS, ENTRY_LOAD_PAT | ENTRY_LOAD_EFER | ENTRY_LOAD_DEBUG_CONTROLS),
	     SET(GUEST_PAT, UINT64_MAX), SET(GUEST_EFER, UINT64_MAX), SET(GUEST_DR7, UINT64_MAX),
	     SET(GUEST_DEBUGCTL, UINT64_MAX)),
	PASS(LONG_MODE, SET(GUEST_PAT, 0x0007060504010000ull)),
	PASS(LONG_MODE, SET(GUEST_DEBUGCTL, 0xffc7)),
	PASS_ON(five_levels, LONG_MODE, SET(GUEST_FS_BASE, BIT(50)), SET(HOST_GS_BASE, BIT(55)),
		SET(GUEST_RIP, BIT(56))),
	PASS_ON(five_levels, LONG_MODE, SET(HOST_RIP, BIT(50)), ON(HOST_CR4, CR4_LA57)),
	PASS(LONG_MODE, SET(GUEST_RIP, BIT(47))), /* not canonical, but not for entry to say */
	PASS(LONG_MODE, SET(GUEST_RIP, UINT64_MAX << 48)),
	PASS(LONG_MODE, ACCESS(CS, 0xc09b), SET(GUEST_RIP, 0xffffffff)),
	PASS(LONG_MODE, ACCESS(SS, SEGMENT_UNUSABLE), SET(GUEST_SS_BASE, UINT64_MAX),
	     ACCESS(DS, 0xffffff1f), SET(GUEST_DS_BASE, UINT64_MAX), ACCESS(LDTR, UINT32_MAX),
	     SET(GUEST_LDTR_BASE, NONCANONICAL)),
	PASS(PAE, SET(GUEST_CS_SELECTOR, 0x0b), SET(GUEST_DS_SELECTOR, 0x13)),
	PASS(PAE, ACCESS(CS, 0xc0fb), ACCESS(SS, 0xc0f3)),
	PASS(PAE, ACCESS(CS, 0xc0bd), ACCESS(SS, 0xc0f7)),
	PASS(PAE, ACCESS(CS, 0xc0fd), ACCESS(SS, 0xc0f7)),
	PASS(PAE, ACCESS_ON(CS, SEGMENT_LONG)), /* means nothing outside IA-32e mode */
	PASS(REAL, ACCESS(CS, 0x93), ACCESS(TR, 0x83)),
	PASS(RESTRICTED, SET(GUEST_DS_SELECTOR, 0x13), ACCESS(DS, 0xc09f),
	     SET(GUEST_ES_SELECTOR, 0x13), ACCESS(ES, 0xc0f3)),
	PASS(PAE, ACCESS(TR, 0x83), SET(GUEST_TR_LIMIT, 0xfffff)),
	PASS(PAE, ACCESS(TR, 0x808b), SET(GUEST_TR_LIMIT, 0xfff)),
	PASS(LONG_MODE, SET(GUEST_RFLAGS, RFLAGS_DEFINED & ~RFLAGS_VM)),
	PASS(LONG_MODE, SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), INJECT(0x20)),
	PASS(LONG_MODE, SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), INJECT(EVENT(EVENT_NMI) | 2)),
	PASS(LONG_MODE, SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), INJECT(EXCEPTION(VECTOR_DB))),
	PASS(LONG_MODE, SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), INJECT(EXCEPTION(VECTOR_MC))),
	PASS(LONG_MODE, SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT), INJECT(EVENT(7))),
	PASS(LONG_MODE, SET(GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN), INJECT(EVENT(EVENT_NMI) | 2)),
	PASS(LONG_MODE, SET(GUEST_ACTIVITY_STATE, ACTIVITY_SHUTDOWN), INJECT(EXCEPTION(VECTOR_MC))),
	PASS(LONG_MODE, SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_MOV_SS),
	     INJECT(EXCEPTION(VECTOR_UD))),
	PASS(LONG_MODE, SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_NMI)),
	PASS(LONG_MODE, SET(GUEST_PENDING_DEBUG, 0x580f)),
	PASS(LONG_MODE, SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI), ON(GUEST_RFLAGS, RFLAGS_TF),
	     SET(GUEST_PENDING_DEBUG, PENDING_DEBUG_BS)),
	PASS(LONG_MODE, SET(GUEST_INTERRUPTIBILITY, BLOCKING_BY_STI), ON(GUEST_RFLAGS, RFLAGS_TF),
	     SET(GUEST_DEBUGCTL, DEBUGCTL_BTF)),
	PASS(LONG_MODE, ON(GUEST_RFLAGS, RFLAGS_TF)),
	PASS(LONG_MODE, SET(GUEST_PENDING_DEBUG, PENDING_DEBUG_RTM | PENDING_DEBUG_ENABLED)),
	PASS(LONG_MODE, SET(VMCS_LINK_POINTER, 0x5000)),
	PASS(LONG_MODE, SET(GUEST_PDPTE0, UINT64_MAX)),
	PASS(PROTECTED, ON(GUEST_CR4, CR4_PAE), SET(GUEST_PDPTE0, UINT64_MAX)),
	PASS(RESTRICTED, SET(GUEST_PDPTE0, UINT64_MAX)),
	PASS(PAE, SET(GUEST_PDPTE0, UINT64_MAX & ~PTE_P), SET(GUEST_PDPTE1, PTE_P | 0xe18)),
};

static void print_reports(void)
{
	for (unsigned i = 0; i < report_count; i++)
		print_message("  %s = %#lx: %s (%s)\n", reports[i].field, reports[i].value,
			      reports[i].rule, reports[i].section);
}

static void good_guests_break_no_rule(UNUSED void **state)
{
	for (unsigned guest = 0; guest < GUEST_COUNT; guest++) {
		begin((enum guest)guest);
		check();
		print_reports();
		assert_int_equal(report_count, 0);
	}
}

static void what_is_within_the_rules_passes(UNUSED void **state)
{
	for (size_t i = 0; i < array_size(silent); i++) {
		begin(silent[i].guest);
		apply(silent[i].changes);
		if (silent[i].processor)
			silent[i].processor();
		check();
		if (report_count) {
			print_message("case %zu:\n", i);
			print_reports();
		}
		assert_int_equal(report_count, 0);
	}
}

static void run_broken(const struct broken *b)
{
	begin(b->guest);
	apply(b->changes);
	if (b->processor)
		b->processor();
	check();
}

static void a_broken_rule_is_the_only_report(UNUSED void **state)
{
	for (size_t i = 0; i < array_size(broken); i++) {
		const struct broken *b = &broken[i];

		run_broken(b);
		if (report_count != 1 || !strstr(reports[0].rule, b->rule)) {
			print_message("%s (%s): \"%s\" expected, %u reports:\n",
				      vmcs_field_name(b->field), b->section, b->rule, report_count);
			print_reports();
		}
		assert_int_equal(report_count, 1);
		assert_string_equal(reports[0].field, vmcs_field_name(b->field));
		assert_string_equal(reports[0].section, b->section);
		assert_non_null(strstr(reports[0].rule, b->rule));
		assert_int_equal(reports[0].value, read_fake(NULL, b->field));
	}
}

static void every_rule_has_been_broken(UNUSED void **state)
{
	const char *seen[array_size(broken)];
	unsigned count = 0;

	for (size_t i = 0; i < array_size(broken); i++) {
		unsigned known = 0;

		run_broken(&broken[i]);
		assert_int_equal(report_count, 1);
		while (known < count && strcmp(seen[known], reports[0].rule) != 0)
			known++;
		if (known == count)
			seen[count++] = reports[0].rule;
	}
	print_message("%u rules, broken in %zu ways\n", count, array_size(broken));
	assert_int_equal(count, vmx_entry_rules);
}

static void all_broken_rules_are_reported(UNUSED void **state)
{
	begin(LONG_MODE);
	vmcs[GUEST_RFLAGS] = 0;
	vmcs[VPID] = 0;
	vmcs[HOST_TR_SELECTOR] = 0;
	check();
	assert_int_equal(report_count, 3);
	assert_string_equal(reports[0].field, "VPID");
	assert_string_equal(reports[1].field, "HOST_TR_SELECTOR");
	assert_string_equal(reports[2].field, "GUEST_RFLAGS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_guests_break_no_rule),
		cmocka_unit_test(what_is_within_the_rules_passes),
		cmocka_unit_test(a_broken_rule_is_the_only_report),
		cmocka_unit_test(every_rule_has_been_broken),
		cmocka_unit_test(all_broken_rules_are_reported),
	};

	return cmocka_run_group_tests_name("entry_check", tests, NULL, NULL);
}
