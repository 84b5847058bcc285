/*
 * The loader's four calls into the kernel (hv/boot_info.h): set up, check every core, start every
 * core, and say something on the log. After the last start only exits bring the kernel to life.
 */
#include "hv/main.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "arch/x86/window.h"
#include "hv/cpuid.h"
#include "hv/debug/log.h"
#include "hv/debug/panic.h"
#include "hv/heap.h"
#include "hv/memory.h"
#include "hv/msr.h"
#include "hv/preflight.h"
#include "hv/string.h"
#include "hv/vcpu_life.h"
#include "hv/version.h"

struct vm the_vm;

kernel_entry_fn kernel_entry;

static void log_notes(struct boot_info *info)
{
	uint32_t start = 0;

	for (uint32_t i = 0; i < info->notes_length; i++) {
		if (info->notes[i] != '\n')
			continue;
		log_warn("%.*s", (int)(i - start), &info->notes[start]);
		start = i + 1;
	}
	info->notes_length = 0;
}

/* CPUID.1:EAX as people know it (SDM 2A CPUID, "Version information"). */
static void log_processor(unsigned core_count)
{
	struct cpuid vendor = cpuid(0, 0);
	uint32_t eax = cpuid(1, 0).eax;
	uint32_t family = eax >> 8 & 0xf, model = eax >> 4 & 0xf;
	uint32_t brand[13] = { 0 };
	const char *name = (const char *)brand; /* padded with blanks, on either side */
	size_t length;

	if (family == 6 || family == 0xf)
		model |= (eax >> 16 & 0xf) << 4;
	if (family == 0xf)
		family += eax >> 20 & 0xff;
	if (cpuid(0x80000000, 0).eax >= 0x80000004)
		for (unsigned i = 0; i < 3; i++) {
			struct cpuid r = cpuid(0x80000002 + i, 0);

			memcpy(&brand[i * 4], &r, sizeof(r));
		}
	while (*name == ' ')
		name++;
	length = strlen(name);
	while (length && name[length - 1] == ' ')
		length--;
	log_info("processor: %.4s%.4s%.4s family %u model %u stepping %u, \"%.*s\", %u core%s",
		 (const char *)&vendor.ebx, (const char *)&vendor.edx, (const char *)&vendor.ecx,
		 family, model, eax & 0xf, (int)length, name, core_count,
		 core_count == 1 ? "" : "s");
}

static enum boot_status kernel_init(struct boot_info *info)
{
	if (info->magic != BOOT_INFO_MAGIC || info->version != BOOT_INFO_VERSION ||
	    info->size != sizeof(*info) + info->core_count * sizeof(struct boot_core))
		return BOOT_BAD_INFO;
	log_init(&info->config);
	log_info("version %u.%u.%u", PLINTH_MAJOR, PLINTH_MINOR, PLINTH_PATCH);
	log_notes(info);
	log_processor(info->core_count);

	heap_init(info);
	window_init((uint64_t *)(KERNEL_BASE + info->window_table), KERNEL_WINDOW,
		    rdmsr(IA32_EFER) & EFER_NXE ? PTE_NX : 0);
	the_vm.info = info;
	the_vm.ops = virt_detect();
	return vm_create_cores(&the_vm);
}

/*
 * What is shared by all cores, on the first one that starts, when its fitness is known. The vCPUs
 * follow one by one, each on its own core.
 */
static enum boot_status vm_create(struct vm *vm)
{
	vm->maxphyaddr = cpuid_maxphyaddr();
	mtrr_read(&vm->mtrrs, rdmsr, vm->maxphyaddr, cpuid(1, 0).edx & CPUID_1_EDX_MTRR);
	if (vm->ops->vm_create(vm) || memory_create(vm))
		return BOOT_NO_MEMORY;
	cpuid_init(vm);
	msr_init(vm);
	log_info("memory: %lu KiB reserved at %#lx", (unsigned long)(vm->info->region_size / 1024),
		 (unsigned long)vm->info->region_base);
	vm->start_tsc = rdtsc();
	return BOOT_OK;
}

static enum boot_status kernel_start(struct vm *vm, unsigned core)
{
	if (core == 0) {
		enum boot_status status = vm_create(vm);

		if (status != BOOT_OK)
			return status;
	}
	return vcpu_start(&vm->vcpus[core]);
}

int64_t kernel_entry(struct boot_info *info, uint64_t call, uint64_t core)
{
	switch ((enum boot_call)call) {
	case KERNEL_INIT:
		return kernel_init(info);
	case KERNEL_CHECK:
		return preflight(info, the_vm.ops, (unsigned)core);
	case KERNEL_START:
		return kernel_start(&the_vm, (unsigned)core);
	case KERNEL_LOG:
		log_notes(info);
		return BOOT_OK;
	}
	return BOOT_BAD_INFO;
}

const struct virt_ops *virt_detect(void)
{
	struct cpuid id = cpuid(0, 0);

	if (id.ebx == 0x756e6547 && id.edx == 0x49656e69 && id.ecx == 0x6c65746e) /* GenuineIntel */
		return &vmx_ops;
	return NULL;
}
