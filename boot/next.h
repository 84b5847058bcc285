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

/*
 * What to return to whoever started plinth, SELF, when nothing is named as next. A boot manager
 * takes success for the end of the machine's work and opens its menu; "not found" makes it try the
 * next boot option, which is what the machine would have done without plinth. GRUB and the UEFI
 * shell, which are applications, get success.
 */
EFI_STATUS without_next(const EFI_LOADED_IMAGE *self);

/* Run it. Returns what it returns. */
EFI_STATUS start_next(EFI_HANDLE next, const struct config *config);
