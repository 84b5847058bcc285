/*
 * VMX instructions, one function each (SDM 3C 30.3). They return false on VMfail; in the manual's
 * way of saying it, CF or ZF is set (30.2). VMREAD and VMWRITE of fields are in vmcs.h.
 */
#pragma once

#include "arch/x86/types.h"

#define DEFINE_VMX_POINTER_INSTRUCTION(name)                                                       \
	static inline bool name(hpa_t region)                                                      \
	{                                                                                          \
		bool failed;                                                                       \
		__asm__ volatile(#name " %1" : "=@ccbe"(failed) : "m"(region) : "memory");         \
		return !failed;                                                                    \
	}

DEFINE_VMX_POINTER_INSTRUCTION(vmxon)
DEFINE_VMX_POINTER_INSTRUCTION(vmclear)
DEFINE_VMX_POINTER_INSTRUCTION(vmptrld)

static inline void vmxoff(void)
{
	__asm__ volatile("vmxoff" : : : "cc", "memory");
}

struct inv_descriptor {
	uint64_t what; /* EPTP, or VPID */
	uint64_t address;
};

enum invept_type {
	INVEPT_SINGLE_CONTEXT = 1,
	INVEPT_ALL_CONTEXTS = 2,
};

enum invvpid_type {
	INVVPID_SINGLE_CONTEXT = 1,
};

static inline bool invept(enum invept_type type, uint64_t eptp)
{
	struct inv_descriptor d = { eptp, 0 };
	bool failed;

	__asm__ volatile("invept %1, %2"
			 : "=@ccbe"(failed)
			 : "m"(d), "r"((uint64_t)type)
			 : "memory");
	return !failed;
}

static inline bool invvpid(enum invvpid_type type, uint16_t vpid)
{
	struct inv_descriptor d = { vpid, 0 };
	bool failed;

	__asm__ volatile("invvpid %1, %2"
			 : "=@ccbe"(failed)
			 : "m"(d), "r"((uint64_t)type)
			 : "memory");
	return !failed;
}
