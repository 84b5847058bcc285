/*
 * The region: one contiguous range of EfiReservedMemoryType, which operating systems leave alone in
 * every phase. hv/boot_info.h says what lies where in it.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/place.h"
#include "boot/tables.h"
#include "boot/text.h"

#define KERNEL_PAGE_SIZE      4096ull
#define GIB                   (1ull << 30)
#define REGION_MAX            (KERNEL_WINDOW - KERNEL_BASE)

#define EFER_NXE              (1u << 11) /* SDM 4 table 2-2, IA32_EFER */
#define CR4_LA57              (1u << 12)
#define CPUID_EXTENDED        0x80000000u
#define CPUID_FEATURES        0x80000001u
#define CPUID_EDX_NX          (1u << 20)

#define EFI_PERSISTENT_MEMORY 14 /* EfiPersistentMemory, newer than gnu-efi's list */

extern const uint8_t image_start[];
extern const uint8_t image_end[];

/* Sizes in bytes, offsets from the region's base; multiples of the page size. */
struct layout {
	uint64_t tables;
	uint64_t info;
	uint64_t heap;
	uint64_t size;
	uint64_t info_size; /* exactly */
};

static const struct kernel_header *header(void)
{
	return (const struct kernel_header *)image_start;
}

static uint64_t page_up(uint64_t bytes)
{
	return (bytes + KERNEL_PAGE_SIZE - 1) & ~(KERNEL_PAGE_SIZE - 1);
}

static bool has_nx(void)
{
	uint32_t eax = CPUID_EXTENDED, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (eax < CPUID_FEATURES)
		return false;
	eax = CPUID_FEATURES;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return edx & CPUID_EDX_NX;
}

static unsigned paging_levels(void)
{
	uint64_t cr4;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	return cr4 & CR4_LA57 ? 5 : 4;
}

static bool image_is_sound(void)
{
	const struct kernel_header *h = header();
	size_t bytes = (uintptr_t)image_end - (uintptr_t)image_start;

	return bytes >= sizeof(*h) && h->magic == KERNEL_HEADER_MAGIC &&
	       h->version == BOOT_INFO_VERSION && h->file_size <= bytes &&
	       h->file_size <= h->image_size && h->image_size < REGION_MAX &&
	       h->text_end <= h->rodata_end && h->rodata_end <= h->image_size &&
	       h->entry < h->text_end && h->boot_stack <= h->image_size;
}

static bool gate_is_one_page(void)
{
	return ((uintptr_t)gate_start & ~(KERNEL_PAGE_SIZE - 1)) ==
	       (((uintptr_t)gate_end - 1) & ~(KERNEL_PAGE_SIZE - 1));
}

/* What an operating system may use as memory, now or later. */
static bool is_ram(UINT32 type)
{
	switch (type) {
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData:
	case EfiRuntimeServicesCode:
	case EfiRuntimeServicesData:
	case EfiConventionalMemory:
	case EfiACPIReclaimMemory:
	case EfiACPIMemoryNVS:
	case EFI_PERSISTENT_MEMORY:
		return true;
	default:
		return false;
	}
}

/* The end of the highest memory, 0 if firmware does not say. */
static uint64_t ram_top(void)
{
	UINTN count, key, size;
	UINT32 version;
	uint64_t top = 0;
	EFI_MEMORY_DESCRIPTOR *map = LibMemoryMap(&count, &key, &size, &version);

	if (!map)
		return 0;
	for (UINTN i = 0; i < count; i++) {
		EFI_MEMORY_DESCRIPTOR *range = (VOID *)((UINT8 *)map + i * size);
		uint64_t end = range->PhysicalStart + range->NumberOfPages * EFI_PAGE_SIZE;

		if (is_ram(range->Type) && end > top)
			top = end;
	}
	FreePool(map);
	return top;
}

static uint64_t find_rsdp(void)
{
	static const EFI_GUID tables[] = {
		{ 0x8868e871, 0xe4f1, 0x11d3, { 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 } },
		{ 0xeb9d2d30, 0x2d88, 0x11d3, { 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d } },
	}; /* ACPI 2.0 and later, ACPI 1.0 */

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		EFI_GUID guid = tables[t];
		VOID *rsdp;

		if (!EFI_ERROR(LibGetSystemConfigurationTable(&guid, &rsdp)))
			return (uintptr_t)rsdp;
	}
	return 0;
}

/* The heap grows with the cores and with the memory that nested page tables must describe. */
static struct layout plan(uint32_t core_count, uint64_t top)
{
	const struct kernel_header *h = header();
	struct layout layout = { .tables = page_up(h->image_size) };
	uint64_t gib = (top + GIB - 1) / GIB;
	uint64_t heap = page_up(h->heap_base_bytes + (uint64_t)h->heap_bytes_per_core * core_count +
				h->heap_bytes_per_gib * gib);
	uint64_t tables, needed = 0;

