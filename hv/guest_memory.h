/* Reading the guest's physical memory, a page at a time, while it is being read. */
#pragma once

#include "hv/vcpu.h"

/*
 * Copy SIZE bytes at GPA, which do not cross a page, to BUFFER. False in plinth's own memory, where
 * the guest would read all-ones: BUFFER is filled with those.
 */
bool read_guest_physical(struct vcpu *vcpu, gpa_t gpa, void *buffer, size_t size);

/*
 * If CR0, CR4 and EFER make PAE paging, load the four PDPTEs that CR3 points to (SDM 3A 4.4.1).
 * False when one of them has a reserved bit set: the instruction is then #GP(0).
 */
bool load_pdptes(struct vcpu *vcpu, uint64_t cr0, uint64_t cr4, uint64_t efer);
