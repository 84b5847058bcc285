/*
 * Extended page tables (SDM 3C 28.3): builds and changes one tree. It knows nothing of what memory
 * is for; hv/memory.c decides that. Pages for tables come from hv/heap.h.
 *
 * Callers serialise changes. Other cores may walk the tree meanwhile: every entry is written in
 * one store, a table is linked only when it is filled, and what a change does not name keeps its
 * translation throughout. But a map that puts a large page in place of tables gives their pages
 * back at once: no other core may be in the guest then, and all must flush before they return.
 */
#pragma once

#include "arch/x86/types.h"
#include "arch/x86/virt.h"

/* An entry (SDM 3C tables 28-1 to 28-7). Bits 2:0 are enum nested_access as it is. */
#define EPT_ACCESS      7ull
#define EPT_TYPE_SHIFT  3 /* memory type, in entries that map a page */
#define EPT_TYPE        (7ull << EPT_TYPE_SHIFT)
#define EPT_IPAT        BIT(6) /* ignore the guest's PAT: never set */
#define EPT_LARGE       BIT(7) /* maps a page, at levels 2 and 3 */
#define EPT_ADDRESS     0x000ffffffffff000ull

/* IA32_VMX_EPT_VPID_CAP (SDM 3D A.10); those of INVEPT and INVVPID are in vmcs.h */
#define EPT_CAP_WALK_4  BIT(6)
#define EPT_CAP_WALK_5  BIT(7)
#define EPT_CAP_TYPE_UC BIT(8)
#define EPT_CAP_TYPE_WB BIT(14) /* the tables may be read as WB; otherwise UC */
#define EPT_CAP_PAGE_2M BIT(16)
#define EPT_CAP_PAGE_1G BIT(17)
#define EPT_CAP_AD      BIT(21) /* accessed and dirty flags */
#define EPT_CAP_SSS     BIT(23) /* supervisor shadow-stack control */

/* EPTP (SDM 3C 24.6.11) */
#define EPTP_TYPE       7ull
#define EPTP_WALK_SHIFT 3 /* levels - 1 */
#define EPTP_AD         BIT(6)
#define EPTP_SSS        BIT(7)

struct ept {
	uint64_t *root;
	uint8_t levels; /* 4; may be raised to 5 before the first map if EPT_CAP_WALK_5 */
	bool page_2m;
	bool page_1g;
	bool type_wb; /* how the processor reads the tables: WB or UC */
};

/* An empty tree, from the capabilities in VPID_EPT_CAP. 0, or -1 without memory. */
int ept_init(struct ept *ept, uint64_t vpid_ept_cap);

/*
 * Map [GPA, GPA + SIZE) to [HPA, ...) with ACCESS (enum nested_access, 0: not present) and TYPE, in
 * the largest pages that fit. All three are multiples of 4 KiB; SIZE is not 0. 0, or -1 when there
 * is no page for a table or the range is beyond what the tree's levels reach: the tree is then
 * consistent, with some first part of the range mapped.
 */
int ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, uint64_t size, unsigned access,
	    enum memory_type type);

/*
 * The entry where the walk for GPA ends and its level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB; higher only
 * when not present). False, with the entry all the same, when it is not present.
 */
bool ept_lookup(const struct ept *ept, gpa_t gpa, uint64_t *entry, unsigned *level);

/* Unmap everything and free all tables but the root. No other core may be using the tree. */
void ept_reset(struct ept *ept);

/* The EPTP for this tree: no accessed and dirty flags. */
uint64_t ept_pointer(const struct ept *ept);
