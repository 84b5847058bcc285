/*
 * The architecture's numbers: control register, flag and CPUID bits, exception vectors. Sections
 * are those of the Intel SDM.
 */
#pragma once

#include "arch/x86/types.h"

/* Control registers, SDM 3A 2.5 */
#define CR0_PE                           BIT(0)
#define CR0_MP                           BIT(1)
#define CR0_EM                           BIT(2)
#define CR0_TS                           BIT(3)
#define CR0_ET                           BIT(4)
#define CR0_NE                           BIT(5)
#define CR0_WP                           BIT(16)
#define CR0_AM                           BIT(18)
#define CR0_NW                           BIT(29)
#define CR0_CD                           BIT(30)
#define CR0_PG                           BIT(31)

#define CR3_LAM                          (BIT(61) | BIT(62)) /* SDM 3A 4.4 */

#define CR4_PAE                          BIT(5)
#define CR4_MCE                          BIT(6)
#define CR4_PGE                          BIT(7)
#define CR4_OSFXSR                       BIT(9)
#define CR4_LA57                         BIT(12)
#define CR4_VMXE                         BIT(13)
#define CR4_SMXE                         BIT(14)
#define CR4_PCIDE                        BIT(17)
#define CR4_OSXSAVE                      BIT(18)
#define CR4_SMEP                         BIT(20)
#define CR4_PKE                          BIT(22)
#define CR4_CET                          BIT(23)
#define CR4_LAM_SUP                      BIT(28)
#define CR4_FRED                         BIT(32)
#define CR4_PSE                          BIT(4)

/* EFLAGS, SDM 1 3.4.3 */
#define RFLAGS_CF                        BIT(0)
#define RFLAGS_FIXED                     BIT(1) /* reads as one */
#define RFLAGS_TF                        BIT(8)
#define RFLAGS_IF                        BIT(9)
#define RFLAGS_RF                        BIT(16)
#define RFLAGS_VM                        BIT(17)
#define RFLAGS_DEFINED                   0x3f7fd7ull /* RFLAGS_FIXED among them */

/* Debug registers, SDM 3B 17.2 */
#define DR6_RESET                        0xffff0ff0ull
#define DR6_B_MASK                       0xfull
#define DR6_BLD                          BIT(11) /* inverted: 0 says a bus lock */
#define DR6_BD                           BIT(13)
#define DR6_BS                           BIT(14)
#define DR6_RTM                          BIT(16) /* inverted: 0 says inside a transaction */
#define DR7_RESET                        0x400ull
#define DR7_GD                           BIT(13)

/* IA32_EFER, SDM 4 table 2-2 */
#define EFER_SCE                         BIT(0)
#define EFER_LME                         BIT(8)
#define EFER_LMA                         BIT(10)
#define EFER_NXE                         BIT(11)

/* CPUID bits by leaf and register, SDM 2A CPUID */
#define CPUID_1_ECX_VMX                  BIT(5)
#define CPUID_1_ECX_SMX                  BIT(6)
#define CPUID_1_ECX_XSAVE                BIT(26)
#define CPUID_1_ECX_OSXSAVE              BIT(27)
#define CPUID_1_ECX_HYPERVISOR           BIT(31)
#define CPUID_1_EDX_MTRR                 BIT(12)
#define CPUID_7_EBX_SMEP                 BIT(7)
#define CPUID_7_EBX_INVPCID              BIT(10)
#define CPUID_7_EBX_PT                   BIT(25)
#define CPUID_7_ECX_WAITPKG              BIT(5)
#define CPUID_7_ECX_OSPKE                BIT(4)
#define CPUID_7_EDX_PCONFIG              BIT(18)
#define CPUID_7_1_EAX_FRED               BIT(17)
#define CPUID_7_1_EAX_MSRLIST            BIT(27)
#define CPUID_7_1_ECX_MSR_IMM            BIT(5)
#define CPUID_D1_EAX_XSAVES              BIT(3)
#define CPUID_80000001_EDX_SYSCALL       BIT(11)
#define CPUID_80000001_EDX_NX            BIT(20)
#define CPUID_80000001_EDX_RDTSCP        BIT(27)
#define CPUID_80000007_EDX_INVARIANT_TSC BIT(8)

/* Exception vectors, SDM 3A 6.3.1 */
enum vector {
	VECTOR_DE = 0,
	VECTOR_DB = 1,
	VECTOR_NMI = 2,
	VECTOR_BP = 3,
	VECTOR_OF = 4,
	VECTOR_BR = 5,
	VECTOR_UD = 6,
	VECTOR_NM = 7,
	VECTOR_DF = 8,
	VECTOR_TS = 10,
	VECTOR_NP = 11,
	VECTOR_SS = 12,
	VECTOR_GP = 13,
	VECTOR_PF = 14,
	VECTOR_MF = 16,
	VECTOR_AC = 17,
	VECTOR_MC = 18,
	VECTOR_XM = 19,
	VECTOR_VE = 20,
	VECTOR_CP = 21,
	VECTOR_COUNT = 32,
};

/* Paging-structure entries, SDM 3A 4.5 */
#define PTE_P       BIT(0)
#define PTE_W       BIT(1)
#define PTE_PCD     BIT(4)
#define PTE_PWT     BIT(3)
#define PTE_NX      BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull
