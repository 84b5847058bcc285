/*
 * Found before the real one: the real one, but whatever needs privilege or would tell of the build
 * host is the test program's own (most link tests/unit/fake_cpu.c for it).
 */
#pragma once

#define cpuid(leaf, subleaf) hardware_cpuid(leaf, subleaf) /* not struct cpuid */
#define rdmsr                hardware_rdmsr
#define wrmsr                hardware_wrmsr
#define rdmsr_safe           hardware_rdmsr_safe
#define wrmsr_safe           hardware_wrmsr_safe
#define xsetbv_safe          hardware_xsetbv_safe
#define read_cr0             hardware_read_cr0
#define write_cr0            hardware_write_cr0
#define read_cr2             hardware_read_cr2
#define write_cr2            hardware_write_cr2
#define read_cr3             hardware_read_cr3
#define write_cr3            hardware_write_cr3
#define read_cr4             hardware_read_cr4
#define write_cr4            hardware_write_cr4
#define read_dr0             hardware_read_dr0
#define write_dr0            hardware_write_dr0
#define read_dr1             hardware_read_dr1
#define write_dr1            hardware_write_dr1
#define read_dr2             hardware_read_dr2
#define write_dr2            hardware_write_dr2
#define read_dr3             hardware_read_dr3
#define write_dr3            hardware_write_dr3
#define read_dr6             hardware_read_dr6
#define write_dr6            hardware_write_dr6
#define read_dr7             hardware_read_dr7
#define write_dr7            hardware_write_dr7
#define rdtsc                hardware_rdtsc
#define invlpg               hardware_invlpg
#define wbinvd               hardware_wbinvd
#define cpu_pause            hardware_cpu_pause
#define halt                 hardware_halt
#include "../../../../../arch/x86/insn.h"
#undef cpuid
#undef rdmsr
#undef wrmsr
#undef rdmsr_safe
#undef wrmsr_safe
#undef xsetbv_safe
#undef read_cr0
#undef write_cr0
#undef read_cr2
#undef write_cr2
#undef read_cr3
#undef write_cr3
#undef read_cr4
#undef write_cr4
#undef read_dr0
#undef write_dr0
#undef read_dr1
#undef write_dr1
#undef read_dr2
#undef write_dr2
#undef read_dr3
#undef write_dr3
#undef read_dr6
#undef write_dr6
#undef read_dr7
#undef write_dr7
#undef rdtsc
#undef invlpg
#undef wbinvd
#undef cpu_pause
#undef halt

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
bool rdmsr_safe(uint32_t msr, uint64_t *value);
bool wrmsr_safe(uint32_t msr, uint64_t value);
bool xsetbv_safe(uint32_t index, uint64_t value);
uint64_t read_cr0(void);
void write_cr0(uint64_t value);
uint64_t read_cr2(void);
void write_cr2(uint64_t value);
uint64_t read_cr3(void);
void write_cr3(uint64_t value);
uint64_t read_cr4(void);
void write_cr4(uint64_t value);
uint64_t read_dr0(void);
void write_dr0(uint64_t value);
uint64_t read_dr1(void);
void write_dr1(uint64_t value);
uint64_t read_dr2(void);
void write_dr2(uint64_t value);
uint64_t read_dr3(void);
void write_dr3(uint64_t value);
uint64_t read_dr6(void);
void write_dr6(uint64_t value);
uint64_t read_dr7(void);
void write_dr7(uint64_t value);
uint64_t rdtsc(void);
void invlpg(const void *va);
void wbinvd(void);
void cpu_pause(void);
void halt(void);
