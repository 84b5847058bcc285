/*
 * What the guest's physical memory is: one to one with the machine's, with the memory types that
 * the MTRRs give, but without plinth's own region. RAM and everything below 4 GiB is mapped from
 * the start, the rest up to MAXPHYADDR when it is first touched. A guest that touches plinth's
 * region runs that one instruction in another view, where all of the region is one page of
 * all-ones. How tables look is the vendor's: everything here goes through struct virt_ops.
 */
#pragma once

#include "hv/vcpu.h"

enum memory_result {
	MEMORY_RESUME, /* go on with the same instruction */
	MEMORY_FATAL,  /* it can't be: the caller reports and stops */
};

/*
 * Build both views. vm->mtrrs, vm->maxphyaddr, vm->info and vm->ops are set; sets vm->mapped_top
 * and vm->decoy_page. 0, or -1 without memory.
 */
int memory_create(struct vm *vm);

/*
 * The guest accessed GPA and the nested tables did not allow it. ACCESS is a set of enum
 * nested_access: what the guest tried.
 */
enum memory_result memory_violation(struct vcpu *vcpu, gpa_t gpa, unsigned access);

/* The one instruction of a vCPU with vcpu->decoy set is over (single_step's exit). */
void memory_step_done(struct vcpu *vcpu);

/*
 * The guest's write to an MTRR (mtrr_is_msr()) has reached this core's register. Rebuilds the views
 * if it changes any memory type. Not RESUME only if the new views do not fit in memory.
 */
enum memory_result memory_mtrr_written(struct vcpu *vcpu);
