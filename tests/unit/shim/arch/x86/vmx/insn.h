/* Found before the real one: VMX instructions that the test program implements (fake_vmx.c). */
#pragma once

#define vmxon   hardware_vmxon
#define vmclear hardware_vmclear
#define vmptrld hardware_vmptrld
#define vmxoff  hardware_vmxoff
#define invept  hardware_invept
#define invvpid hardware_invvpid
#include "../../../../../../arch/x86/vmx/insn.h"
#undef vmxon
#undef vmclear
#undef vmptrld
#undef vmxoff
#undef invept
#undef invvpid

bool vmxon(hpa_t region);
bool vmclear(hpa_t region);
bool vmptrld(hpa_t region);
void vmxoff(void);
bool invept(enum invept_type type, uint64_t eptp);
bool invvpid(enum invvpid_type type, uint16_t vpid);
