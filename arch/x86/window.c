/* One level 1 table, WINDOW_COUNT entries a core. */
#include "arch/x86/window.h"
#include "arch/x86/insn.h"
#include "arch/x86/regs.h"

static volatile uint64_t *entries;
static uint64_t window_base;
static uint64_t window_attributes;

_Static_assert(WINDOW_CORES_MAX *WINDOW_COUNT <= 512, "one table holds all windows");

void window_init(uint64_t *table, uint64_t base, uint64_t attributes)
{
	entries = table;
	window_base = base;
	window_attributes = attributes;
}

static unsigned slot_of(unsigned self, enum window window)
{
	return self * WINDOW_COUNT + window;
}

static void *address_of(unsigned slot)
{
	return (void *)(window_base + slot * PAGE_SIZE);
}

void *window_map(unsigned self, enum window window, hpa_t pa)
{
	unsigned slot = slot_of(self, window);
	uint64_t type = window == WINDOW_APIC ? PTE_PCD | PTE_PWT : 0;

	entries[slot] = (pa & PTE_ADDRESS) | PTE_P | PTE_W | window_attributes | type;
	return (uint8_t *)address_of(slot) + pa % PAGE_SIZE;
}

void window_unmap(unsigned self, enum window window)
{
	unsigned slot = slot_of(self, window);

	entries[slot] = 0;
	invlpg(address_of(slot));
}
