/*
 * A VMCS in plain memory behind tests/unit/shim/arch/x86/vmx/vmcs.h. Reading a field that the test
 * has not set, or that no processor has, fails the test.
 */
#pragma once

#include "arch/x86/vmx/vmcs.h"

void fake_vmcs_reset(void);

/* A field is set once the test or the code under test has written it. */
void fake_vmcs_set(enum vmcs_field field, uint64_t value);
uint64_t fake_vmcs_get(enum vmcs_field field);
bool fake_vmcs_is_set(enum vmcs_field field);

/* VMWRITEs since the last fake_vmcs_reset(), of one field and in all. */
unsigned fake_vmcs_writes(enum vmcs_field field);
unsigned fake_vmcs_all_writes(void);
