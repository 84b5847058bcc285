/*
 * The guest's writes to CR0 and CR4 that exit, because they touch a bit that plinth owns. VALUE is
 * the whole register as the guest wants it.
 */
#pragma once

#include "hv/exit.h"

enum exit_action write_guest_cr0(struct vcpu *vcpu, uint64_t value);
enum exit_action write_guest_cr4(struct vcpu *vcpu, uint64_t value);
