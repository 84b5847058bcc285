#include "tests/unit/fake_heap.h"
#include "tests/unit/unit.h"

#include <string.h>

long fake_heap_left = -1;
long fake_heap_used;

void *page_alloc(void)
{
	if (fake_heap_left == 0)
		return NULL;
	if (fake_heap_left > 0)
		fake_heap_left--;

	void *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	assert_non_null(page);
	memset(page, 0, PAGE_SIZE);
	fake_heap_used++;
	return page;
}

void page_free(void *page)
{
	assert_non_null(page);
	fake_heap_used--;
	if (fake_heap_left >= 0)
		fake_heap_left++;
	free(page);
}

hpa_t virt_to_phys(const void *va)
{
	return (hpa_t)(uintptr_t)va;
}

void *phys_to_virt(hpa_t pa)
{
	return (void *)(uintptr_t)pa;
}