	layout.info_size = sizeof(struct boot_info) + core_count * sizeof(struct boot_core);
	/* The tables map themselves too. */
	do {
		tables = needed;
		layout.info = layout.tables + tables;
		layout.heap = layout.info + page_up(layout.info_size);
		layout.size = layout.heap + heap;
		needed = tables_needed(layout.size / KERNEL_PAGE_SIZE) * KERNEL_PAGE_SIZE;
	} while (needed != tables);
	return layout;
}

static void copy_image(uint64_t base)
{
	const struct kernel_header *h = header();

	CopyMem((VOID *)base, (VOID *)image_start, h->file_size);
	ZeroMem((VOID *)(base + h->file_size), h->image_size - h->file_size);
}

static void build_tables(struct boot_info *info, const struct layout *layout, bool nx)
{
	uint64_t *memory = (uint64_t *)(info->region_base + layout->tables);
	uint64_t gate = (uintptr_t)gate_start & ~(KERNEL_PAGE_SIZE - 1);
	struct page_tables tables;

	ZeroMem(memory, layout->info - layout->tables);
	tables_init(&tables, memory, paging_levels(), nx);
	tables_map_region(&tables, header(), info->region_base, layout->size);
	tables_map(&tables, gate, gate, 0);

	info->cr3 = (uintptr_t)tables.top;
	info->page_tables = (uintptr_t)tables_entry(&tables, KERNEL_BASE) - info->region_base;
	info->window_table = (uintptr_t)tables_entry(&tables, KERNEL_WINDOW) - info->region_base;
	info->gate_entry = (uintptr_t)tables_top_entry(&tables, gate) - info->region_base;
}

static void fill_info(struct boot_info *info, const struct machine *machine,
		      const struct config *config, const struct layout *layout, uint64_t top)
{
	uint64_t region_end = machine->region_base + layout->size;

	ZeroMem(info, layout->info_size);
	info->magic = BOOT_INFO_MAGIC;
	info->version = BOOT_INFO_VERSION;
	info->size = (uint32_t)layout->info_size;
	info->region_base = machine->region_base;
	info->region_size = layout->size;
	info->heap = layout->heap;
	info->ram_top = top > region_end ? top : region_end;
	info->rsdp = find_rsdp();
	info->config = config->kernel;
	info->core_count = machine->core_count;
	CopyMem(info->next, (VOID *)config->next, sizeof(info->next));
	for (uint32_t i = 0; i < machine->core_count; i++)
		info->cores[i].apic_id = machine->cores[i].apic_id;
}

static void prepare_gates(struct machine *machine, const struct layout *layout, bool nx)
{
	struct boot_info *info = machine->info;

	for (uint32_t i = 0; i < machine->core_count; i++) {
		struct gate_call *gate = &machine->cores[i].gate;

		gate->cr3 = info->cr3;
		gate->efer_set = nx ? EFER_NXE : 0;
		gate->stack = KERNEL_BASE + header()->boot_stack;
		gate->entry = KERNEL_BASE + header()->entry;
		gate->info = KERNEL_BASE + layout->info;
		gate->state = &info->cores[i].gate;
		gate->state_va = KERNEL_BASE + (uintptr_t)gate->state - info->region_base;
	}
}

bool place_kernel(struct machine *machine, const struct config *config)
{
	struct layout layout;
	uint64_t top = ram_top();
	EFI_STATUS status;
	bool nx = has_nx();

	if (!image_is_sound() || !gate_is_one_page()) {
		say("the kernel inside plinth.efi does not fit its loader: build both together, from "
		    "one tree");
		return false;
	}
	if (!top) {
		say("firmware does not give its memory map: update the firmware");
		return false;
	}
	layout = plan(machine->core_count, top);
	if (layout.size > REGION_MAX) {
		say("%d cores and %ld GiB of memory need more than the 1 GiB that plinth can use",
		    machine->core_count, top / GIB);
		return false;
	}
	status = BS->AllocatePages(AllocateAnyPages, EfiReservedMemoryType,
				   layout.size / KERNEL_PAGE_SIZE, &machine->region_base);
	if (EFI_ERROR(status)) {
		machine->region_base = 0;
		say("firmware has no %ld KiB of memory in one piece: %r", layout.size / 1024,
		    status);
		return false;
	}

	machine->region_pages = layout.size / KERNEL_PAGE_SIZE;
	machine->info = (struct boot_info *)(machine->region_base + layout.info);
	copy_image(machine->region_base);
	fill_info(machine->info, machine, config, &layout, top);
	build_tables(machine->info, &layout, nx);
	prepare_gates(machine, &layout, nx);
	return true;
}

void place_forget(struct machine *machine)
{
	EFI_STATUS status;

	if (!machine->region_base)
		return;
	status = BS->FreePages(machine->region_base, machine->region_pages);
	if (EFI_ERROR(status))
		say("firmware does not take its memory back: %r", status);
	machine->region_base = 0;
	machine->info = NULL;
}
