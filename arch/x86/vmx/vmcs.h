/*
 * The VMCS: every field by the manual's name with its encoding (SDM 3D appendix B), the bits of its
 * controls (SDM 3C 24), and access by width. An access that fails names field, error and caller.
 */
#pragma once

#include "arch/x86/types.h"

/* Field, encoding. The encoding's bits 14:13 are the width (SDM 3C 24.11.2). */
#define VMCS_FIELDS(X)                                                                             \
	X(VPID, 0x0000)                                                                            \
	X(POSTED_INTERRUPT_VECTOR, 0x0002)                                                         \
	X(EPTP_INDEX, 0x0004)                                                                      \
	X(GUEST_ES_SELECTOR, 0x0800)                                                               \
	X(GUEST_CS_SELECTOR, 0x0802)                                                               \
	X(GUEST_SS_SELECTOR, 0x0804)                                                               \
	X(GUEST_DS_SELECTOR, 0x0806)                                                               \
	X(GUEST_FS_SELECTOR, 0x0808)                                                               \
	X(GUEST_GS_SELECTOR, 0x080a)                                                               \
	X(GUEST_LDTR_SELECTOR, 0x080c)                                                             \
	X(GUEST_TR_SELECTOR, 0x080e)                                                               \
	X(GUEST_INTERRUPT_STATUS, 0x0810)                                                          \
	X(PML_INDEX, 0x0812)                                                                       \
	X(HOST_ES_SELECTOR, 0x0c00)                                                                \
	X(HOST_CS_SELECTOR, 0x0c02)                                                                \
	X(HOST_SS_SELECTOR, 0x0c04)                                                                \
	X(HOST_DS_SELECTOR, 0x0c06)                                                                \
	X(HOST_FS_SELECTOR, 0x0c08)                                                                \
	X(HOST_GS_SELECTOR, 0x0c0a)                                                                \
	X(HOST_TR_SELECTOR, 0x0c0c)                                                                \
	X(IO_BITMAP_A, 0x2000)                                                                     \
	X(IO_BITMAP_B, 0x2002)                                                                     \
	X(MSR_BITMAP, 0x2004)                                                                      \
	X(EXIT_MSR_STORE_ADDRESS, 0x2006)                                                          \
	X(EXIT_MSR_LOAD_ADDRESS, 0x2008)                                                           \
	X(ENTRY_MSR_LOAD_ADDRESS, 0x200a)                                                          \
	X(EXECUTIVE_VMCS_POINTER, 0x200c)                                                          \
	X(PML_ADDRESS, 0x200e)                                                                     \
	X(TSC_OFFSET, 0x2010)                                                                      \
	X(VIRTUAL_APIC_ADDRESS, 0x2012)                                                            \
	X(APIC_ACCESS_ADDRESS, 0x2014)                                                             \
	X(POSTED_INTERRUPT_DESCRIPTOR, 0x2016)                                                     \
	X(VM_FUNCTION_CONTROLS, 0x2018)                                                            \
	X(EPT_POINTER, 0x201a)                                                                     \
	X(EOI_EXIT_BITMAP_0, 0x201c)                                                               \
	X(EOI_EXIT_BITMAP_1, 0x201e)                                                               \
	X(EOI_EXIT_BITMAP_2, 0x2020)                                                               \
	X(EOI_EXIT_BITMAP_3, 0x2022)                                                               \
	X(EPTP_LIST_ADDRESS, 0x2024)                                                               \
	X(VMREAD_BITMAP, 0x2026)                                                                   \
	X(VMWRITE_BITMAP, 0x2028)                                                                  \
	X(VE_INFORMATION_ADDRESS, 0x202a)                                                          \
	X(XSS_EXITING_BITMAP, 0x202c)                                                              \
	X(ENCLS_EXITING_BITMAP, 0x202e)                                                            \
	X(TSC_MULTIPLIER, 0x2032)                                                                  \
	X(PCONFIG_EXITING_BITMAP, 0x203e)                                                          \
	X(GUEST_PHYSICAL_ADDRESS, 0x2400)                                                          \
	X(VMCS_LINK_POINTER, 0x2800)                                                               \
	X(GUEST_DEBUGCTL, 0x2802)                                                                  \
	X(GUEST_PAT, 0x2804)                                                                       \
	X(GUEST_EFER, 0x2806)                                                                      \
	X(GUEST_PERF_GLOBAL_CTRL, 0x2808)                                                          \
	X(GUEST_PDPTE0, 0x280a)                                                                    \
	X(GUEST_PDPTE1, 0x280c)                                                                    \
	X(GUEST_PDPTE2, 0x280e)                                                                    \
	X(GUEST_PDPTE3, 0x2810)                                                                    \
	X(GUEST_BNDCFGS, 0x2812)                                                                   \
	X(GUEST_RTIT_CTL, 0x2814)                                                                  \
	X(HOST_PAT, 0x2c00)                                                                        \
	X(HOST_EFER, 0x2c02)                                                                       \
	X(HOST_PERF_GLOBAL_CTRL, 0x2c04)                                                           \
	X(PIN_CONTROLS, 0x4000)                                                                    \
	X(PROC_CONTROLS, 0x4002)                                                                   \
	X(EXCEPTION_BITMAP, 0x4004)                                                                \
	X(PFEC_MASK, 0x4006)                                                                       \
	X(PFEC_MATCH, 0x4008)                                                                      \
	X(CR3_TARGET_COUNT, 0x400a)                                                                \
	X(EXIT_CONTROLS, 0x400c)                                                                   \
	X(EXIT_MSR_STORE_COUNT, 0x400e)                                                            \
	X(EXIT_MSR_LOAD_COUNT, 0x4010)                                                             \
	X(ENTRY_CONTROLS, 0x4012)                                                                  \
	X(ENTRY_MSR_LOAD_COUNT, 0x4014)                                                            \
	X(ENTRY_INTERRUPTION_INFO, 0x4016)                                                         \
	X(ENTRY_EXCEPTION_ERROR_CODE, 0x4018)                                                      \
	X(ENTRY_INSTRUCTION_LENGTH, 0x401a)                                                        \
	X(TPR_THRESHOLD, 0x401c)                                                                   \
	X(PROC_CONTROLS2, 0x401e)                                                                  \
	X(PLE_GAP, 0x4020)                                                                         \
	X(PLE_WINDOW, 0x4022)                                                                      \
	X(INSTRUCTION_ERROR, 0x4400)                                                               \
	X(EXIT_REASON, 0x4402)                                                                     \
	X(EXIT_INTERRUPTION_INFO, 0x4404)                                                          \
	X(EXIT_INTERRUPTION_ERROR_CODE, 0x4406)                                                    \
	X(IDT_VECTORING_INFO, 0x4408)                                                              \
	X(IDT_VECTORING_ERROR_CODE, 0x440a)                                                        \
	X(EXIT_INSTRUCTION_LENGTH, 0x440c)                                                         \
	X(EXIT_INSTRUCTION_INFO, 0x440e)                                                           \
	X(GUEST_ES_LIMIT, 0x4800)                                                                  \
	X(GUEST_CS_LIMIT, 0x4802)                                                                  \
	X(GUEST_SS_LIMIT, 0x4804)                                                                  \
	X(GUEST_DS_LIMIT, 0x4806)                                                                  \
	X(GUEST_FS_LIMIT, 0x4808)                                                                  \
	X(GUEST_GS_LIMIT, 0x480a)                                                                  \
	X(GUEST_LDTR_LIMIT, 0x480c)                                                                \
	X(GUEST_TR_LIMIT, 0x480e)                                                                  \
	X(GUEST_GDTR_LIMIT, 0x4810)                                                                \
	X(GUEST_IDTR_LIMIT, 0x4812)                                                                \
	X(GUEST_ES_ACCESS_RIGHTS, 0x4814)                                                          \
	X(GUEST_CS_ACCESS_RIGHTS, 0x4816)                                                          \
	X(GUEST_SS_ACCESS_RIGHTS, 0x4818)                                                          \
	X(GUEST_DS_ACCESS_RIGHTS, 0x481a)                                                          \
	X(GUEST_FS_ACCESS_RIGHTS, 0x481c)                                                          \
	X(GUEST_GS_ACCESS_RIGHTS, 0x481e)                                                          \
	X(GUEST_LDTR_ACCESS_RIGHTS, 0x4820)                                                        \
	X(GUEST_TR_ACCESS_RIGHTS, 0x4822)                                                          \
	X(GUEST_INTERRUPTIBILITY, 0x4824)                                                          \
	X(GUEST_ACTIVITY_STATE, 0x4826)                                                            \
	X(GUEST_SMBASE, 0x4828)                                                                    \
	X(GUEST_SYSENTER_CS, 0x482a)                                                               \
	X(PREEMPTION_TIMER_VALUE, 0x482e)                                                          \
	X(HOST_SYSENTER_CS, 0x4c00)                                                                \
	X(CR0_GUEST_HOST_MASK, 0x6000)                                                             \
	X(CR4_GUEST_HOST_MASK, 0x6002)                                                             \
	X(CR0_READ_SHADOW, 0x6004)                                                                 \
	X(CR4_READ_SHADOW, 0x6006)                                                                 \
	X(CR3_TARGET_0, 0x6008)                                                                    \
	X(CR3_TARGET_1, 0x600a)                                                                    \
	X(CR3_TARGET_2, 0x600c)                                                                    \
	X(CR3_TARGET_3, 0x600e)                                                                    \
	X(EXIT_QUALIFICATION, 0x6400)                                                              \
	X(IO_RCX, 0x6402)                                                                          \
	X(IO_RSI, 0x6404)                                                                          \
	X(IO_RDI, 0x6406)                                                                          \
	X(IO_RIP, 0x6408)                                                                          \
	X(GUEST_LINEAR_ADDRESS, 0x640a)                                                            \
	X(GUEST_CR0, 0x6800)                                                                       \
	X(GUEST_CR3, 0x6802)                                                                       \
	X(GUEST_CR4, 0x6804)                                                                       \
	X(GUEST_ES_BASE, 0x6806)                                                                   \
	X(GUEST_CS_BASE, 0x6808)                                                                   \
	X(GUEST_SS_BASE, 0x680a)                                                                   \
	X(GUEST_DS_BASE, 0x680c)                                                                   \
	X(GUEST_FS_BASE, 0x680e)                                                                   \
	X(GUEST_GS_BASE, 0x6810)                                                                   \
	X(GUEST_LDTR_BASE, 0x6812)                                                                 \
	X(GUEST_TR_BASE, 0x6814)                                                                   \
	X(GUEST_GDTR_BASE, 0x6816)                                                                 \
	X(GUEST_IDTR_BASE, 0x6818)                                                                 \
	X(GUEST_DR7, 0x681a)                                                                       \
	X(GUEST_RSP, 0x681c)                                                                       \
	X(GUEST_RIP, 0x681e)                                                                       \
	X(GUEST_RFLAGS, 0x6820)                                                                    \
	X(GUEST_PENDING_DEBUG, 0x6822)                                                             \
	X(GUEST_SYSENTER_ESP, 0x6824)                                                              \
	X(GUEST_SYSENTER_EIP, 0x6826)                                                              \
	X(HOST_CR0, 0x6c00)                                                                        \
	X(HOST_CR3, 0x6c02)                                                                        \
	X(HOST_CR4, 0x6c04)                                                                        \
	X(HOST_FS_BASE, 0x6c06)                                                                    \
	X(HOST_GS_BASE, 0x6c08)                                                                    \
	X(HOST_TR_BASE, 0x6c0a)                                                                    \
	X(HOST_GDTR_BASE, 0x6c0c)                                                                  \
	X(HOST_IDTR_BASE, 0x6c0e)                                                                  \
	X(HOST_SYSENTER_ESP, 0x6c10)                                                               \
	X(HOST_SYSENTER_EIP, 0x6c12)                                                               \
	X(HOST_RSP, 0x6c14)                                                                        \
	X(HOST_RIP, 0x6c16)

