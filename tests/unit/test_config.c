/* boot/config.c: what people write, what they get wrong, and what no person would write. */
#include "boot/config.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct config config;

static struct {
	unsigned count;
	unsigned number;
	char text[128];
	char reason[128];
} complaints;

static void note(void *ctx, unsigned number, const char *text, const char *reason)
{
	assert_ptr_equal(ctx, &complaints);
	assert_true(strlen(text) < sizeof(complaints.text));
	assert_true(strlen(reason) > 0 && strlen(reason) < sizeof(complaints.reason));
	for (const char *c = text; *c; c++)
		assert_true(*c == '\t' || (*c >= 0x20 && *c < 0x7f));
	complaints.count++;
	complaints.number = number;
	strcpy(complaints.text, text);
	strcpy(complaints.reason, reason);
}

static int setup(UNUSED void **state)
{
	memset(&complaints, 0, sizeof(complaints));
	memset(&config, 0xaa, sizeof(config));
	config_defaults(&config);
	return 0;
}

/* The text goes into an allocation of its own size: a read behind it is seen. */
static void parse_bytes(const char *text, size_t length)
{
	char *copy = malloc(length + 1);

	memcpy(copy + 1, text, length);
	config_parse_text(&config, copy + 1, length, note, &complaints);
	free(copy);
}

static void parse(const char *text)
{
	parse_bytes(text, strlen(text));
}

static void parse_options(const char *options)
{
	char *copy = strdup(options);

	config_parse_options(&config, copy, note, &complaints);
	free(copy);
}

static void assert_complaint(unsigned number, const char *text, const char *reason)
{
	assert_int_equal(complaints.count, 1);
	assert_int_equal(complaints.number, number);
	assert_string_equal(complaints.text, text);
	if (!strstr(complaints.reason, reason))
		assert_string_equal(complaints.reason, reason);
	complaints.count = 0;
}

static void assert_defaults(void)
{
	assert_int_equal(config.kernel.serial_port, 0x3f8);
	assert_int_equal(config.kernel.serial_baud, 115200);
	assert_int_equal(config.kernel.log_level, LOG_INFO);
	assert_int_equal(config.kernel.fatal, FATAL_STOP);
	assert_string_equal(config.next, "");
}

static void nothing_said_means_defaults(UNUSED void **state)
{
	assert_defaults();
	parse("");
	parse("\n");
	parse("\r\n\r\n  \n\t\n# nothing\n   # here = either");
	parse_options("");
	parse_options("   ");
	parse_options("plinth.efi");
	parse_options("\\EFI\\plinth\\plinth.efi  ");
	assert_int_equal(complaints.count, 0);
	assert_defaults();
}

static void reads_every_key(UNUSED void **state)
{
	parse("# a comment\n"
	      "serial = com2\n"
	      "baud = 9600\n"
	      "\n"
	      "log = debug\n"
	      "fatal = reset\n"
	      "next = \\EFI\\linux\\vmlinuz console=ttyS0 root=/dev/sda1\n");
	assert_int_equal(complaints.count, 0);
	assert_int_equal(config.kernel.serial_port, 0x2f8);
	assert_int_equal(config.kernel.serial_baud, 9600);
	assert_int_equal(config.kernel.log_level, LOG_DEBUG);
	assert_int_equal(config.kernel.fatal, FATAL_RESET);
	assert_string_equal(config.next, "\\EFI\\linux\\vmlinuz console=ttyS0 root=/dev/sda1");
}

static void reads_the_same_keys_as_options(UNUSED void **state)
{
	parse_options("plinth.efi serial=0x2E8 baud=57600 log=error fatal=reset "
		      "next=\"\\EFI\\linux\\vmlinuz console=ttyS0\"");
	assert_int_equal(complaints.count, 0);
	assert_int_equal(config.kernel.serial_port, 0x2e8);
	assert_int_equal(config.kernel.serial_baud, 57600);
	assert_int_equal(config.kernel.log_level, LOG_ERROR);
	assert_int_equal(config.kernel.fatal, FATAL_RESET);
	assert_string_equal(config.next, "\\EFI\\linux\\vmlinuz console=ttyS0");

	parse_options("serial=none \"next=a b\"");
	assert_int_equal(complaints.count, 0);
	assert_int_equal(config.kernel.serial_port, 0);
	assert_string_equal(config.next, "a b");
}

static void options_win_over_the_file(UNUSED void **state)
{
	parse("log = debug\nbaud = 9600\n");
	parse_options("plinth.efi log=warn");
	assert_int_equal(config.kernel.log_level, LOG_WARN);
	assert_int_equal(config.kernel.serial_baud, 9600);
	parse("log = error\nlog = info\n");
	assert_int_equal(config.kernel.log_level, LOG_INFO);
}

