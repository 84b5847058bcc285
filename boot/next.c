/*
 * What comes after plinth. "next" in the settings is a path, a blank, and options for the program,
 * which get to it as its load options in UTF-16.
 */
#include <efi.h>
#include <efilib.h>
#include <stdbool.h>

#include "boot/next.h"
#include "boot/text.h"

static size_t path_length(const char *next)
{
	size_t length = 0;

	while (next[length] && next[length] != ' ' && next[length] != '\t')
		length++;
	return length;
}

/* The path on the volume, as UEFI writes it. */
static CHAR16 *path_of(const char *next)
{
	CHAR16 *path = text_to_utf16(next, path_length(next));

	for (CHAR16 *c = path; c && *c; c++) {
		if (*c == '/')
			*c = '\\';
	}
	return path;
}

static EFI_STATUS pass_options(EFI_HANDLE image, const char *next)
{
	const char *options = next + path_length(next);
	EFI_LOADED_IMAGE *loaded;
	EFI_STATUS status;

	while (*options == ' ' || *options == '\t')
		options++;
	if (!*options)
		return EFI_SUCCESS;
	status = BS->HandleProtocol(image, &LoadedImageProtocol, (VOID **)&loaded);
	if (EFI_ERROR(status))
		return status;
	/* Stays allocated as long as the program is in memory. */
	loaded->LoadOptions = text_to_utf16(options, strlena((const CHAR8 *)options));
	if (!loaded->LoadOptions)
		return EFI_OUT_OF_RESOURCES;
	loaded->LoadOptionsSize = (UINT32)((strlena((const CHAR8 *)options) + 1) * sizeof(CHAR16));
	return EFI_SUCCESS;
}

EFI_STATUS load_next(EFI_HANDLE self, EFI_HANDLE volume, const struct config *config,
		     EFI_HANDLE *next)
{
	EFI_DEVICE_PATH *file = NULL;
	EFI_HANDLE image = NULL;
	EFI_STATUS status;
	CHAR16 *path;

	*next = NULL;
	if (!config->next[0])
		return EFI_SUCCESS;
	path = path_of(config->next);
	if (path && volume)
		file = FileDevicePath(volume, path);
	status = file ? BS->LoadImage(FALSE, self, file, NULL, 0, &image) : EFI_NOT_FOUND;
	if (!EFI_ERROR(status))
		status = pass_options(image, config->next);
	if (EFI_ERROR(status)) {
		/* With EFI_SECURITY_VIOLATION there is an image, which may not be started. */
		if (image)
			BS->UnloadImage(image);
		say("next = %s cannot be loaded from the volume that plinth.efi came from: %r; going "
		    "back to firmware instead",
		    path ? path : L"", status);
	} else {
		*next = image;
	}
	if (file)
		FreePool(file);
	if (path)
		FreePool(path);
	return status;
}

/* EDK II's boot manager clears the parent; elsewhere it is a driver of the firmware. */
static bool is_started_by_boot_manager(const EFI_LOADED_IMAGE *self)
{
	EFI_LOADED_IMAGE *parent;

	if (!self->ParentHandle)
		return true;
	if (EFI_ERROR(
		    BS->HandleProtocol(self->ParentHandle, &LoadedImageProtocol, (VOID **)&parent)))
		return false;
	return parent->ImageCodeType == EfiBootServicesCode;
}

EFI_STATUS without_next(const EFI_LOADED_IMAGE *self)
{
	return is_started_by_boot_manager(self) ? EFI_NOT_FOUND : EFI_SUCCESS;
}

EFI_STATUS start_next(EFI_HANDLE next, const struct config *config)
{
	UINTN size = 0;
	CHAR16 *data = NULL;
	EFI_STATUS status = BS->StartImage(next, &size, &data);

	if (EFI_ERROR(status))
		say("\"%a\" has ended: %r", config->next, status);
	if (data)
		FreePool(data);
	return status;
}
