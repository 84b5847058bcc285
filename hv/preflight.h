/*
 * Preflight: what plinth needs and this machine lacks, each with its evidence, before anything is
 * changed. The vendors state their requirements (struct virt_ops.check); this collects them.
 */
#pragma once

#include "hv/vcpu.h"

struct requirements {
	struct boot_info *info;
	unsigned core;
	unsigned count; /* missing on this core */
	uint32_t hash;  /* of the sentences, to tell cores that differ */
	bool quiet;     /* count and hash only */
};

/* One sentence: what is missing, and the evidence with CPUID bit or MSR. */
void requirement_missing(struct requirements *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Check this core, whose index is CORE. Findings go to the log and to info->report; those of a core
 * that lacks what the boot core lacks are not repeated. BOOT_OK or BOOT_UNFIT.
 */
enum boot_status preflight(struct boot_info *info, const struct virt_ops *ops, unsigned core);