static void is_generous_about_form(UNUSED void **state)
{
	parse("\xef\xbb\xbfserial=COM3\r\n"
	      "\t BAUD\t=\t19200 \t\r\n"
	      "Log = Warn   # because\r\n"
	      "FATAL=RESET # and so on\r\n"
	      "next = \"\\a b.efi\"");
	assert_int_equal(complaints.count, 0);
	assert_int_equal(config.kernel.serial_port, 0x3e8);
	assert_int_equal(config.kernel.serial_baud, 19200);
	assert_int_equal(config.kernel.log_level, LOG_WARN);
	assert_int_equal(config.kernel.fatal, FATAL_RESET);
	assert_string_equal(config.next, "\\a b.efi");

	parse("next =\n");
	assert_string_equal(config.next, "");
}

static void a_number_sign_inside_a_value_is_part_of_it(UNUSED void **state)
{
	parse("next = \\a#b.efi x=#1 # comment");
	assert_string_equal(config.next, "\\a#b.efi x=#1");
	parse("next = \\a.efi opt=\"one # two\" three # comment");
	assert_string_equal(config.next, "\\a.efi opt=\"one # two\" three");
	parse("next = \"\\a.efi # two\"");
	assert_string_equal(config.next, "\\a.efi # two");
	/* Two pairs of quotes are not one around everything. */
	parse("next = \"\\a b.efi\" \"c d\"");
	assert_string_equal(config.next, "\"\\a b.efi\" \"c d\"");
	assert_int_equal(complaints.count, 0);
}

