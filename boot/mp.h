/*
 * EFI_MP_SERVICES_PROTOCOL (PI specification, volume 2, 13.4), as far as plinth uses it; gnu-efi
 * does not define it. What plinth does not call is a placeholder of the right size.
 */
#pragma once

#include <efi.h>

/* Versions of clang-format do not agree on these braces. */
/* clang-format off */
#define EFI_MP_SERVICES_PROTOCOL_GUID                                                              \
	{ 0x3fdda605, 0xa76e, 0x4f46, { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 } }
/* clang-format on */

/* EFI_PROCESSOR_INFORMATION.StatusFlag */
#define PROCESSOR_AS_BSP_BIT        0x1
#define PROCESSOR_ENABLED_BIT       0x2
#define PROCESSOR_HEALTH_STATUS_BIT 0x4

typedef struct {
	UINT64 ProcessorId; /* the local APIC id */
	UINT32 StatusFlag;
	UINT32 Package; /* Location */
	UINT32 Core;
	UINT32 Thread;
	UINT32 Location2[6]; /* later versions of the specification have it */
} EFI_PROCESSOR_INFORMATION;

typedef VOID(EFIAPI *EFI_AP_PROCEDURE)(VOID *argument);

typedef struct EFI_MP_SERVICES_PROTOCOL EFI_MP_SERVICES_PROTOCOL;

struct EFI_MP_SERVICES_PROTOCOL {
	EFI_STATUS(EFIAPI *GetNumberOfProcessors)
	(EFI_MP_SERVICES_PROTOCOL *This, UINTN *NumberOfProcessors,
	 UINTN *NumberOfEnabledProcessors);
	EFI_STATUS(EFIAPI *GetProcessorInfo)
	(EFI_MP_SERVICES_PROTOCOL *This, UINTN ProcessorNumber,
	 EFI_PROCESSOR_INFORMATION *ProcessorInfoBuffer);
	EFI_STATUS(EFIAPI *StartupAllAPs)
	(EFI_MP_SERVICES_PROTOCOL *This, EFI_AP_PROCEDURE Procedure, BOOLEAN SingleThread,
	 EFI_EVENT WaitEvent, UINTN TimeoutInMicroSeconds, VOID *ProcedureArgument,
	 UINTN **FailedCpuList);
	VOID *StartupThisAP;
	VOID *SwitchBSP;
	VOID *EnableDisableAP;
	EFI_STATUS(EFIAPI *WhoAmI)(EFI_MP_SERVICES_PROTOCOL *This, UINTN *ProcessorNumber);
};
