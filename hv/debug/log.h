/*
 * The log: whole lines, "plinth: " in front and "\r\n" behind, to the serial line. Any core may
 * log at any time from the host, except from an NMI handler. A line longer than LOG_LINE is cut
 * and ends in "...".
 */
#pragma once

#include <stdarg.h>
#include "hv/boot_info.h"

#define LOG_LINE 256 /* bytes of text, without prefix */

/* Sets up the UART that CONFIG names (0: log to nowhere) and the level. 0, or -1: no UART there. */
int log_init(const struct boot_config *config);
void log_set_level(enum log_level level);

/* From now on a core waits only a bounded time for the core that is writing. Never reversed. */
void log_panic_mode(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_v(enum log_level level, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
