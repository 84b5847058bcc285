/*
 * Constants that the assembly files need, from the compiler: the build turns the lines that this
 * file's assembly output holds into build/asm-offsets.inc, so that no layout is written twice.
 */
#include "arch/x86/traps.h"
#include "arch/x86/vmx/vmx.h"
#include "hv/heap.h"
#include "hv/vcpu.h"

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"->" #name " %0\"" : : "i"(value))

void asm_offsets(void);

void asm_offsets(void)
{
	DEFINE(VCPU_HOST_STACK, offsetof(struct vcpu, host_stack));
	DEFINE(VMX_LAUNCH_VMFAIL, VMX_LAUNCH_VMFAIL);
	DEFINE(VMX_LAUNCH_ABANDONED, VMX_LAUNCH_ABANDONED);
	DEFINE(TRAP_ENTRY_SIZE, TRAP_ENTRY_SIZE);
	DEFINE(KERNEL_HEADER_MAGIC, KERNEL_HEADER_MAGIC);
	DEFINE(BOOT_INFO_VERSION, BOOT_INFO_VERSION);
	DEFINE(HEAP_BASE_BYTES, HEAP_BASE_BYTES);
	DEFINE(HEAP_BYTES_PER_CORE, HEAP_BYTES_PER_CORE);
	DEFINE(HEAP_BYTES_PER_GIB, HEAP_BYTES_PER_GIB);
}