static void knows_every_port(UNUSED void **state)
{
	static const struct {
		const char *line;
		unsigned port;
	} cases[] = {
		{ "serial=com1", 0x3f8 },    { "serial=com2", 0x2f8 }, { "serial=com3", 0x3e8 },
		{ "serial=com4", 0x2e8 },    { "serial=none", 0 },     { "serial=0xe000", 0xe000 },
		{ "serial=0xFFF8", 0xfff8 }, { "serial=0X1", 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(cases[i].line);
		assert_int_equal(complaints.count, 0);
		assert_int_equal(config.kernel.serial_port, cases[i].port);
	}
}

static void wrong_values_are_named_and_skipped(UNUSED void **state)
{
	static const struct {
		const char *line;
		const char *reason;
	} cases[] = {
		{ "serial = com5", "com1" },
		{ "serial = com", "com1" },
		{ "serial = com11", "com1" },
		{ "serial = 0x", "0x3f8" },
		{ "serial = 0x0", "0x3f8" },
		{ "serial = 0xfff9", "0x3f8" },
		{ "serial = 0x10000", "0x3f8" },
		{ "serial = 0x100000000000003f8", "0x3f8" },
		{ "serial = 0x3g8", "0x3f8" },
		{ "serial = 1016", "0x3f8" },
		{ "serial =", "com1" },
		{ "baud = fast", "115200" },
		{ "baud = 0", "115200" },
		{ "baud = 1", "115200" },
		{ "baud = 9601", "115200" },
		{ "baud = 230400", "115200" },
		{ "baud = -9600", "115200" },
		{ "baud = 18446744073709561216", "115200" },
		{ "baud = 9600 8n1", "115200" },
		{ "baud =", "115200" },
		{ "log = verbose", "error, warn" },
		{ "log = in", "error, warn" },
		{ "log = infos", "error, warn" },
		{ "fatal = panic", "stop or reset" },
		{ "fatal = \"stop", "quote" },
		{ "color = green", "unknown key" },
		{ "seria = com1", "unknown key" },
		{ "serial1 = com1", "unknown key" },
		{ "= com1", "unknown key" },
		{ "=", "unknown key" },
		{ "serial com2", "key = value" },
		{ "hello", "key = value" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "\n# two\n%s\nlog = debug\n", cases[i].line);
		parse(text);
		assert_complaint(3, cases[i].line, cases[i].reason);
		assert_int_equal(config.kernel.log_level, LOG_DEBUG);
		config.kernel.log_level = LOG_INFO;
		assert_defaults();
	}
}

static void wrong_words_are_named_and_skipped(UNUSED void **state)
{
	parse_options("plinth.efi baud=9600 quiet log=debug");
	assert_complaint(3, "quiet", "key = value");
	assert_int_equal(config.kernel.serial_baud, 9600);
	assert_int_equal(config.kernel.log_level, LOG_DEBUG);

	parse_options("log=loud fatal=reset");
	assert_complaint(1, "log=loud", "error, warn");
	assert_int_equal(config.kernel.fatal, FATAL_RESET);

	parse_options("plinth.efi next=\"\\a.efi b");
	assert_complaint(2, "next=\"\\a.efi b", "quote");
	assert_string_equal(config.next, "");
}

static void bytes_that_are_no_text_are_shown_as_question_marks(UNUSED void **state)
{
	static const char with_nul[] = "next = a\0b\nlog = debug\0\nfatal = reset";

	parse("next = caf\xc3\xa9.efi");
	assert_complaint(1, "next = caf??.efi", "printable");
	parse("next = a\x1b[2J");
	assert_complaint(1, "next = a?[2J", "printable");
	assert_string_equal(config.next, "");

	parse_bytes(with_nul, sizeof(with_nul) - 1);
	assert_int_equal(complaints.count, 2);
	assert_string_equal(complaints.text, "log = debug?");
	assert_int_equal(config.kernel.fatal, FATAL_RESET);
	assert_int_equal(config.kernel.log_level, LOG_INFO);

	complaints.count = 0;
	parse("# caf\xc3\xa9\nlog = warn # \xc3\xa9\n"); /* comments may say what they like */
	assert_int_equal(complaints.count, 0);
	assert_int_equal(config.kernel.log_level, LOG_WARN);
}

static void a_carriage_return_inside_a_line_is_no_text(UNUSED void **state)
{
	parse("log = debug\rfatal = reset\r\n");
	assert_complaint(1, "log = debug?fatal = reset", "printable");
	assert_defaults();
}

static void long_pieces_are_refused_not_cut(UNUSED void **state)
{
	char text[4096];
	char shown[81];

	/* The longest value that fits, and one more. */
	memset(text, 'x', sizeof(text));
	memcpy(text, "next=", 5);
	parse_bytes(text, 5 + CONFIG_NEXT_MAX - 1);
	assert_int_equal(complaints.count, 0);
	assert_int_equal(strlen(config.next), CONFIG_NEXT_MAX - 1);
	config_defaults(&config);
	parse_bytes(text, 5 + CONFIG_NEXT_MAX);
	memset(shown, 'x', sizeof(shown));
	memcpy(shown, "next=", 5);
	shown[80] = 0;
	assert_complaint(1, shown, "too long");
	assert_string_equal(config.next, "");

	text[4000] = '\n';
	strcpy(text + 4001, "log=debug");
	parse(text);
	assert_complaint(1, shown, "too long");
	assert_int_equal(config.kernel.log_level, LOG_DEBUG);

	text[4000] = ' ';
	strcpy(text + 4001, "log=warn");
	parse_options(text);
	assert_complaint(1, shown, "too long");
	assert_int_equal(config.kernel.log_level, LOG_WARN);

	/* A long comment is nobody's business. */
	text[0] = '#';
	parse(text);
	assert_int_equal(complaints.count, 0);
}

/* Bytes that make it past the first checks more often than evenly random ones do. */
static void random_bytes_do_no_harm(UNUSED void **state)
{
	static const char *const bits[] = {
		"serial",
		"baud",
		"log",
		"fatal",
		"next",
		"=",
		" = ",
		"\n",
		"\r\n",
		"\"",
		"#",
		" #",
		" ",
		"com1",
		"0x",
		"9600",
		"debug",
		"stop",
		"reset",
		"\\EFI\\",
		"\xef\xbb\xbf",
		"\nlog = debug\n",
		"\nbaud=9600\r\n",
		" fatal=reset ",
		" next=\"a b\" ",
	};
	struct rng rng = { 0x636f6e666967 };
	unsigned settings = 0;

	for (unsigned round = 0; round < 20000; round++) {
		char text[256];
		size_t length = 0;
		size_t limit = rng_below(&rng, sizeof(text) - 16);

		while (length < limit) {
			if (rng_below(&rng, 4)) {
				const char *bit =
					bits[rng_below(&rng, sizeof(bits) / sizeof(bits[0]))];

				memcpy(text + length, bit, strlen(bit));
				length += strlen(bit);
			} else {
				text[length++] = (char)rng_next(&rng);
			}
		}
		config_defaults(&config);
		parse_bytes(text, length);
		text[length] = 0;
		parse_options(text);

		assert_true(config.kernel.log_level <= LOG_DEBUG);
		assert_true(config.kernel.fatal <= FATAL_RESET);
		assert_true(config.kernel.serial_baud && !(115200 % config.kernel.serial_baud));
		assert_true(config.kernel.serial_port <= 0xfff8);
		assert_non_null(memchr(config.next, 0, sizeof(config.next)));
		settings += config.kernel.log_level != LOG_INFO || config.next[0] ||
			    config.kernel.fatal || config.kernel.serial_baud != 115200;
	}
	assert_true(settings > 200);
	assert_true(complaints.count > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_said_means_defaults, setup),
		cmocka_unit_test_setup(reads_every_key, setup),
		cmocka_unit_test_setup(reads_the_same_keys_as_options, setup),
		cmocka_unit_test_setup(options_win_over_the_file, setup),
		cmocka_unit_test_setup(is_generous_about_form, setup),
		cmocka_unit_test_setup(a_number_sign_inside_a_value_is_part_of_it, setup),
		cmocka_unit_test_setup(knows_every_port, setup),
		cmocka_unit_test_setup(wrong_values_are_named_and_skipped, setup),
		cmocka_unit_test_setup(wrong_words_are_named_and_skipped, setup),
		cmocka_unit_test_setup(bytes_that_are_no_text_are_shown_as_question_marks, setup),
		cmocka_unit_test_setup(a_carriage_return_inside_a_line_is_no_text, setup),
		cmocka_unit_test_setup(long_pieces_are_refused_not_cut, setup),
		cmocka_unit_test_setup(random_bytes_do_no_harm, setup),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