enum vmcs_field {
#define X(name, encoding) name = (encoding),
	VMCS_FIELDS(X)
#undef X
};

enum vmcs_width {
	VMCS_16 = 0,
	VMCS_64 = 1,
	VMCS_32 = 2,
	VMCS_NATURAL = 3,
};

#define VMCS_WIDTH(field)              ((enum vmcs_width)((field) >> 13 & 3))

/* Pin-based VM-execution controls, SDM 3C 24.6.1 */
#define PIN_EXTERNAL_INTERRUPT_EXITING BIT(0)
#define PIN_NMI_EXITING                BIT(3)
#define PIN_VIRTUAL_NMIS               BIT(5)
#define PIN_PREEMPTION_TIMER           BIT(6)
#define PIN_POSTED_INTERRUPTS          BIT(7)

/* Primary processor-based VM-execution controls, SDM 3C 24.6.2 */
#define PROC_INTERRUPT_WINDOW          BIT(2)
#define PROC_TSC_OFFSETTING            BIT(3)
#define PROC_HLT_EXITING               BIT(7)
#define PROC_INVLPG_EXITING            BIT(9)
#define PROC_MWAIT_EXITING             BIT(10)
#define PROC_RDPMC_EXITING             BIT(11)
#define PROC_RDTSC_EXITING             BIT(12)
#define PROC_CR3_LOAD_EXITING          BIT(15)
#define PROC_CR3_STORE_EXITING         BIT(16)
#define PROC_TERTIARY                  BIT(17)
#define PROC_CR8_LOAD_EXITING          BIT(19)
#define PROC_CR8_STORE_EXITING         BIT(20)
#define PROC_TPR_SHADOW                BIT(21)
#define PROC_NMI_WINDOW                BIT(22)
#define PROC_MOV_DR_EXITING            BIT(23)
#define PROC_IO_EXITING                BIT(24)
#define PROC_IO_BITMAPS                BIT(25)
#define PROC_MONITOR_TRAP              BIT(27)
#define PROC_MSR_BITMAPS               BIT(28)
#define PROC_MONITOR_EXITING           BIT(29)
#define PROC_PAUSE_EXITING             BIT(30)
#define PROC_SECONDARY                 BIT(31)

