/*
 * What the loader has to say: lines of one sentence each. They are kept until it is known whether
 * the kernel's log takes them too, so that they appear once on every screen and once on the serial
 * line, even where firmware's console is on the serial line that the kernel logs to.
 */
#pragma once

#include <efi.h>

#include "hv/boot_info.h"

/*
 * Keep one line, without "plinth: " and without an end. FORMAT is that of gnu-efi's Print: %a
 * ASCII, %s UTF-16, %d, %x, %lx (64-bit), %r EFI_STATUS.
 */
void say(const char *format, ...);

/* Copy the lines that are kept to the notes of INFO for the kernel's log; they stay kept. */
void text_to_notes(struct boot_info *info);

/*
 * Show the lines that are kept on firmware's console and forget them. LOG_PORT is the serial port
 * on which the kernel's log has them already, which is left out; 0: none.
 */
void text_show(uint16_t log_port);

/* Show the LENGTH bytes of TEXT likewise, each line of them ended by '\n'. */
void text_show_lines(const char *text, size_t length, uint16_t log_port);

/* LENGTH bytes of ASCII as UTF-16 with a NUL, in memory from the pool. NULL: there is none. */
CHAR16 *text_to_utf16(const char *text, size_t length);
