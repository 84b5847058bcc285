/*
 * Starts the programs that the lines of \run.cfg name, one after the other, with the rest of each
 * line as load options; says what each returned; and turns the machine off at the end.
 */
#include "tests/guest/guest.h"

#define TEXT_MAX 4096

static EFI_STATUS start(EFI_HANDLE self, const char *line)
{
	static CHAR16 wide[TEXT_MAX];
	CHAR16 *options = wide;
	EFI_LOADED_IMAGE *image;
	EFI_HANDLE handle;
	EFI_STATUS status;
	UINTN n;

	for (n = 0; line[n]; n++)
		wide[n] = (CHAR16)line[n];
	wide[n] = 0;
	while (*options && *options != ' ')
		options++;
	if (*options)
		*options++ = 0;
	status = BS->LoadImage(FALSE, self, FileDevicePath(volume(), wide), NULL, 0, &handle);
	if (!EFI_ERROR(status))
		status = BS->HandleProtocol(handle, &LoadedImageProtocol, (void **)&image);
	if (EFI_ERROR(status)) {
		say("run: %s cannot be loaded: status %#lx", line, status);
		return status;
	}
	image->LoadOptions = options;
	image->LoadOptionsSize = *options ? (UINT32)StrSize(options) : 0;
	return BS->StartImage(handle, NULL, NULL);
}

static EFI_STATUS read_list(CHAR8 *text, UINTN size)
{
	EFI_FILE_HANDLE root = LibOpenRoot(volume()), file;
	EFI_STATUS status;

	if (!root)
		return EFI_NO_MEDIA;
	status = root->Open(root, &file, L"\\run.cfg", EFI_FILE_MODE_READ, 0);
	if (EFI_ERROR(status))
		return status;
	status = file->Read(file, &size, text);
	file->Close(file);
	return status;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	static CHAR8 text[TEXT_MAX];
	char *line = (char *)text;
	EFI_STATUS status;

	guest_init(image, system);
	status = read_list(text, sizeof(text) - 1);
	if (EFI_ERROR(status))
		say("run: \\run.cfg cannot be read: status %#lx", status);
	while (*line) {
		char *end = line;
		bool last;

		while (*end && *end != '\n')
			end++;
		last = *end == 0;
		*end = 0;
		say("run: %s", line);
		status = start(image, line);
		say("run: returned %#lx", status);
		line = last ? end : end + 1;
	}
	say("run: done");
	power_off();
}
