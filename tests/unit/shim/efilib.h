/* The library of tests/unit/shim/efi.h. */
#pragma once

#include <efi.h>

extern EFI_SYSTEM_TABLE *ST;
extern EFI_BOOT_SERVICES *BS;
extern EFI_GUID gEfiSimpleTextOutProtocolGuid;

UINTN AsciiVSPrint(CHAR8 *buffer, UINTN size, const CHAR8 *format, va_list args);
UINTN strlena(const CHAR8 *string);
UINTN StrLen(const CHAR16 *string);
void CopyMem(void *to, const void *from, UINTN size);
void *AllocatePool(UINTN size);
void FreePool(void *memory);
EFI_DEVICE_PATH *DevicePathFromHandle(EFI_HANDLE handle);
EFI_FILE_HANDLE LibOpenRoot(EFI_HANDLE device);
