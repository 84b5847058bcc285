/*
 * Instructions that C cannot say, one function each. The *_safe forms survive a fault: they return
 * false and leave the outputs alone, through the fixup table that arch/x86/traps.c searches.
 */
#pragma once

#include "arch/x86/types.h"

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* An entry of the fixup table: a fault at FROM goes on at TO with the carry flag set. */
#define FIXUP(from, to)                                                                            \
	".pushsection .fixups, \"a\"\n\t"                                                          \
	".quad " from ", " to "\n\t"                                                               \
	".popsection\n\t"

static inline bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t low, high;
	bool failed;

	__asm__ volatile("clc\n1:\trdmsr\n2:\n\t" FIXUP("1b", "2b")
			 : "=a"(low), "=d"(high), "=@ccc"(failed)
			 : "c"(msr), "0"(0), "1"(0));
	if (!failed)
		*value = (uint64_t)high << 32 | low;
	return !failed;
}

static inline bool wrmsr_safe(uint32_t msr, uint64_t value)
{
	bool failed;

	__asm__ volatile("clc\n1:\twrmsr\n2:\n\t" FIXUP("1b", "2b")
			 : "=@ccc"(failed)
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
	return !failed;
}

static inline bool xsetbv_safe(uint32_t index, uint64_t value)
{
	bool failed;

	__asm__ volatile("clc\n1:\txsetbv\n2:\n\t" FIXUP("1b", "2b")
			 : "=@ccc"(failed)
			 : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
	return !failed;
}

#define DEFINE_REGISTER_ACCESS(name)                                                               \
	static inline uint64_t read_##name(void)                                                   \
	{                                                                                          \
		uint64_t value;                                                                    \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value));                             \
		return value;                                                                      \
	}                                                                                          \
	static inline void write_##name(uint64_t value)                                            \
	{                                                                                          \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                    \
	}

DEFINE_REGISTER_ACCESS(cr0)
DEFINE_REGISTER_ACCESS(cr2)
DEFINE_REGISTER_ACCESS(cr3)
DEFINE_REGISTER_ACCESS(cr4)
DEFINE_REGISTER_ACCESS(dr0)
DEFINE_REGISTER_ACCESS(dr1)
DEFINE_REGISTER_ACCESS(dr2)
DEFINE_REGISTER_ACCESS(dr3)
DEFINE_REGISTER_ACCESS(dr6)
DEFINE_REGISTER_ACCESS(dr7)

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void invlpg(const void *va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void wbinvd(void)
{
	__asm__ volatile("wbinvd" : : : "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void halt(void)
{
	__asm__ volatile("cli; hlt" : : : "memory");
}
