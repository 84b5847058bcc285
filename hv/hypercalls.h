/* The other side of hv/hypercall.h. */
#pragma once

#include "hv/exit.h"

enum exit_action exit_hypercall(struct vcpu *vcpu);