/* Secondary processor-based VM-execution controls, SDM 3C 24.6.2 */
#define PROC2_APIC_ACCESSES            BIT(0)
#define PROC2_EPT                      BIT(1)
#define PROC2_DESCRIPTOR_EXITING       BIT(2)
#define PROC2_RDTSCP                   BIT(3)
#define PROC2_X2APIC_MODE              BIT(4)
#define PROC2_VPID                     BIT(5)
#define PROC2_WBINVD_EXITING           BIT(6)
#define PROC2_UNRESTRICTED_GUEST       BIT(7)
#define PROC2_APIC_REGISTERS           BIT(8)
#define PROC2_INTERRUPT_DELIVERY       BIT(9)
#define PROC2_INVPCID                  BIT(12)
#define PROC2_VMCS_SHADOWING           BIT(14)
#define PROC2_EPT_VIOLATION_VE         BIT(18)
#define PROC2_CONCEAL_FROM_PT          BIT(19)
#define PROC2_XSAVES                   BIT(20)
#define PROC2_MODE_BASED_EXECUTE       BIT(22)
#define PROC2_USER_WAIT_PAUSE          BIT(26)
#define PROC2_PCONFIG                  BIT(27)

/* VM-exit controls, SDM 3C 24.7.1 */
#define EXIT_SAVE_DEBUG_CONTROLS       BIT(2)
#define EXIT_HOST_ADDRESS_SPACE        BIT(9)
#define EXIT_ACK_INTERRUPT             BIT(15)
#define EXIT_SAVE_PAT                  BIT(18)
#define EXIT_LOAD_PAT                  BIT(19)
#define EXIT_SAVE_EFER                 BIT(20)
#define EXIT_LOAD_EFER                 BIT(21)
#define EXIT_SAVE_PREEMPTION_TIMER     BIT(22)

