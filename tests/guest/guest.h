/*
 * What the test programs share. They are EFI applications that run as the guest (or, for
 * comparison, on the bare machine), say their results on the serial line, and end the machine. They
 * talk to the UART themselves: firmware's console would wrap long lines.
 */
#pragma once

#include <efi.h>
#include <efilib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/hypercall.h"

#define PAGE_SIZE   4096ull
#define CR0_MP      (1ull << 1)
#define CR0_TS      (1ull << 3)
#define CR0_NE      (1ull << 5)
#define CR0_WP      (1ull << 16)
#define CR0_NW      (1ull << 29)
#define CR0_CD      (1ull << 30)
#define CR0_PG      (1ull << 31)
#define CR4_PAE     (1ull << 5)
#define CR4_OSXSAVE (1ull << 18)
#define RFLAGS_TF   (1ull << 8)
#define RFLAGS_IF   (1ull << 9)
#define VECTOR_DB   1
#define VECTOR_BP   3
#define VECTOR_UD   6
#define VECTOR_NONE (-1)

/* First of all. */
void guest_init(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

/* One line on the serial line, printf's way (hv/format.h). */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The machine is turned off: Bochs's port for that, then the firmware's service. */
void power_off(void) __attribute__((noreturn));

/* This program's load options; where the board started it, its path is the first word of them. */
const CHAR16 *load_options(void);

/* The handle of the volume that this program came from. */
EFI_HANDLE volume(void);

/* --- Exceptions --------------------------------------------------------------------------------
 */

/*
 * From here on interrupts are off, until a service of the firmware is called, and exceptions come
 * to guest.c. For programs that end with power_off(): firmware's IDT is lost.
 */
void catch_exceptions(void);

/* Make the delivery of an exception fail with #NP, or work again. */
void set_gate_present(unsigned vector, bool present);

/* Filled by the handler of an exception. */
struct fault {
	int64_t vector; /* VECTOR_NONE: there was none */
	uint64_t error;
	uint64_t rip;
	uint64_t rflags;
	uint64_t cr2;
};

/* Where the handler goes on; shared with vectors.asm, which knows the offsets. */
struct guest_resume {
	uint64_t rip; /* 0: an exception is not expected */
	uint64_t rsp;
	uint64_t start; /* the address of the first instruction of the attempt */
	uint64_t next;  /* the address of label 7, see ATTEMPT_MARKED */
};

extern struct guest_resume guest_resume __attribute__((visibility("hidden")));
extern struct fault guest_fault __attribute__((visibility("hidden")));

/* #DB while guest_steps is not negative: noted here, and the program goes on with TF clear. */
#define STEPS_MAX 8
struct guest_step {
	uint64_t rip;
	uint64_t dr6;
};
extern int guest_steps;
extern struct guest_step guest_step[STEPS_MAX];

/*
 * Assembly that may fault, with GCC's operands and clobbers behind it: goes on behind the last
 * instruction with the stack pointer of the first; guest_fault tells. R11 is lost. Labels 7, 8 and
 * 9 are taken. With ATTEMPT_MARKED the instructions define label 7, for guest_resume.next.
 */
#define ATTEMPT(instructions, ...)        ATTEMPT_(instructions "\n7:\n\t", __VA_ARGS__)
#define ATTEMPT_MARKED(instructions, ...) ATTEMPT_(instructions "\n\t", __VA_ARGS__)
#define ATTEMPT_(instructions, ...)                                                                \
	do {                                                                                       \
		guest_fault = (struct fault){ .vector = VECTOR_NONE };                             \
		__asm__ volatile("leaq 8f(%%rip), %%r11\n\t"                                       \
				 "movq %%r11, 16+guest_resume(%%rip)\n\t"                          \
				 "leaq 7f(%%rip), %%r11\n\t"                                       \
				 "movq %%r11, 24+guest_resume(%%rip)\n\t"                          \
				 "movq %%rsp, 8+guest_resume(%%rip)\n\t"                           \
				 "leaq 9f(%%rip), %%r11\n\t"                                       \
				 "movq %%r11, guest_resume(%%rip)\n"                               \
				 "8:\n\t" instructions "9:\n\t"                                    \
				 "movq $0, guest_resume(%%rip)\n\t" __VA_ARGS__);                  \
	} while (0)
#define ATTEMPT_CLOBBERS "r11", "memory", "cc"

/* "ok", or the fault as "#UD", "#GP(0)", "#PF(2)", for one use in the next say(). */
const char *outcome(void);

/* --- Instructions ------------------------------------------------------------------------------
 */

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf);

uint64_t read_cr0(void);
uint64_t read_cr4(void);

/* These four leave what happened in guest_fault. A read that faults gives 0. */
void write_cr0(uint64_t value);
void write_cr4(uint64_t value);
uint64_t read_msr(uint32_t msr);
void write_msr(uint32_t msr, uint64_t value);

/* --- plinth ------------------------------------------------------------------------------------
 */

struct call {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi;
};

/* True when CPUID shows plinth's signature. */
bool plinth_present(void);

/* VMCALL with these registers, which are then what it returned; guest_fault tells of a #UD. */
void vmcall(struct call *call);

struct call plinth_status(void);

/*
 * The memory that plinth keeps for itself, found in firmware's map. False, and said, if not there.
 * Interrupts are off afterwards.
 */
bool find_plinth(uint64_t *base, uint64_t *size);

/* Say each exit reason's count on each core: "exits: core 0 10 CPUID 123". */
void say_exits(void);
