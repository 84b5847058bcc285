/*
 * Says its load options and whether plinth is below, and returns to whoever started it. With
 * "off" among the options it turns the machine off instead.
 */
#include "tests/guest/guest.h"

static bool option(const CHAR16 *options, const char *word)
{
	for (; *options; options++) {
		UINTN n = 0;

		while (word[n] && options[n] == (CHAR16)word[n])
			n++;
		if (!word[n])
			return true;
	}
	return false;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	char options[256];
	UINTN n;

	guest_init(image, system);
	for (n = 0; load_options()[n] && n < sizeof(options) - 1; n++)
		options[n] = (char)load_options()[n];
	options[n] = 0;
	say("status: options \"%s\"", options);
	if (plinth_present()) {
		uint32_t version = cpuid(PLINTH_CPUID_VERSION, 0).eax;

		say("status: plinth %u.%u.%u, %u cores", version >> 16, version >> 8 & 0xff,
		    version & 0xff, cpuid(PLINTH_CPUID_VERSION, 0).ebx);
	} else {
		say("status: no plinth");
	}
	if (option(load_options(), "off"))
		power_off();
	return EFI_SUCCESS;
}
