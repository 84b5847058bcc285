/*
 * printf's formatting into a buffer: %s %c %d %i %u %x %X %p %%, with l, ll, z (and h, hh), a field
 * width, a precision for %s and for numbers, '0', '-' and '#', and '*' for both numbers.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/*
 * Returns the length of the whole text, which was cut off if that is not less than SIZE. BUF ends
 * with a NUL unless SIZE is 0. A conversion that is not in the list is copied as it is written.
 */
size_t format_v(char *buf, size_t size, const char *fmt, va_list list)
	__attribute__((format(printf, 3, 0)));
size_t format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
