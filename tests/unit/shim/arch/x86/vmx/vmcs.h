/* Found before the real one: the real one, but VMREAD and VMWRITE are the test program's. */
#pragma once

#define vmread_safe  hardware_vmread_safe
#define vmread_from  hardware_vmread_from
#define vmwrite_from hardware_vmwrite_from
#include "../../../../../../arch/x86/vmx/vmcs.h"
#undef vmread_safe
#undef vmread_from
#undef vmwrite_from

bool vmread_safe(enum vmcs_field field, uint64_t *value);
uint64_t vmread_from(enum vmcs_field field, const char *caller);
void vmwrite_from(enum vmcs_field field, uint64_t value, const char *caller);
