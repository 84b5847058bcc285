/*
 * Where the settings come from; boot/config.c knows what they mean. plinth.cfg lies in the
 * directory that firmware loaded plinth.efi from, and need not exist.
 */
#include <efi.h>
#include <efilib.h>

#include "boot/settings.h"
#include "boot/text.h"

#define CONFIG_NAME     L"plinth.cfg"
#define FILE_BYTES_MAX  (64 * 1024)
#define PATH_MAX        512
#define LOAD_OPTION_MAX 2048

static void complain_file(void *ctx, unsigned number, const char *text, const char *reason)
{
	(void)ctx;
	say("plinth.cfg line %d: \"%a\" is not understood: %a", number, text, reason);
}

static void complain_option(void *ctx, unsigned number, const char *text, const char *reason)
{
	(void)ctx;
	say("load option %d: \"%a\" is not understood: %a", number, text, reason);
}

/*
 * The path of plinth.cfg: firmware gives the image's own as one or more nodes of a device path,
 * with or without a leading backslash. No nodes: the root directory.
 */
static BOOLEAN config_path(EFI_LOADED_IMAGE *self, CHAR16 path[PATH_MAX])
{
	UINTN length = 0;

	for (EFI_DEVICE_PATH *node = self->FilePath; node && !IsDevicePathEnd(node);
	     node = NextDevicePathNode(node)) {
		const CHAR16 *name = ((FILEPATH_DEVICE_PATH *)node)->PathName;
		UINTN size = DevicePathNodeLength(node) - SIZE_OF_FILEPATH_DEVICE_PATH;

		if (DevicePathType(node) != MEDIA_DEVICE_PATH ||
		    DevicePathSubType(node) != MEDIA_FILEPATH_DP)
			continue;
		if (length + size / sizeof(*name) + StrLen(CONFIG_NAME) + 2 > PATH_MAX)
			return FALSE;
		if (length && path[length - 1] != '\\')
			path[length++] = '\\';
		for (UINTN i = 0; i < size / sizeof(*name) && name[i]; i++)
			path[length++] = name[i] == '/' ? '\\' : name[i];
	}
	while (length && path[length - 1] != '\\')
		length--;
	CopyMem(path + length, CONFIG_NAME, sizeof(CONFIG_NAME));
	return TRUE;
}

static void parse_file(EFI_FILE_HANDLE file, struct config *config)
{
	UINTN size = FILE_BYTES_MAX;
	char *text = AllocatePool(size);
	EFI_STATUS status = text ? file->Read(file, &size, text) : EFI_OUT_OF_RESOURCES;

	if (EFI_ERROR(status))
		say("plinth.cfg cannot be read: %r; going on with the defaults", status);
	else
		config_parse_text(config, text, size, complain_file, NULL);
	if (!EFI_ERROR(status) && size == FILE_BYTES_MAX)
		say("plinth.cfg is too long: only its first %d bytes are used", FILE_BYTES_MAX);
	if (text)
		FreePool(text);
}

static void read_file(EFI_LOADED_IMAGE *self, struct config *config)
{
	CHAR16 path[PATH_MAX];
	EFI_FILE_HANDLE root, file;
	EFI_STATUS status;

	root = LibOpenRoot(self->DeviceHandle);
	if (!root)
		return; /* loaded from the network or from memory: there is nothing beside us */
	if (!config_path(self, path)) {
		say("the path of plinth.efi is too long to look for plinth.cfg beside it");
	} else {
		status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
		if (!EFI_ERROR(status)) {
			parse_file(file, config);
			file->Close(file);
		} else if (status != EFI_NOT_FOUND) {
			say("%s cannot be opened: %r; going on with the defaults", path, status);
		}
	}
	root->Close(root);
}

/*
 * Load options are whatever the boot manager stored: ours are printable UTF-16. Others, such as
 * the marks that firmware leaves in the options that it makes itself, are not for us.
 */
static void read_load_options(EFI_LOADED_IMAGE *self, struct config *config)
{
	const CHAR16 *wide = self->LoadOptions;
	UINTN count = self->LoadOptionsSize / sizeof(*wide);
	char text[LOAD_OPTION_MAX];
	UINTN length;

	if (!wide || self->LoadOptionsSize % sizeof(*wide))
		return;
	for (length = 0; length < count && wide[length]; length++) {
		if (length == LOAD_OPTION_MAX - 1) {
			say("the load options are too long: only the first %d characters are used",
			    LOAD_OPTION_MAX - 1);
			break;
		}
		if (wide[length] > '~' || (wide[length] < ' ' && wide[length] != '\t'))
			return;
		text[length] = (char)wide[length];
	}
	text[length] = 0;
	config_parse_options(config, text, complain_option, NULL);
}

void read_settings(EFI_LOADED_IMAGE *self, struct config *config)
{
	config_defaults(config);
	read_file(self, config);
	read_load_options(self, config);
}
