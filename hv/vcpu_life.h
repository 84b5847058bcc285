/*
 * A vCPU's life, in KVM's words: precreate, create, init, arch create (the vendor), reset, run,
 * destroy. Each core creates and runs its own.
 */
#pragma once

#include "hv/vcpu.h"

/*
 * KERNEL_INIT: memory for each core that must exist before the core is entered: its struct vcpu,
 * its run page, its tables and its stacks. BOOT_OK or BOOT_NO_MEMORY.
 */
enum boot_status vm_create_cores(struct vm *vm);

/* Become the guest: returns only when that fails, with everything on this core undone. */
enum boot_status vcpu_start(struct vcpu *vcpu);

/*
 * Put the vCPU in the state that the manual lists for power-on (false) or INIT (true: what INIT
 * leaves alone stays), SDM 3A table 9-1.
 */
void vcpu_reset(struct vcpu *vcpu, bool init_event);

/* Give this core back to bare metal, in the guest's present state (PLINTH_LEAVE). */
_Noreturn void vcpu_leave(struct vcpu *vcpu);