/* VM-entry controls, SDM 3C 24.8.1 */
#define ENTRY_LOAD_DEBUG_CONTROLS      BIT(2)
#define ENTRY_IA32E_GUEST              BIT(9)
#define ENTRY_TO_SMM                   BIT(10)
#define ENTRY_END_DUAL_MONITOR         BIT(11)
#define ENTRY_LOAD_PAT                 BIT(14)
#define ENTRY_LOAD_EFER                BIT(15)

/* Interruption information: entry, exit and IDT-vectoring share it, SDM 3C 24.8.3, 24.9.2 */
#define INTERRUPTION_VECTOR(i)         (0xff & (i))
#define INTERRUPTION_TYPE(i)           ((i) >> 8 & 7) /* enum event_type, or the next */
#define INTERRUPTION_OTHER_EVENT       7              /* on entry: a pending MTF VM exit */
#define INTERRUPTION_ERROR_CODE        BIT(11)
#define INTERRUPTION_NMI_UNBLOCKED     BIT(12) /* an IRET unblocked NMIs before this fault */
#define INTERRUPTION_VALID             BIT(31)

/* Guest interruptibility state, SDM 3C table 24-3 */
#define BLOCKING_BY_STI                BIT(0)
#define BLOCKING_BY_MOV_SS             BIT(1)
#define BLOCKING_BY_SMI                BIT(2)
#define BLOCKING_BY_NMI                BIT(3)

