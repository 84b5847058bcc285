/*
 * A vendor whose control block is plain memory and that writes down what it is asked for. Ops that
 * are not here are NULL: a test that needs one adds it to a copy of fake_ops.
 */
#pragma once

#include "hv/vcpu.h"

#define FAKE_INJECTIONS 8u

struct fake_vendor {
	uint64_t regs[VIRT_REG_COUNT];
	unsigned reg_writes[VIRT_REG_COUNT];
	struct segment segments[SEGMENT_COUNT];
	unsigned segment_writes[SEGMENT_COUNT];
	struct {
		uint64_t base;
		uint16_t limit;
		unsigned writes;
	} tables[2];
	uint64_t pdptes[4];
	unsigned pdpte_writes;

	struct event injected[FAKE_INJECTIONS]; /* the last is what the entry would deliver */
	unsigned injections;
	bool nmi_blocked;
	bool nmi_window;
	unsigned nmi_window_requests;
	bool stepping;

	uint32_t bitmap, pfec_mask, pfec_match;
	unsigned bitmap_sets;
	unsigned guest_tlb_flushes, flushes;
	unsigned features; /* guest_features() */
};

extern struct fake_vendor fake_vendor;
extern const struct virt_ops fake_ops;

/* All zero, and a VM of one vCPU on it whose run page counts its first exit. */
extern struct vm fake_vm;
extern struct vcpu fake_vcpu;
extern struct run_page fake_run;
extern struct boot_info fake_info;
void fake_vendor_reset(void);

/* Nothing but this was injected. */
void expect_injected(enum event_type type, unsigned vector, bool has_error_code,
		     uint32_t error_code);
void expect_nothing_injected(void);

/* No register, segment or table was written. */
void expect_no_state_written(void);
