/* The kernel's own start: what KERNEL_INIT sets up before any core is a guest. */
#pragma once

#include "hv/vcpu.h"

void heap_init(const struct boot_info *info); /* heap.c */

/* The one machine. */
extern struct vm the_vm;
