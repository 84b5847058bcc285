/* The kernel's place in memory: the region, the image, its page tables and struct boot_info. */
#pragma once

#include "boot/config.h"
#include "boot/machine.h"

/*
 * Reserve memory that the operating system will never own, put the kernel there, and prepare the
 * gate of every core. False if that is impossible, which has been said.
 */
bool place_kernel(struct machine *machine, const struct config *config);

/* Give the memory back to firmware. No core may be in the kernel or a guest. */
void place_forget(struct machine *machine);
