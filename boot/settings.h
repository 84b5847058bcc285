/* What the user wants: plinth.cfg beside plinth.efi, and the load options, which win. */
#pragma once

#include <efi.h>

#include "boot/config.h"

/* What cannot be understood is said (boot/text.h), and the rest is used. */
void read_settings(EFI_LOADED_IMAGE *self, struct config *config);
