/* Reading the guest's physical memory, a page at a time, while it is being read. */
#include "hv/guest_memory.h"
#include "arch/x86/regs.h"
#include "arch/x86/window.h"
#include "hv/string.h"

#define CR3_PAE_ADDRESS 0xffffffe0ull /* SDM 3A table 4-7 */

bool read_guest_physical(struct vcpu *vcpu, gpa_t gpa, void *buffer, size_t size)
{
	const struct boot_info *info = vcpu->vm->info;
	const void *p;

	if (gpa - info->region_base < info->region_size) {
		memset(buffer, 0xff, size);
		return false;
	}
	p = window_map(vcpu->index, WINDOW_GUEST, gpa);
	memcpy(buffer, p, size);
	window_unmap(vcpu->index, WINDOW_GUEST);
	return true;
}

bool load_pdptes(struct vcpu *vcpu, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	uint64_t reserved = ~(BIT(vcpu->vm->maxphyaddr) - 1) | 0x1e6; /* SDM 3A table 4-8 */
	uint64_t pdptes[4];

	if (!(cr0 & CR0_PG) || !(cr4 & CR4_PAE) || efer & EFER_LMA)
		return true;
	read_guest_physical(vcpu, ops->read_reg(vcpu, REG_CR3) & CR3_PAE_ADDRESS, pdptes,
			    sizeof(pdptes));
	for (unsigned i = 0; i < 4; i++)
		if (pdptes[i] & PTE_P && pdptes[i] & reserved)
			return false;
	ops->write_pdptes(vcpu, pdptes);
	return true;
}
