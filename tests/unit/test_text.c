/*
 * boot/text.c: what the loader says appears once on every screen and once on the serial line, with
 * the console on that line and without, and nothing is lost when there is much of it.
 */
#include "tests/unit/unit.h"

#include "boot/text.h"
#include "tests/unit/fake_efi.h"

#include <string.h>

#define NOTES sizeof(((struct boot_info *)0)->notes)

static struct boot_info info;

static int setup(UNUSED void **state)
{
	fake_efi_reset();
	text_show(0); /* what an earlier test has left */
	fake_efi_reset();
	memset(&info, 0xee, sizeof(info));
	return 0;
}

static int teardown(UNUSED void **state)
{
	return fake_pool_used == 0 ? 0 : -1;
}

static void keeps_lines_for_the_log_and_the_console(UNUSED void **state)
{
	say("cores: %d", 4);
	say("%a", "");
	say("plinth.cfg line %d: \"%a\"", 3, "foo = bar");
	assert_string_equal(fake_conout.text, "");

	text_to_notes(&info);
	assert_int_equal(info.notes_length,
			 strlen("cores: 4\n\nplinth.cfg line 3: \"foo = bar\"\n"));
	assert_memory_equal(info.notes, "cores: 4\n\nplinth.cfg line 3: \"foo = bar\"\n",
			    info.notes_length);
	assert_int_equal((uint8_t)info.notes[info.notes_length], 0xee);

	/* They stay until they are shown, and are shown once. */
	text_show(0);
	assert_string_equal(fake_conout.text, "plinth: cores: 4\r\n"
					      "plinth: \r\n"
					      "plinth: plinth.cfg line 3: \"foo = bar\"\r\n");
	text_show(0);
	text_to_notes(&info);
	assert_int_equal(info.notes_length, 0);
	assert_int_equal(fake_conout.length,
			 strlen("plinth: cores: 4\r\nplinth: \r\n"
				"plinth: plinth.cfg line 3: \"foo = bar\"\r\n"));
}

/* Text of the kernel's report; the last line may lack its end. */
static void shows_the_lines_of_a_report(UNUSED void **state)
{
	text_show_lines("a\nbc\n\nd", 7, 0);
	assert_string_equal(fake_conout.text,
			    "plinth: a\r\nplinth: bc\r\nplinth: \r\nplinth: d\r\n");
	setup(NULL);
	text_show_lines("a\nbc\n", 3, 0); /* the length counts, not a NUL */
	assert_string_equal(fake_conout.text, "plinth: a\r\nplinth: b\r\n");
	setup(NULL);
	text_show_lines("", 0, 0);
	assert_string_equal(fake_conout.text, "");
}

/* What does not fit goes to the console; each line is in one place at least, in one piece. */
static void loses_nothing_when_there_is_much(UNUSED void **state)
{
	char line[120], shown[140];
	unsigned on_console = 0, in_notes = 0;

	for (unsigned i = 0; i < 60; i++) {
		memset(line, 'a' + (int)(i % 26), 100);
		snprintf(&line[100], sizeof(line) - 100, " %u.", i);
		say("%a", line);
	}
	text_to_notes(&info);
	assert_true(info.notes_length <= NOTES);
	info.notes[info.notes_length] = '\0';
	for (unsigned i = 0; i < 60; i++) {
		memset(line, 'a' + (int)(i % 26), 100);
		snprintf(&line[100], sizeof(line) - 100, " %u.", i);
		snprintf(shown, sizeof(shown), "plinth: %s\r\n", line);
		if (strstr(fake_conout.text, shown)) {
			assert_null(strstr(info.notes, line));
			on_console++;
		} else {
			assert_non_null(strstr(info.notes, line));
			in_notes++;
		}
	}
	assert_true(on_console > 0 && in_notes > 0);
	assert_int_equal(on_console + in_notes, 60);
}

/* To the byte: lines of 16 bytes with their ends fill the notes, and one more does not fit. */
static void the_notes_can_be_full(UNUSED void **state)
{
	for (unsigned i = 0; i < NOTES / 16; i++)
		say("%a", "123456789012345");
	assert_string_equal(fake_conout.text, "");
	text_to_notes(&info);
	assert_int_equal(info.notes_length, NOTES);
	assert_int_equal(info.notes[NOTES - 1], '\n');
	assert_int_equal((uint8_t)info.next[0], 0xee);
	say("%a", "x");
	assert_int_equal(fake_conout.length, NOTES / 16 * strlen("plinth: 123456789012345\r\n"));
	text_to_notes(&info);
	assert_int_equal(info.notes_length, 2);
}

