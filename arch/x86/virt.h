/*
 * The vendor contract: what Intel VMX and AMD SVM each provide so that hv/ can be true for both.
 * One struct virt_ops is chosen at start by the CPUID vendor. Policy (what to trap, what to answer,
 * what a guest may see) is hv/'s; an op that can be built from others is not here.
 */
#pragma once

#include "arch/x86/types.h"

struct vcpu;
struct vm;
struct requirements;

/* General registers, numbered as instructions encode them (SDM 2, table 3-1). */
enum gpr {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP, /* in a vCPU this slot is unused: the control block holds RSP, see REG_RSP */
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15,
	GPR_COUNT,
};

/* Guest registers that the vendor's control block keeps. */
enum virt_reg {
	REG_RIP,
	REG_RSP,
	REG_RFLAGS,
	REG_CR0, /* as the guest reads it: CR0 and CR4 combine value, mask and shadow */
	REG_CR3,
	REG_CR4,
	REG_DR7,
	REG_EFER,
	REG_PAT,
	REG_DEBUGCTL,
	REG_SYSENTER_CS,
	REG_SYSENTER_ESP,
	REG_SYSENTER_EIP,
	REG_PENDING_DEBUG, /* pending debug exceptions, in the layout of DR6 (SDM 3C 25.4.2) */
	VIRT_REG_COUNT,
};

enum segment_name {
	SEG_ES,
	SEG_CS,
	SEG_SS,
	SEG_DS,
	SEG_FS,
	SEG_GS,
	SEG_LDTR,
	SEG_TR,
	SEGMENT_COUNT,
};

/*
 * A segment register with its hidden part. Access rights are the descriptor's bits 40..55 shifted
 * down to 0, as SDM 3C 24.4.1 lays them out, with SEGMENT_UNUSABLE on top.
 */
struct segment {
	uint64_t base;
	uint32_t limit; /* bytes - 1, granularity applied */
	uint32_t access;
	uint16_t selector;
};

#define SEGMENT_TYPE     0xfu
#define SEGMENT_BUSY     BIT(1) /* in the type of a TSS */
#define SEGMENT_S        BIT(4) /* code or data, not a system segment */
#define SEGMENT_DPL(a)   ((unsigned)((a) >> 5 & 3))
#define SEGMENT_PRESENT  BIT(7)
#define SEGMENT_LONG     BIT(13)
#define SEGMENT_DB       BIT(14)
#define SEGMENT_GRANULAR BIT(15)
#define SEGMENT_UNUSABLE BIT(16)

enum virt_table {
	TABLE_GDTR,
	TABLE_IDTR,
};

/* Event types, with the numbers of both vendors' injection fields (SDM 3C 24.8.3, APM 2 15.20). */
enum event_type {
	EVENT_INTERRUPT = 0,
	EVENT_NMI = 2,
	EVENT_EXCEPTION = 3,           /* hardware exception */
	EVENT_SOFTWARE_INTERRUPT = 4,  /* INT n */
	EVENT_PRIVILEGED_SOFTWARE = 5, /* INT1 */
	EVENT_SOFTWARE_EXCEPTION = 6,  /* INT3, INTO */
};

struct event {
	bool valid;
	bool has_error_code;
	uint8_t vector;
	uint8_t type;   /* enum event_type */
	uint8_t length; /* bytes of the instruction, for the software types */
	uint32_t error_code;
};

/* Memory types, by their number in MTRRs, PAT and EPT (SDM 3A 12.3). */
enum memory_type {
	MEMORY_UC = 0,
	MEMORY_WC = 1,
	MEMORY_WT = 4,
	MEMORY_WP = 5,
	MEMORY_WB = 6,
};

enum nested_access {
	ACCESS_READ = 1,
	ACCESS_WRITE = 2,
	ACCESS_EXECUTE = 4,
	ACCESS_ALL = 7,
};

/*
 * Two views of guest-physical memory. The guest lives in VIEW_GUEST, where plinth's memory is not
 * mapped. For the length of one instruction that touches it anyway, a vCPU is given VIEW_DECOY,
 * where all of plinth's range is one page of all-ones.
 */
enum nested_view {
	VIEW_GUEST,
	VIEW_DECOY,
	VIEW_COUNT,
};

