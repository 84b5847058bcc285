/* plinth.cfg and the load options: text in, struct config and complaints out. */
#include "boot/config.h"

#include <stdbool.h>

#define SHOWN_MAX 80 /* characters of a piece that a complaint shows */

/* A part of somebody else's text. */
struct span {
	const char *at;
	size_t length;
};

/* The piece (line or word) that is being understood. */
struct piece {
	struct config *config;
	config_complain_fn *complain;
	void *ctx;
	unsigned number;
	struct span text;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_printable(char c)
{
	return c == '\t' || (c >= 0x20 && c < 0x7f);
}

static char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static struct span trim(struct span s)
{
	while (s.length && is_blank(s.at[0])) {
		s.at++;
		s.length--;
	}
	while (s.length && is_blank(s.at[s.length - 1]))
		s.length--;
	return s;
}

/* Is S the word WORD, which is in lower case, in any case of letters? */
static bool is_word(struct span s, const char *word)
{
	for (size_t i = 0; i < s.length; i++) {
		/* WORD's NUL equals nothing that gets here: pieces are printable. */
		if (to_lower(s.at[i]) != word[i])
			return false;
	}
	return !word[s.length];
}

static void complain(const struct piece *piece, const char *reason)
{
	char shown[SHOWN_MAX + 1];
	size_t length = piece->text.length < SHOWN_MAX ? piece->text.length : SHOWN_MAX;

	for (size_t i = 0; i < length; i++)
		shown[i] = is_printable(piece->text.at[i]) ? piece->text.at[i] : '?';
	shown[length] = 0;
	piece->complain(piece->ctx, piece->number, shown, reason);
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = to_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static bool parse_number(struct span s, int base, uint32_t max, uint32_t *number)
{
	uint64_t value = 0;

	if (!s.length)
		return false;
	for (size_t i = 0; i < s.length; i++) {
		int digit = digit_value(s.at[i]);

		if (digit >= base)
			return false;
		value = value * (unsigned)base + (unsigned)digit;
		if (value > max)
			return false;
	}
	*number = (uint32_t)value;
	return true;
}

static bool parse_hex(struct span s, uint32_t max, uint32_t *number)
{
	if (s.length < 2 || s.at[0] != '0' || to_lower(s.at[1]) != 'x')
		return false;
	return parse_number((struct span){ s.at + 2, s.length - 2 }, 16, max, number);
}

/* The setters: each takes a value, and returns what is wrong with it or NULL. */

#define UART_CLOCK  115200u
#define DIVISOR_MAX 0xffffu
#define UART_PORTS  8u /* that a UART has, from its base */

static const char *set_serial(struct config *config, struct span value)
{
	static const struct {
		const char *name;
		uint16_t port;
	} ports[] = {
		{ "none", 0 },     { "com1", 0x3f8 }, { "com2", 0x2f8 },
		{ "com3", 0x3e8 }, { "com4", 0x2e8 },
	};
	uint32_t port;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (is_word(value, ports[i].name)) {
			config->kernel.serial_port = ports[i].port;
			return NULL;
		}
	}
	if (!parse_hex(value, 0x10000 - UART_PORTS, &port) || !port)
		return "serial is com1, com2, com3, com4, none or a port such as 0x3f8";
	config->kernel.serial_port = (uint16_t)port;
	return NULL;
}

static const char *set_baud(struct config *config, struct span value)
{
	uint32_t baud;

	if (!parse_number(value, 10, UART_CLOCK, &baud) || !baud || UART_CLOCK % baud ||
	    UART_CLOCK / baud > DIVISOR_MAX)
		return "baud is 115200 or a divisor of it, such as 9600";
	config->kernel.serial_baud = baud;
	return NULL;
}

static const char *set_log(struct config *config, struct span value)
{
	static const char *const levels[] = {
		[LOG_ERROR] = "error",
		[LOG_WARN] = "warn",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (is_word(value, levels[i])) {
			config->kernel.log_level = (uint8_t)i;
			return NULL;
		}
	}
	return "log is error, warn, info or debug";
}

static const char *set_fatal(struct config *config, struct span value)
{
	if (is_word(value, "stop"))
		config->kernel.fatal = FATAL_STOP;
	else if (is_word(value, "reset"))
		config->kernel.fatal = FATAL_RESET;
	else
		return "fatal is stop or reset";
	return NULL;
}

static const char *set_next(struct config *config, struct span value)
{
	if (value.length >= sizeof(config->next))
		return "next is too long";
	for (size_t i = 0; i < value.length; i++)
		config->next[i] = value.at[i];
	config->next[value.length] = 0;
	return NULL;
}

static const struct {
	const char *name;
	const char *(*set)(struct config *config, struct span value);
} keys[] = {
	{ "serial", set_serial }, { "baud", set_baud }, { "log", set_log },
	{ "fatal", set_fatal },   { "next", set_next },
};

/* If S is one pair of double quotes with something between, that; otherwise S. */
static struct span unquote(struct span s)
{
	if (s.length < 2 || s.at[0] != '"' || s.at[s.length - 1] != '"')
		return s;
	for (size_t i = 1; i < s.length - 1; i++) {
		if (s.at[i] == '"')
			return s;
	}
	return (struct span){ s.at + 1, s.length - 2 };
}

/* Understand TEXT, which is "key = value", and say so if it can't be. */
static void parse_setting(const struct piece *piece, struct span text)
{
	size_t equals = 0;
	size_t quotes = 0;

	for (size_t i = 0; i < text.length; i++) {
		if (!is_printable(text.at[i])) {
			complain(piece, "it holds a byte that is not printable ASCII");
			return;
		}
		quotes += text.at[i] == '"';
	}
	if (quotes % 2) {
		complain(piece, "a double quote is not closed");
		return;
	}
	while (equals < text.length && text.at[equals] != '=')
		equals++;
	if (equals == text.length) {
		complain(piece, "it is not of the form key = value");
		return;
	}

	struct span key = trim((struct span){ text.at, equals });
	struct span value = { text.at + equals + 1, text.length - equals - 1 };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (is_word(key, keys[i].name)) {
			const char *wrong = keys[i].set(piece->config, unquote(trim(value)));

			if (wrong)
				complain(piece, wrong);
			return;
		}
	}
	complain(piece, "unknown key; the keys are serial, baud, log, fatal and next");
}

