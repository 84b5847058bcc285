/*
 * The loader's lines: kept, handed on to the kernel's log, and shown on firmware's console. See
 * boot/text.h for why.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/text.h"

#define LINE_MAX  512
#define PREFIX    L"plinth: "
#define PNP_16550 0x501 /* PNP0501, a serial port in a device path */

/* On the handle of each device that firmware's console consists of (edk2's ConSplitter). */
static EFI_GUID console_out_device = {
	0xd3b36f2c, 0xd551, 0x11d4, { 0x9a, 0x46, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d }
};

static char kept[sizeof(((struct boot_info *)0)->notes)];
static size_t kept_length;

void say(const char *format, ...)
{
	char line[LINE_MAX];
	va_list args;
	size_t length;

	va_start(args, format);
	AsciiVSPrint((CHAR8 *)line, sizeof(line) - 1, (const CHAR8 *)format, args);
	va_end(args);
	length = strlena((CHAR8 *)line);
	line[length++] = '\n';
	if (kept_length + length > sizeof(kept))
		text_show(0); /* better on the console alone than nowhere */
	CopyMem(kept + kept_length, line, length);
	kept_length += length;
}

void text_to_notes(struct boot_info *info)
{
	CopyMem(info->notes, kept, kept_length);
	info->notes_length = (uint32_t)kept_length;
}

void text_show(uint16_t log_port)
{
	text_show_lines(kept, kept_length, log_port);
	kept_length = 0;
}

CHAR16 *text_to_utf16(const char *text, size_t length)
{
	CHAR16 *wide = AllocatePool((length + 1) * sizeof(*wide));

	if (!wide)
		return NULL;
	for (size_t i = 0; i < length; i++)
		wide[i] = (uint8_t)text[i];
	wide[length] = 0;
	return wide;
}

/* The port of COM1 to COM4, which device paths number from 0 in firmware that we know; or 0. */
static uint16_t com_port(UINT32 uid)
{
	static const uint16_t ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

	return uid < sizeof(ports) / sizeof(ports[0]) ? ports[uid] : 0;
}

static BOOLEAN is_on_port(EFI_HANDLE device, uint16_t port)
{
	EFI_DEVICE_PATH *node = DevicePathFromHandle(device);

	for (; node && !IsDevicePathEnd(node); node = NextDevicePathNode(node)) {
		const ACPI_HID_DEVICE_PATH *acpi = (const ACPI_HID_DEVICE_PATH *)node;

		if (DevicePathType(node) == ACPI_DEVICE_PATH &&
		    DevicePathSubType(node) == ACPI_DP && acpi->HID == EISA_PNP_ID(PNP_16550) &&
		    com_port(acpi->UID) == port)
			return TRUE;
	}
	return FALSE;
}

static void write_line(SIMPLE_TEXT_OUTPUT_INTERFACE *console, CHAR16 *line)
{
	console->OutputString(console, PREFIX);
	console->OutputString(console, line);
	console->OutputString(console, L"\r\n");
}

/*
 * The whole console, or where one of its devices is the log's serial port, each of the others. The
 * console itself follows its devices, so that writing to them does not confuse it.
 */
static void show_line(CHAR16 *line, EFI_HANDLE *devices, UINTN count, uint16_t log_port)
{
	BOOLEAN shared = FALSE;

	for (UINTN i = 0; i < count && log_port; i++)
		shared = shared || is_on_port(devices[i], log_port);
	if (!shared) {
		write_line(ST->ConOut, line);
		return;
	}
	for (UINTN i = 0; i < count; i++) {
		SIMPLE_TEXT_OUTPUT_INTERFACE *console;

		if (!is_on_port(devices[i], log_port) &&
		    !EFI_ERROR(BS->HandleProtocol(devices[i], &gEfiSimpleTextOutProtocolGuid,
						  (VOID **)&console)))
			write_line(console, line);
	}
}

void text_show_lines(const char *text, size_t length, uint16_t log_port)
{
	EFI_HANDLE *devices = NULL;
	UINTN count = 0;
	size_t end;

	if (EFI_ERROR(BS->LocateHandleBuffer(ByProtocol, &console_out_device, NULL, &count,
					     &devices)))
		count = 0;
	for (size_t start = 0; start < length; start = end + 1) {
		CHAR16 *line;

		for (end = start; end < length && text[end] != '\n'; end++)
			;
		line = text_to_utf16(text + start, end - start);
		if (!line)
			break; /* firmware is out of memory, and so is its console */
		show_line(line, devices, count, log_port);
		FreePool(line);
	}
	if (devices)
		FreePool(devices);
}
