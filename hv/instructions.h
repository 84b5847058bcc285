/* Instructions that exit and are carried out, or refused, in a few lines. */
#pragma once

#include "hv/exit.h"

enum exit_action exit_undefined(struct vcpu *vcpu); /* #UD: what the guest's processor lacks */
enum exit_action exit_invd(struct vcpu *vcpu);
enum exit_action exit_xsetbv(struct vcpu *vcpu);