static void cuts_a_line_that_is_too_long(UNUSED void **state)
{
	char line[900];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	say("%a", line);
	text_to_notes(&info);
	assert_in_range(info.notes_length, 500, 512);
	assert_int_equal(info.notes[info.notes_length - 1], '\n');
	for (unsigned i = 0; i < info.notes_length - 1; i++)
		assert_int_equal(info.notes[i], 'x');
}

/* --- The console on the log's line --- */

static const uint16_t ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 }; /* COM1 to COM4, UID 0 to 3 */

static void leaves_the_logs_line_out(UNUSED void **state)
{
	for (unsigned uid = 0; uid < 4; uid++)
		for (unsigned port = 0; port < 4; port++) {
			const char *expected = "plinth: hello\r\n";

			setup(NULL);
			fake_console_count = 3;
			fake_console_on_port(1, uid); /* the others: a screen, and something else */
			text_show_lines("hello\n", 6, ports[port]);
			if (uid == port) {
				assert_string_equal(fake_conout.text, "");
				assert_string_equal(fake_consoles[0].text, expected);
				assert_string_equal(fake_consoles[1].text, "");
				assert_string_equal(fake_consoles[2].text, expected);
			} else {
				assert_string_equal(fake_conout.text, expected);
				for (unsigned i = 0; i < 3; i++)
					assert_string_equal(fake_consoles[i].text, "");
			}
			assert_int_equal(fake_pool_used, 0);
		}
}

static void without_a_log_nothing_is_left_out(UNUSED void **state)
{
	fake_console_count = 2;
	fake_console_on_port(0, 0);
	text_show_lines("hello\n", 6, 0);
	assert_string_equal(fake_conout.text, "plinth: hello\r\n");
	/* Nor where firmware does not say what its console consists of. */
	setup(NULL);
	text_show_lines("hello\n", 6, 0x3f8);
	assert_string_equal(fake_conout.text, "plinth: hello\r\n");
}

/* A port that is none of COM1 to COM4 is no port, and port 0 none either. */
static void other_uids_are_no_port(UNUSED void **state)
{
	fake_console_count = 1;
	fake_console_on_port(0, 4);
	text_show_lines("a\n", 2, 0x3f8);
	assert_string_equal(fake_conout.text, "plinth: a\r\n");
	fake_console_on_port(0, 0xffffffff);
	text_show_lines("b\n", 2, 0x2e8);
	assert_string_equal(fake_conout.text, "plinth: a\r\nplinth: b\r\n");
	/* PNP0501 by its number, not by its place in the path. */
	fake_console_on_port(0, 0);
	fake_consoles[0].path.port.HID = 0x050041d0;
	text_show_lines("c\n", 2, 0x3f8);
	assert_string_equal(fake_conout.text, "plinth: a\r\nplinth: b\r\nplinth: c\r\n");
}

static void a_device_without_text_is_skipped(UNUSED void **state)
{
	fake_console_count = 3;
	fake_console_on_port(0, 0);
	fake_consoles[1].has_no_protocol = true;
	text_show_lines("hello\n", 6, 0x3f8);
	assert_string_equal(fake_consoles[1].text, "");
	assert_string_equal(fake_consoles[2].text, "plinth: hello\r\n");
}

static void without_memory_the_rest_is_not_shown(UNUSED void **state)
{
	fake_pool_left = 1;
	text_show_lines("a\nb\n", 4, 0);
	assert_string_equal(fake_conout.text, "plinth: a\r\n");
	fake_pool_left = 0;
	text_show_lines("a\nb\n", 4, 0);
	assert_null(text_to_utf16("a", 1));
	assert_string_equal(fake_conout.text, "plinth: a\r\n");
}

/* Bytes are not signed: UTF-16 of 0x80 and above is no 0xffxx. */
static void widens_bytes(UNUSED void **state)
{
	static const char bytes[] = { 'a', (char)0x80, (char)0xff, 'z' };
	CHAR16 *wide = text_to_utf16(bytes, 3);

	assert_int_equal(wide[0], 'a');
	assert_int_equal(wide[1], 0x80);
	assert_int_equal(wide[2], 0xff);
	assert_int_equal(wide[3], 0);
	FreePool(wide);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_lines_for_the_log_and_the_console, setup,
						teardown),
		cmocka_unit_test_setup_teardown(shows_the_lines_of_a_report, setup, teardown),
		cmocka_unit_test_setup_teardown(loses_nothing_when_there_is_much, setup, teardown),
		cmocka_unit_test_setup_teardown(the_notes_can_be_full, setup, teardown),
		cmocka_unit_test_setup_teardown(cuts_a_line_that_is_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_the_logs_line_out, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_log_nothing_is_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(other_uids_are_no_port, setup, teardown),
		cmocka_unit_test_setup_teardown(a_device_without_text_is_skipped, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_the_rest_is_not_shown, setup,
						teardown),
		cmocka_unit_test_setup_teardown(widens_bytes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
