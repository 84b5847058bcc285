/* printf's formatting into a buffer. */
#include "hv/format.h"

#include <stdbool.h>
#include <stdint.h>

#define DIGITS_MAX 20 /* of a 64-bit number */

static const char lower_digits[] = "0123456789abcdef";
static const char upper_digits[] = "0123456789ABCDEF";

struct output {
	char *buf;
	size_t size;
	size_t length; /* of the whole text, cut off or not */
};

/* One conversion: %[-0#][width][.precision][length]CONVERSION */
struct spec {
	bool left;
	bool zero;
	bool alternate; /* 0x before a hexadecimal number that is not 0 */
	int width;
	int precision; /* negative: none given */
	int longs;     /* 0: int, more: 64 bits; -1: short, -2: char */
};

static void put(struct output *out, char c)
{
	if (out->length + 1 < out->size)
		out->buf[out->length] = c;
	out->length++;
}

static void pad(struct output *out, char c, int count)
{
	while (count-- > 0)
		put(out, c);
}

static void put_string(struct output *out, const struct spec *spec, const char *s)
{
	int length = 0;

	if (!s)
		s = "(null)";
	while ((spec->precision < 0 || length < spec->precision) && s[length])
		length++;

	pad(out, ' ', spec->left ? 0 : spec->width - length);
	for (int i = 0; i < length; i++)
		put(out, s[i]);
	pad(out, ' ', spec->left ? spec->width - length : 0);
}

/* PREFIX goes before the padding zeroes: a sign, or 0x, or nothing. */
static void put_number(struct output *out, const struct spec *spec, const char *prefix,
		       uint64_t value, unsigned base, const char *digits)
{
	char text[DIGITS_MAX];
	int length = 0;
	int prefix_length = 0;

	while (value) {
		text[length++] = digits[value % base];
		value /= base;
	}
	while (prefix[prefix_length])
		prefix_length++;

	int zeroes = (spec->precision < 0 ? 1 : spec->precision) - length;
	int rest = spec->width - prefix_length;

	if (spec->zero && !spec->left && spec->precision < 0 && rest - length > zeroes)
		zeroes = rest - length;
	if (zeroes < 0)
		zeroes = 0;
	rest -= zeroes + length;

	pad(out, ' ', spec->left ? 0 : rest);
	while (*prefix)
		put(out, *prefix++);
	pad(out, '0', zeroes);
	while (length)
		put(out, text[--length]);
	pad(out, ' ', spec->left ? rest : 0);
}

static void put_hex(struct output *out, const struct spec *spec, bool upper, uint64_t value)
{
	const char *prefix = upper ? "0X" : "0x";

	if (!spec->alternate || !value)
		prefix = "";
	put_number(out, spec, prefix, value, 16, upper ? upper_digits : lower_digits);
}

/* A va_list in a struct can be handed on by address, whatever type it is. */
struct arguments {
	va_list list;
};

static int64_t next_signed(struct arguments *args, int longs)
{
	if (longs > 0)
		return va_arg(args->list, int64_t);

	int value = va_arg(args->list, int);

	return longs == 0 ? value : longs == -1 ? (int16_t)value : (int8_t)value;
}

static uint64_t next_unsigned(struct arguments *args, int longs)
{
	if (longs > 0)
		return va_arg(args->list, uint64_t);

	unsigned value = va_arg(args->list, unsigned);

	return longs == 0 ? value : longs == -1 ? (uint16_t)value : (uint8_t)value;
}

/* A number in the format, or the next argument where it says '*'. */
static int parse_number(const char **fmt, struct arguments *args)
{
	int number = 0;

	if (**fmt == '*') {
		(*fmt)++;
		return va_arg(args->list, int);
	}
	while (**fmt >= '0' && **fmt <= '9' && number < 100000)
		number = 10 * number + (*(*fmt)++ - '0');
	return number;
}

/* What is between '%' and the conversion, which FMT points at afterwards. */
static struct spec parse_spec(const char **fmt, struct arguments *args)
{
	struct spec spec = { .precision = -1 };

	for (;; (*fmt)++) {
		if (**fmt == '-')
			spec.left = true;
		else if (**fmt == '0')
			spec.zero = true;
		else if (**fmt == '#')
			spec.alternate = true;
		else
			break;
	}
	spec.width = parse_number(fmt, args);
	if (spec.width < 0) {
		spec.left = true;
		spec.width = -spec.width;
	}
	if (**fmt == '.') {
		(*fmt)++;
		spec.precision = parse_number(fmt, args);
	}
	for (;; (*fmt)++) {
		if (**fmt == 'l' || **fmt == 'z')
			spec.longs++;
		else if (**fmt == 'h')
			spec.longs--;
		else
			break;
	}
	return spec;
}

static void convert(struct output *out, struct spec *spec, char conversion, struct arguments *args)
{
	int64_t number;

	switch (conversion) {
	case 's':
		put_string(out, spec, va_arg(args->list, const char *));
		break;
	case 'c':
		put_string(out, spec, (char[]){ (char)va_arg(args->list, int), 0 });
		break;
	case 'd':
	case 'i':
		number = next_signed(args, spec->longs);
		put_number(out, spec, number < 0 ? "-" : "",
			   number < 0 ? -(uint64_t)number : (uint64_t)number, 10, lower_digits);
		break;
	case 'u':
		put_number(out, spec, "", next_unsigned(args, spec->longs), 10, lower_digits);
		break;
	case 'x':
	case 'X':
		put_hex(out, spec, conversion == 'X', next_unsigned(args, spec->longs));
		break;
	case 'p':
		put_number(out, spec, "0x", (uintptr_t)va_arg(args->list, void *), 16,
			   lower_digits);
		break;
	default:
		put(out, conversion);
		break;
	}
}

size_t format_v(char *buf, size_t size, const char *fmt, va_list list)
{
	struct output out = { buf, size, 0 };
	struct arguments args;

	va_copy(args.list, list);
	while (*fmt) {
		if (*fmt != '%') {
			put(&out, *fmt++);
			continue;
		}

		const char *start = fmt++;
		struct spec spec = parse_spec(&fmt, &args);

		if (*fmt) {
			convert(&out, &spec, *fmt++, &args);
		} else {
			while (start < fmt)
				put(&out, *start++);
		}
	}
	va_end(args.list);
	if (size)
		buf[out.length < size ? out.length : size - 1] = 0;
	return out.length;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	size_t length = format_v(buf, size, fmt, args);
	va_end(args);
	return length;
}