/* Guest activity state, SDM 3C 24.4.2 */
enum activity_state {
	ACTIVITY_ACTIVE = 0,
	ACTIVITY_HLT = 1,
	ACTIVITY_SHUTDOWN = 2,
	ACTIVITY_WAIT_FOR_SIPI = 3,
};

/* Pending debug exceptions, SDM 3C table 24-4 */
#define PENDING_DEBUG_B          0xfull
#define PENDING_DEBUG_BUS_LOCK   BIT(11)
#define PENDING_DEBUG_ENABLED    BIT(12)
#define PENDING_DEBUG_BS         BIT(14)
#define PENDING_DEBUG_RTM        BIT(16)
#define PENDING_DEBUG_DEFINED    0x1580full

/* IA32_VMX_BASIC, SDM 3D A.1 */
#define VMX_BASIC_REVISION(b)    ((uint32_t)(0x7fffffff & (b)))
#define VMX_BASIC_REGION_SIZE(b) ((uint32_t)((b) >> 32 & 0x1fff))
#define VMX_BASIC_32BIT_ADDRESS  BIT(48)
#define VMX_BASIC_MEMORY_TYPE(b) ((unsigned)((b) >> 50 & 0xf))
#define VMX_BASIC_TRUE_CONTROLS  BIT(55)
#define VMX_BASIC_ANY_ERROR_CODE BIT(56) /* injected exceptions with or without, as one likes */

/* IA32_VMX_MISC, SDM 3D A.6 */
#define VMX_MISC_ACTIVITY(state) BIT(5 + (state)) /* enum activity_state but ACTIVE */
#define VMX_MISC_WAIT_FOR_SIPI   VMX_MISC_ACTIVITY(ACTIVITY_WAIT_FOR_SIPI)
#define VMX_MISC_PT_IN_VMX       BIT(14)
#define VMX_MISC_CR3_TARGETS(m)  ((unsigned)((m) >> 16 & 0x1ff))
#define VMX_MISC_LENGTH_0        BIT(30) /* instruction length 0 with injected software events */

/* IA32_VMX_EPT_VPID_CAP, SDM 3D A.10; the bits of the EPT builder are in ept.h */
#define EPT_CAP_INVEPT           BIT(20)
#define EPT_CAP_INVEPT_SINGLE    BIT(25)
#define EPT_CAP_INVEPT_ALL       BIT(26)
#define EPT_CAP_INVVPID          BIT(32)
#define EPT_CAP_INVVPID_SINGLE   BIT(41)

/* Basic exit reasons, SDM 3D appendix C */
#define EXIT_REASON_BASIC(r)     (0xffff & (r))
#define EXIT_REASON_ENTRY_FAILED BIT(31)

enum exit_reason {
	EXIT_REASON_EXCEPTION_OR_NMI = 0,
	EXIT_REASON_EXTERNAL_INTERRUPT = 1,
	EXIT_REASON_TRIPLE_FAULT = 2,
	EXIT_REASON_INIT = 3,
	EXIT_REASON_SIPI = 4,
	EXIT_REASON_NMI_WINDOW = 8,
	EXIT_REASON_TASK_SWITCH = 9,
	EXIT_REASON_CPUID = 10,
	EXIT_REASON_GETSEC = 11,
	EXIT_REASON_INVD = 13,
	EXIT_REASON_VMCALL = 18,
	EXIT_REASON_VMCLEAR = 19,
	EXIT_REASON_VMLAUNCH = 20,
	EXIT_REASON_VMPTRLD = 21,
	EXIT_REASON_VMPTRST = 22,
	EXIT_REASON_VMREAD = 23,
	EXIT_REASON_VMRESUME = 24,
	EXIT_REASON_VMWRITE = 25,
	EXIT_REASON_VMXOFF = 26,
	EXIT_REASON_VMXON = 27,
	EXIT_REASON_CR_ACCESS = 28,
	EXIT_REASON_RDMSR = 31,
	EXIT_REASON_WRMSR = 32,
	EXIT_REASON_INVALID_GUEST_STATE = 33,
	EXIT_REASON_MSR_LOADING = 34,
	EXIT_REASON_MONITOR_TRAP = 37,
	EXIT_REASON_MACHINE_CHECK = 41,
	EXIT_REASON_EPT_VIOLATION = 48,
	EXIT_REASON_EPT_MISCONFIGURATION = 49,
	EXIT_REASON_INVEPT = 50,
	EXIT_REASON_INVVPID = 53,
	EXIT_REASON_XSETBV = 55,
	EXIT_REASON_SEAMCALL = 76,
	EXIT_REASON_TDCALL = 77,
	EXIT_REASON_COUNT = 80, /* one more than the last that appendix C lists */
};

