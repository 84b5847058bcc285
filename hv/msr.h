/* Model-specific registers: which accesses exit, and what the guest is told then. */
#pragma once

#include "hv/exit.h"

/* Once, before any vCPU runs: set the intercepts. All other MSRs of the bitmap are the guest's. */
void msr_init(struct vm *vm);

enum exit_action exit_rdmsr(struct vcpu *vcpu);
enum exit_action exit_wrmsr(struct vcpu *vcpu);
