/*
 * The region's heap: a cursor that only moves up, and a list of single pages given back. Both are
 * enough for what plinth allocates: per-core memory once, nested paging tables back and forth.
 */
#include "hv/heap.h"
#include "arch/x86/lock.h"
#include "hv/boot_info.h"
#include "hv/main.h"
#include "hv/string.h"

struct free_page {
	struct free_page *next;
};

static struct spinlock lock;
static hpa_t region_base;
static uint64_t cursor, end; /* kernel virtual addresses */
static struct free_page *free_list;

void heap_init(const struct boot_info *info)
{
	region_base = info->region_base;
	cursor = KERNEL_BASE + info->heap;
	end = KERNEL_BASE + info->region_size;
}

void *pages_alloc(size_t count)
{
	uint64_t size = count * PAGE_SIZE;
	void *pages = NULL;

	spin_lock(&lock);
	if (size <= end - cursor) {
		pages = (void *)cursor;
		cursor += size;
	}
	spin_unlock(&lock);
	if (pages)
		memset(pages, 0, size);
	return pages;
}

void *page_alloc(void)
{
	struct free_page *page;

	spin_lock(&lock);
	page = free_list;
	if (page)
		free_list = page->next;
	spin_unlock(&lock);
	if (!page)
		return pages_alloc(1);
	memset(page, 0, PAGE_SIZE);
	return page;
}

void page_free(void *page)
{
	struct free_page *p = page;

	spin_lock(&lock);
	p->next = free_list;
	free_list = p;
	spin_unlock(&lock);
}

hpa_t virt_to_phys(const void *va)
{
	return (uint64_t)va - KERNEL_BASE + region_base;
}

void *phys_to_virt(hpa_t pa)
{
	return (void *)(pa - region_base + KERNEL_BASE);
}
