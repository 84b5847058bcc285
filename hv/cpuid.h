/* CPUID: the machine's own answers, except for what plinth keeps from the guest or adds. */
#pragma once

#include "hv/exit.h"

/* Once, before any vCPU runs: what this processor offers and the controls do not allow. */
void cpuid_init(struct vm *vm);

enum exit_action exit_cpuid(struct vcpu *vcpu);

/* Physical address bits of this processor: CPUID.80000008H:EAX[7:0], or 36 without that leaf. */
unsigned cpuid_maxphyaddr(void);
