/*
 * A repair of the board for more than three cores under a hypervisor; sipi.c says what is broken.
 */
#pragma once

#include <efi.h>

/* The firmware broadcasts two SIPIs, and each is sure to start one core. */
#define CORES_WITHOUT_REPEAT 3

/* From ExitBootServices on and until the firmware's last word in it, repeat broadcast SIPIs. */
EFI_STATUS repeat_sipis(void);

/* Call it off. To be called if what the board has started comes back; harmless otherwise. */
void stop_repeating_sipis(void);