/* Features whose instructions are #UD in a guest unless the vendor could allow them. */
enum guest_feature {
	FEATURE_RDTSCP = 1u << 0,
	FEATURE_INVPCID = 1u << 1,
	FEATURE_XSAVES = 1u << 2,
	FEATURE_WAITPKG = 1u << 3,
	FEATURE_PCONFIG = 1u << 4,
	FEATURE_PT = 1u << 5, /* processor trace */
};

struct virt_ops {
	const char *name;      /* "VMX", for people */
	const char *operation; /* "VMX operation", for the log */

	/* One call per requirement that this core does not meet: see hv/preflight.h. */
	void (*check)(struct requirements *missing);

	/* Turn virtualisation on or off on this core. 0, or -1 when the instruction fails. */
	int (*enable)(struct vcpu *vcpu);
	void (*disable)(struct vcpu *vcpu);

	/* Once per machine, on the boot core, before any vCPU: what all vCPUs share. */
	int (*vm_create)(struct vm *vm);

	/* The set of enum guest_feature that works in a guest of this processor. */
	unsigned (*guest_features)(void);

	/* The vendor's part of a vCPU's life: hv/vcpu.c calls them in this order. */
	int (*vcpu_create)(struct vcpu *vcpu);
	void (*vcpu_reset)(struct vcpu *vcpu, bool init_event);
	void (*vcpu_run)(struct vcpu *vcpu); /* returns only when the first entry fails */
	void (*vcpu_destroy)(struct vcpu *vcpu);

	/* Guest state. Only on the core that runs the vCPU. */
	uint64_t (*read_reg)(struct vcpu *vcpu, enum virt_reg reg);
	void (*write_reg)(struct vcpu *vcpu, enum virt_reg reg, uint64_t value);
	struct segment (*read_segment)(struct vcpu *vcpu, enum segment_name name);
	void (*write_segment)(struct vcpu *vcpu, enum segment_name name, const struct segment *s);
	void (*read_table)(struct vcpu *vcpu, enum virt_table t, uint64_t *base, uint16_t *limit);
	void (*write_table)(struct vcpu *vcpu, enum virt_table t, uint64_t base, uint16_t limit);

	/* Set the four PAE page-directory-pointer registers, where the control block has them. */
	void (*write_pdptes)(struct vcpu *vcpu, const uint64_t pdptes[4]);

	/* Drop this vCPU's own translations, as a write to CR0.PG does. */
	void (*flush_guest_tlb)(struct vcpu *vcpu);

	/* What exits. The MSR and port maps are shared by all vCPUs. */
	void (*set_exception_bitmap)(struct vcpu *vcpu, uint32_t bitmap, uint32_t pfec_mask,
				     uint32_t pfec_match);
	void (*intercept_msr)(struct vm *vm, uint32_t msr, bool read, bool write);

	/* Events: what the next entry delivers, and exits when an NMI could be delivered. */
	void (*inject)(struct vcpu *vcpu, const struct event *event);
	void (*request_nmi_window)(struct vcpu *vcpu, bool on);
	bool (*nmi_blocked)(struct vcpu *vcpu); /* by an NMI, STI or MOV SS */

	/* Make the vCPU exit again after one guest instruction, or stop doing so. */
	void (*single_step)(struct vcpu *vcpu, bool on);

	/*
	 * Nested paging. MAP sets [gpa, gpa + size) to [hpa, ...) with ACCESS (0: not present) and
	 * TYPE, in the largest pages that fit, splitting what is there. 0, or -1 without memory.
	 * RESET_VIEW empties a view and returns its tables. FLUSH drops what this core cached.
	 */
	int (*map)(struct vm *vm, enum nested_view view, gpa_t gpa, hpa_t hpa, uint64_t size,
		   unsigned access, enum memory_type type);
	void (*reset_view)(struct vm *vm, enum nested_view view);
	void (*set_view)(struct vcpu *vcpu, enum nested_view view);
	void (*flush)(struct vcpu *vcpu);

	/* Print the control block's guest state, controls and last error on the console. */
	void (*dump)(struct vcpu *vcpu);

	/* The exit table's size and names, for counters and reports. "" where there is no entry. */
	unsigned exit_count;
	const char *(*exit_name)(unsigned reason);
};

/* The vendor of this processor, or NULL when plinth knows none for it. */
const struct virt_ops *virt_detect(void);

extern const struct virt_ops vmx_ops;
