/*
 * Extended page tables (SDM 3C 28.3). One recursive walk does all changes: at each level, an entry
 * that is wholly inside the range and may be a page becomes one, anything else becomes a table.
 */
#include "arch/x86/vmx/ept.h"
#include "hv/heap.h"

#define ENTRIES    512u
#define LEVEL_BITS 9u

static unsigned level_shift(unsigned level)
{
	return PAGE_SHIFT + LEVEL_BITS * (level - 1);
}

static uint64_t level_size(unsigned level)
{
	return BIT(level_shift(level));
}

static unsigned level_index(gpa_t gpa, unsigned level)
{
	return (gpa >> level_shift(level)) % ENTRIES;
}

static bool is_present(uint64_t entry)
{
	return entry & EPT_ACCESS;
}

static bool is_table(uint64_t entry, unsigned level)
{
	return level > 1 && is_present(entry) && !(entry & EPT_LARGE);
}

static uint64_t *table_of(uint64_t entry)
{
	return phys_to_virt(entry & EPT_ADDRESS);
}

/* Processors walk the tables while they change: one store, which the compiler may not split. */
static void write_entry(uint64_t *slot, uint64_t entry)
{
	*(volatile uint64_t *)slot = entry;
}

static bool may_be_page(const struct ept *ept, unsigned level)
{
	return (level == 2 && ept->page_2m) || (level == 3 && ept->page_1g);
}

static uint64_t page_entry(hpa_t hpa, unsigned level, unsigned access, enum memory_type type)
{
	if (!(access & EPT_ACCESS))
		return 0;
	return hpa | (level > 1 ? EPT_LARGE : 0) | ((uint64_t)type << EPT_TYPE_SHIFT) |
	       (access & EPT_ACCESS);
}

static void free_table(uint64_t *table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
		if (is_table(table[i], level))
			free_table(table_of(table[i]), level - 1);
	}
	page_free(table);
}

/* The table that SLOT, at LEVEL, points to; made first from the large page or the hole it holds. */
static uint64_t *descend(uint64_t *slot, unsigned level)
{
	uint64_t entry = *slot;

	if (is_table(entry, level))
		return table_of(entry);

	uint64_t *table = page_alloc();
	if (!table)
		return NULL;
	for (unsigned i = 0; is_present(entry) && i < ENTRIES; i++) {
		uint64_t part = entry + i * level_size(level - 1);

		write_entry(&table[i], level > 2 ? part : part & ~EPT_LARGE);
	}
	write_entry(slot, virt_to_phys(table) | EPT_ACCESS);
	return table;
}

/* What of a request is left to do. */
struct request {
	gpa_t gpa;
	hpa_t hpa;
	gpa_t end;
	unsigned access;
	enum memory_type type;
};

/* Do the part of REQUEST that is inside TABLE, at LEVEL, and move REQUEST behind it. */
static int map_in_table(const struct ept *ept, uint64_t *table, unsigned level,
			struct request *request)
{
	uint64_t size = level_size(level);

	do {
		uint64_t *slot = &table[level_index(request->gpa, level)];
		uint64_t old = *slot;
		bool whole = !(request->gpa % size) && request->end - request->gpa >= size;
		bool fits = may_be_page(ept, level) && !(request->hpa % size);

		if (level <= 1 || (whole && (fits || !request->access))) {
			write_entry(slot, page_entry(request->hpa, level, request->access,
						     request->type));
			if (is_table(old, level))
				free_table(table_of(old), level - 1);
			request->gpa += size;
			request->hpa += size;
		} else if (!request->access && !is_present(old)) {
			/* Nothing is there to be unmapped: no table for that. */
			request->gpa = min_u64(align_down(request->gpa, size) + size, request->end);
		} else {
			uint64_t *below = descend(slot, level);

			if (!below || map_in_table(ept, below, level - 1, request))
				return -1;
		}
	} while (request->gpa < request->end && level_index(request->gpa, level));
	return 0;
}

int ept_init(struct ept *ept, uint64_t vpid_ept_cap)
{
	*ept = (struct ept){
		.root = page_alloc(),
		.levels = vpid_ept_cap & EPT_CAP_WALK_4 ? 4 : 5,
		.page_2m = vpid_ept_cap & EPT_CAP_PAGE_2M,
		.page_1g = vpid_ept_cap & EPT_CAP_PAGE_1G,
		.type_wb = vpid_ept_cap & EPT_CAP_TYPE_WB,
	};
	return ept->root ? 0 : -1;
}

int ept_map(struct ept *ept, gpa_t gpa, hpa_t hpa, uint64_t size, unsigned access,
	    enum memory_type type)
{
	struct request request = { gpa, hpa, gpa + size, access & EPT_ACCESS, type };
	uint64_t reach = level_size(ept->levels + 1u);

	if (!size || size > reach || gpa > reach - size || (gpa | hpa | size) % PAGE_SIZE)
		return -1;
	return map_in_table(ept, ept->root, ept->levels, &request);
}

bool ept_lookup(const struct ept *ept, gpa_t gpa, uint64_t *entry, unsigned *level)
{
	const uint64_t *table = ept->root;

	*level = ept->levels;
	*entry = table[level_index(gpa, *level)];
	while (is_table(*entry, *level)) {
		table = table_of(*entry);
		(*level)--;
		*entry = table[level_index(gpa, *level)];
	}
	return is_present(*entry);
}

void ept_reset(struct ept *ept)
{
	for (unsigned i = 0; i < ENTRIES; i++) {
		uint64_t old = ept->root[i];

		write_entry(&ept->root[i], 0);
		if (is_table(old, ept->levels))
			free_table(table_of(old), ept->levels - 1u);
	}
}

uint64_t ept_pointer(const struct ept *ept)
{
	return virt_to_phys(ept->root) | (uint64_t)(ept->levels - 1) << EPTP_WALK_SHIFT |
	       (ept->type_wb ? MEMORY_WB : MEMORY_UC);
}
