#include "tests/unit/unit.h"

#include "tests/unit/fake_efi.h"

#include <string.h>

struct fake_console fake_conout;
struct fake_console fake_consoles[FAKE_CONSOLES];
unsigned fake_console_count;
long fake_pool_left;
long fake_pool_used;

EFI_GUID gEfiSimpleTextOutProtocolGuid = { .Data1 = 0x387477c2 };

static EFI_STATUS output_string(SIMPLE_TEXT_OUTPUT_INTERFACE *self, CHAR16 *string)
{
	struct fake_console *console = (struct fake_console *)self;

	for (; *string; string++) {
		assert_true(console->length < sizeof(console->text) - 1);
		assert_in_range(*string, 1, 0xff);
		console->text[console->length++] = (char)*string;
	}
	return EFI_SUCCESS;
}

static EFI_STATUS handle_protocol(EFI_HANDLE handle, EFI_GUID *protocol, void **interface)
{
	struct fake_console *console = handle;

	assert_ptr_equal(protocol, &gEfiSimpleTextOutProtocolGuid);
	if (console->has_no_protocol)
		return EFI_ERROR_CODE(3);
	*interface = &console->interface;
	return EFI_SUCCESS;
}

static EFI_STATUS locate_handle_buffer(int by, EFI_GUID *protocol, UNUSED void *key, UINTN *count,
				       EFI_HANDLE **buffer)
{
	assert_int_equal(by, ByProtocol);
	assert_int_equal(protocol->Data1, 0xd3b36f2c); /* edk2's ConsoleOutDevice */
	if (!fake_console_count)
		return EFI_NOT_FOUND; /* and *count and *buffer stay as they are */
	*buffer = AllocatePool(fake_console_count * sizeof(**buffer));
	if (!*buffer)
		return EFI_OUT_OF_RESOURCES;
	for (unsigned i = 0; i < fake_console_count; i++)
		(*buffer)[i] = &fake_consoles[i];
	*count = fake_console_count;
	return EFI_SUCCESS;
}

static EFI_BOOT_SERVICES boot_services = { handle_protocol, locate_handle_buffer };
static EFI_SYSTEM_TABLE system_table = { &fake_conout.interface };
EFI_BOOT_SERVICES *BS = &boot_services;
EFI_SYSTEM_TABLE *ST = &system_table;

void fake_efi_reset(void)
{
	memset(&fake_conout, 0, sizeof(fake_conout));
	memset(fake_consoles, 0, sizeof(fake_consoles));
	fake_conout.interface.OutputString = output_string;
	for (unsigned i = 0; i < FAKE_CONSOLES; i++)
		fake_consoles[i].interface.OutputString = output_string;
	fake_console_count = 0;
	fake_pool_left = -1;
	fake_pool_used = 0;
}

static void node(EFI_DEVICE_PATH *header, UINT8 type, UINT8 subtype, size_t length)
{
	*header = (EFI_DEVICE_PATH){ type, subtype, { (UINT8)length, (UINT8)(length >> 8) } };
}

void fake_console_on_port(unsigned i, UINT32 uid)
{
	struct fake_console *console = &fake_consoles[i];

	console->has_path = true;
	node(&console->path.root.Header, 2, 1, sizeof(console->path.root));
	console->path.root.HID =
		0x0a0341d0; /* PNP0A03, the PCI root, with a UID that means nothing */
	console->path.root.UID = 0;
	node(&console->path.port.Header, 2, 1, sizeof(console->path.port));
	console->path.port.HID = 0x050141d0; /* PNP0501 */
	console->path.port.UID = uid;
	node(&console->path.uart, 3, 14, sizeof(console->path.uart));
	node(&console->path.end, 0x7f, 0xff, sizeof(console->path.end));
}

EFI_DEVICE_PATH *DevicePathFromHandle(EFI_HANDLE handle)
{
	struct fake_console *console = handle;

	return console->has_path ? &console->path.root.Header : NULL;
}

/* As much of gnu-efi's formatting as tests use: %a, %s, %d, %r. */
UINTN AsciiVSPrint(CHAR8 *buffer, UINTN size, const CHAR8 *format, va_list args)
{
	UINTN length = 0;

	for (; *format; format++) {
		char piece[1024] = { *format, '\0' };

		if (*format == '%') {
			switch (*++format) {
			case 'a':
				snprintf(piece, sizeof(piece), "%s", va_arg(args, const char *));
				break;
			case 's':
				snprintf(piece, sizeof(piece), "%ls", va_arg(args, const CHAR16 *));
				break;
			case 'd':
				snprintf(piece, sizeof(piece), "%d", va_arg(args, int));
				break;
			case 'r':
				snprintf(piece, sizeof(piece), "status %llu",
					 (unsigned long long)(va_arg(args, EFI_STATUS) & 0xff));
				break;
			default:
				fail_msg("%%%c is not in the fake", *format);
			}
		}
		for (const char *p = piece; *p && length + 1 < size; p++)
			buffer[length++] = *p;
	}
	if (size)
		buffer[length] = '\0';
	return length;
}

UINTN strlena(const CHAR8 *string)
{
	return strlen(string);
}

UINTN StrLen(const CHAR16 *string)
{
	UINTN length = 0;

	while (string[length])
		length++;
	return length;
}

void CopyMem(void *to, const void *from, UINTN size)
{
	memmove(to, from, size);
}

void *AllocatePool(UINTN size)
{
	if (fake_pool_left == 0)
		return NULL;
	if (fake_pool_left > 0)
		fake_pool_left--;
	fake_pool_used++;
	return malloc(size);
}

void FreePool(void *memory)
{
	assert_non_null(memory);
	fake_pool_used--;
	free(memory);
}
