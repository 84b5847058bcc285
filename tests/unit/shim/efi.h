/*
 * As much of UEFI as boot/text.c and boot/settings.c use, for tests: by the names of gnu-efi, which
 * these files are compiled without. CHAR16 is wchar_t so that L"..." has its type. The functions
 * are tests/unit/fake_efi.c's.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define IN
#define OUT
#define EFIAPI
#define VOID  void
#define TRUE  1
#define FALSE 0

typedef uint8_t BOOLEAN;
typedef uint8_t UINT8;
typedef uint16_t UINT16;
typedef uint32_t UINT32;
typedef uint64_t UINT64;
typedef uint64_t UINTN;
typedef char CHAR8;
typedef wchar_t CHAR16;
typedef UINTN EFI_STATUS;
typedef void *EFI_HANDLE;

typedef struct {
	UINT32 Data1;
	UINT16 Data2, Data3;
	UINT8 Data4[8];
} EFI_GUID;

#define EFI_ERROR(status)    ((status) >> 63)
#define EFI_ERROR_CODE(n)    (1ull << 63 | (n))
#define EFI_SUCCESS          0ull
#define EFI_OUT_OF_RESOURCES EFI_ERROR_CODE(9)
#define EFI_NOT_FOUND        EFI_ERROR_CODE(14)
#define EFI_ACCESS_DENIED    EFI_ERROR_CODE(15)

typedef struct SIMPLE_TEXT_OUTPUT_INTERFACE SIMPLE_TEXT_OUTPUT_INTERFACE;
struct SIMPLE_TEXT_OUTPUT_INTERFACE {
	void *Reset;
	EFI_STATUS (*OutputString)(SIMPLE_TEXT_OUTPUT_INTERFACE *self, CHAR16 *string);
};

/* UEFI 10.2: device paths are packed. */
typedef struct __attribute__((packed)) {
	UINT8 Type, SubType, Length[2];
} EFI_DEVICE_PATH;

typedef struct __attribute__((packed)) {
	EFI_DEVICE_PATH Header;
	UINT32 HID, UID;
} ACPI_HID_DEVICE_PATH;

typedef struct {
	EFI_DEVICE_PATH Header;
	CHAR16 PathName[];
} FILEPATH_DEVICE_PATH;

#define SIZE_OF_FILEPATH_DEVICE_PATH 4
#define ACPI_DEVICE_PATH             2
#define ACPI_DP                      1
#define MEDIA_DEVICE_PATH            4
#define MEDIA_FILEPATH_DP            4
#define END_DEVICE_PATH_TYPE         0x7f
#define EISA_PNP_ID(id)              ((UINT32)((id) << 16 | 0x41d0))
#define DevicePathType(node)         ((node)->Type & 0x7f)
#define DevicePathSubType(node)      ((node)->SubType)
#define DevicePathNodeLength(node)   ((UINTN)((node)->Length[0] | (node)->Length[1] << 8))
#define NextDevicePathNode(node)     ((EFI_DEVICE_PATH *)((UINT8 *)(node) + DevicePathNodeLength(node)))
#define IsDevicePathEnd(node)        (DevicePathType(node) == END_DEVICE_PATH_TYPE)

typedef struct EFI_FILE *EFI_FILE_HANDLE;
typedef EFI_STATUS efi_open(EFI_FILE_HANDLE self, EFI_FILE_HANDLE *file, CHAR16 *name, UINT64 mode,
			    UINT64 attributes);
typedef EFI_STATUS efi_close(EFI_FILE_HANDLE self);
typedef EFI_STATUS efi_read(EFI_FILE_HANDLE self, UINTN *size, void *buffer);
struct EFI_FILE {
	efi_open *Open;
	efi_close *Close;
	efi_read *Read;
};
#define EFI_FILE_MODE_READ 1ull

typedef struct {
	EFI_HANDLE DeviceHandle;
	EFI_DEVICE_PATH *FilePath;
	UINT32 LoadOptionsSize;
	void *LoadOptions;
} EFI_LOADED_IMAGE;

enum {
	ByProtocol = 2,
};

typedef EFI_STATUS efi_handle_protocol(EFI_HANDLE handle, EFI_GUID *protocol, void **interface);
typedef EFI_STATUS efi_locate_handle_buffer(int by, EFI_GUID *protocol, void *key, UINTN *count,
					    EFI_HANDLE **buffer);
typedef struct {
	efi_handle_protocol *HandleProtocol;
	efi_locate_handle_buffer *LocateHandleBuffer;
} EFI_BOOT_SERVICES;

typedef struct {
	SIMPLE_TEXT_OUTPUT_INTERFACE *ConOut;
} EFI_SYSTEM_TABLE;
