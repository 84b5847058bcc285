/* The kernel's page tables; see boot/tables.h. */
#include "boot/tables.h"

#define TABLE_ENTRIES 512
#define TABLE_BITS    9
#define PAGE_BITS     12
#define ADDRESS_MASK  0x000ffffffffff000ull

static size_t index_of(uint64_t va, unsigned level)
{
	return va >> (PAGE_BITS + TABLE_BITS * (level - 1)) & (TABLE_ENTRIES - 1);
}

static uint64_t *take_table(struct page_tables *tables)
{
	uint64_t *table = tables->next;

	tables->next += TABLE_ENTRIES;
	return table;
}

size_t tables_needed(size_t pages)
{
	size_t upper = 5 - 1; /* of the kernel's half: one of each, as the region is below 1 GiB */
	size_t region = (pages + TABLE_ENTRIES - 1) / TABLE_ENTRIES;
	size_t window = 2; /* at KERNEL_WINDOW: levels 2 and 1 */
	size_t gate = 4;   /* at most its own of each level below the top */

	return upper + region + window + gate;
}

void tables_init(struct page_tables *tables, uint64_t *memory, unsigned levels, bool nx)
{
	tables->next = memory;
	tables->levels = levels;
	tables->nx = nx;
	tables->top = take_table(tables);
}

uint64_t *tables_entry(struct page_tables *tables, uint64_t va)
{
	uint64_t *table = tables->top;

	for (unsigned level = tables->levels; level > 1; level--) {
		uint64_t *entry = &table[index_of(va, level)];

		if (!(*entry & PTE_PRESENT))
			*entry = (uintptr_t)take_table(tables) | PTE_PRESENT | PTE_WRITE;
		table = (uint64_t *)(uintptr_t)(*entry & ADDRESS_MASK);
	}
	return &table[index_of(va, 1)];
}

void tables_map(struct page_tables *tables, uint64_t va, uint64_t pa, uint64_t flags)
{
	if (!tables->nx)
		flags &= ~PTE_NX;
	*tables_entry(tables, va) = pa | flags | PTE_PRESENT;
}

static uint64_t flags_at(const struct kernel_header *header, uint64_t offset)
{
	if (offset < header->text_end)
		return 0;
	return offset < header->rodata_end ? PTE_NX : PTE_WRITE | PTE_NX;
}

void tables_map_region(struct page_tables *tables, const struct kernel_header *header,
		       uint64_t base, uint64_t size)
{
	for (uint64_t offset = 0; offset < size; offset += 1u << PAGE_BITS)
		tables_map(tables, KERNEL_BASE + offset, base + offset, flags_at(header, offset));
}

uint64_t *tables_top_entry(struct page_tables *tables, uint64_t va)
{
	return &tables->top[index_of(va, tables->levels)];
}