/* Segment fields of one kind are two encodings apart, in the order of enum segment_name. */
static inline enum vmcs_field segment_field(enum vmcs_field es, unsigned name)
{
	return (enum vmcs_field)((unsigned)es + 2 * name);
}

/* The name of a field, "?" for a number that is none. */
const char *vmcs_field_name(enum vmcs_field field);

/* The VM-instruction error's meaning, SDM 3C 30.4. */
const char *vmx_instruction_error(uint32_t error);

/* Stop the machine: an access to FIELD by CALLER failed (VMfail). Never returns. */
_Noreturn void vmcs_access_failed(enum vmcs_field field, const char *access, const char *caller);

/* A read that cannot fail a report: false where the processor lacks the field. */
static inline bool vmread_safe(enum vmcs_field field, uint64_t *value)
{
	bool failed;

	__asm__ volatile("vmread %[field], %[value]"
			 : [value] "=r"(*value), "=@ccbe"(failed)
			 : [field] "r"((uint64_t)field)
			 : "memory");
	return !failed;
}

/* Any width; VMREAD and VMWRITE work on the current VMCS of this core. */
static inline uint64_t vmread_from(enum vmcs_field field, const char *caller)
{
	uint64_t value;
	bool failed;

	__asm__ volatile("vmread %[field], %[value]"
			 : [value] "=r"(value), "=@ccbe"(failed)
			 : [field] "r"((uint64_t)field)
			 : "memory");
	if (__builtin_expect(failed, 0))
		vmcs_access_failed(field, "VMREAD", caller);
	return value;
}

static inline void vmwrite_from(enum vmcs_field field, uint64_t value, const char *caller)
{
	bool failed;

	__asm__ volatile("vmwrite %[value], %[field]"
			 : "=@ccbe"(failed)
			 : [field] "r"((uint64_t)field), [value] "r"(value)
			 : "memory");
	if (__builtin_expect(failed, 0))
		vmcs_access_failed(field, "VMWRITE", caller);
}

#define VMCS_ASSERT_WIDTH(field, width)                                                            \
	((void)sizeof(struct {                                                                     \
		_Static_assert(VMCS_WIDTH(field) == (width), #field " has another width");         \
		char unused;                                                                       \
	}))

/* With a constant field the width is checked when plinth is built. */
#define vmread16(f)     (VMCS_ASSERT_WIDTH(f, VMCS_16), (uint16_t)vmread_from((f), __func__))
#define vmread32(f)     (VMCS_ASSERT_WIDTH(f, VMCS_32), (uint32_t)vmread_from((f), __func__))
#define vmread64(f)     (VMCS_ASSERT_WIDTH(f, VMCS_64), vmread_from((f), __func__))
#define vmread(f)       (VMCS_ASSERT_WIDTH(f, VMCS_NATURAL), vmread_from((f), __func__))
#define vmwrite16(f, v) (VMCS_ASSERT_WIDTH(f, VMCS_16), vmwrite_from((f), (uint16_t)(v), __func__))
#define vmwrite32(f, v) (VMCS_ASSERT_WIDTH(f, VMCS_32), vmwrite_from((f), (uint32_t)(v), __func__))
#define vmwrite64(f, v) (VMCS_ASSERT_WIDTH(f, VMCS_64), vmwrite_from((f), (v), __func__))
#define vmwrite(f, v)   (VMCS_ASSERT_WIDTH(f, VMCS_NATURAL), vmwrite_from((f), (v), __func__))
