/* The cores of the machine, through EFI_MP_SERVICES, and calls to the kernel on them. */
#pragma once

#include "boot/machine.h"

/*
 * Find every core. False if plinth cannot have all of them, which has been said; what was
 * allocated stays in MACHINE until cores_forget().
 */
bool cores_find(struct machine *machine);
void cores_forget(struct machine *machine);

/* Call the kernel on the boot core alone. */
int64_t cores_call_boot(struct machine *machine, enum boot_call call);

/*
 * Call the kernel on every core, one after the other and the boot core first. True if all results
 * are BOOT_OK; what went wrong has been said if the kernel could not say it.
 */
bool cores_call_all(struct machine *machine, enum boot_call call);

/* Take every core that is a guest back to bare metal. False if one is left, which has been said. */
bool cores_leave(struct machine *machine);