void config_defaults(struct config *config)
{
	*config = (struct config){
		.kernel = {
			.serial_port = 0x3f8,
			.serial_baud = UART_CLOCK,
			.log_level = LOG_INFO,
			.fatal = FATAL_STOP,
		},
	};
}

static struct span without_comment(struct span s)
{
	bool quoted = false;

	for (size_t i = 0; i < s.length; i++) {
		if (s.at[i] == '"')
			quoted = !quoted;
		if (s.at[i] == '#' && !quoted && (i == 0 || is_blank(s.at[i - 1])))
			return (struct span){ s.at, i };
	}
	return s;
}

void config_parse_text(struct config *config, const char *text, size_t length,
		       config_complain_fn *complain_fn, void *ctx)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	struct piece line = { config, complain_fn, ctx, 0, { text, 0 } };
	const char *end = text + length;

	if (length >= 3 && text[0] == byte_order_mark[0] && text[1] == byte_order_mark[1] &&
	    text[2] == byte_order_mark[2])
		text += 3;

	while (text < end) {
		line.number++;
		line.text = (struct span){ text, 0 };
		while (text < end && *text != '\n')
			text++;
		line.text.length = (size_t)(text - line.text.at);
		if (text < end)
			text++;
		if (line.text.length && line.text.at[line.text.length - 1] == '\r')
			line.text.length--;

		struct span rest = trim(without_comment(trim(line.text)));

		if (rest.length)
			parse_setting(&line, rest);
	}
}

void config_parse_options(struct config *config, const char *options,
			  config_complain_fn *complain_fn, void *ctx)
{
	struct piece word = { config, complain_fn, ctx, 0, { options, 0 } };

	for (;;) {
		bool quoted = false;
		bool has_equals = false;

		while (is_blank(*options))
			options++;
		if (!*options)
			return;

		word.number++;
		word.text = (struct span){ options, 0 };
		for (; *options && (quoted || !is_blank(*options)); options++) {
			quoted ^= *options == '"';
			has_equals |= *options == '=';
		}
		word.text.length = (size_t)(options - word.text.at);

		if (word.number == 1 && !has_equals)
			continue; /* the program's own name */
		parse_setting(&word, unquote(word.text));
	}
}
