/* Firmware behind tests/unit/shim/efi.h: consoles that remember, and memory that can run out. */
#pragma once

#include <efilib.h>

#define FAKE_CONSOLES 4u

/* A device that firmware's console may consist of; it is its own handle. */
struct fake_console {
	SIMPLE_TEXT_OUTPUT_INTERFACE interface; /* must be first */
	char text[8192];
	size_t length;
	bool has_no_protocol;
	struct __attribute__((packed)) {
		ACPI_HID_DEVICE_PATH root, port;
		EFI_DEVICE_PATH uart, end;
	} path;
	bool has_path;
};

extern struct fake_console fake_conout;                  /* ST->ConOut: all of it */
extern struct fake_console fake_consoles[FAKE_CONSOLES]; /* what it consists of */
extern unsigned fake_console_count;                      /* 0: firmware does not say */

extern long fake_pool_left; /* allocations that succeed; negative: all */
extern long fake_pool_used; /* allocations that were not freed */

void fake_efi_reset(void);

/* Console I is on the serial port that ACPI calls PNP0501 with this unique id. */
void fake_console_on_port(unsigned i, UINT32 uid);
