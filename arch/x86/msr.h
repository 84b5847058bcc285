/* Model-specific registers that plinth reads, writes or answers for: SDM 4 tables 2-2 and A. */
#pragma once

#define IA32_TSC                        0x10u
#define IA32_APIC_BASE                  0x1bu
#define IA32_FEATURE_CONTROL            0x3au
#define IA32_BIOS_UPDT_TRIG             0x79u
#define IA32_SMM_MONITOR_CTL            0x9bu
#define IA32_SYSENTER_CS                0x174u
#define IA32_SYSENTER_ESP               0x175u
#define IA32_SYSENTER_EIP               0x176u
#define IA32_DEBUGCTL                   0x1d9u
#define IA32_PAT                        0x277u
#define IA32_VMX_BASIC                  0x480u
#define IA32_VMX_PINBASED_CTLS          0x481u
#define IA32_VMX_PROCBASED_CTLS         0x482u
#define IA32_VMX_EXIT_CTLS              0x483u
#define IA32_VMX_ENTRY_CTLS             0x484u
#define IA32_VMX_MISC                   0x485u
#define IA32_VMX_CR0_FIXED0             0x486u
#define IA32_VMX_CR0_FIXED1             0x487u
#define IA32_VMX_CR4_FIXED0             0x488u
#define IA32_VMX_CR4_FIXED1             0x489u
#define IA32_VMX_VMCS_ENUM              0x48au
#define IA32_VMX_PROCBASED_CTLS2        0x48bu
#define IA32_VMX_EPT_VPID_CAP           0x48cu
#define IA32_VMX_TRUE_PINBASED_CTLS     0x48du
#define IA32_VMX_TRUE_PROCBASED_CTLS    0x48eu
#define IA32_VMX_TRUE_EXIT_CTLS         0x48fu
#define IA32_VMX_TRUE_ENTRY_CTLS        0x490u
#define IA32_VMX_LAST                   0x493u /* IA32_VMX_EXIT_CTLS2, the last of the range */
#define X2APIC_ICR                      0x830u
#define IA32_EFER                       0xc0000080u
#define IA32_FS_BASE                    0xc0000100u
#define IA32_GS_BASE                    0xc0000101u

#define APIC_BASE_BSP                   BIT(8)
#define APIC_BASE_X2APIC                BIT(10)
#define APIC_BASE_ENABLED               BIT(11)
#define APIC_BASE_ADDRESS               0x000ffffffffff000ull

#define FEATURE_CONTROL_LOCK            BIT(0)
#define FEATURE_CONTROL_VMX_INSIDE_SMX  BIT(1)
#define FEATURE_CONTROL_VMX_OUTSIDE_SMX BIT(2)
#define FEATURE_CONTROL_SENTER          0xff00ull /* SENTER functions and enable */

#define DEBUGCTL_LBR                    BIT(0)
#define DEBUGCTL_BTF                    BIT(1)
#define DEBUGCTL_DEFINED                0xffc7ull /* bits that some processor has, SDM 4 table 2-2 */

#define PAT_RESET                       0x0007040600070406ull /* SDM 3A 12.12.4 */
