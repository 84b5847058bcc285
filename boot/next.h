/* What comes after plinth: the program that the settings name. */
#pragma once

#include <efi.h>

#include "boot/config.h"

/*
 * Load the program that CONFIG names, from the volume that plinth.efi came from. This is done
 * before the kernel starts, so that a failure can be told on its log. Returns NULL in *NEXT if none
 * is named or it cannot be loaded, and the status in the latter case.
 */
EFI_STATUS load_next(EFI_HANDLE self, EFI_HANDLE volume, const struct config *config,
		     EFI_HANDLE *next);

/* Run it. Returns what it returns. */
EFI_STATUS start_next(EFI_HANDLE next, const struct config *config);
