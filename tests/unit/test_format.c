/* hv/format.c against the C library's printf. */
#include "hv/format.h"
#include "tests/unit/unit.h"

#include <string.h>

#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

#define assert_formats(...)                                                                        \
	do {                                                                                       \
		char ours[128], theirs[128];                                                       \
		size_t length = format(ours, sizeof(ours), __VA_ARGS__);                           \
		int expected = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                      \
		assert_string_equal(ours, theirs);                                                 \
		assert_int_equal(length, expected);                                                \
	} while (0)

static const uint64_t numbers[] = {
	0,
	1,
	9,
	10,
	0x7f,
	0x80,
	0xff,
	0x7fff,
	0x8000,
	0x7fffffff,
	0x80000000,
	0xffffffff,
	0x123456789,
	1000000000,
	0xdeadbeef,
	INT64_MAX,
	(uint64_t)INT64_MIN,
	UINT64_MAX,
};

static void formats_numbers_in_every_shape(UNUSED void **state)
{
	static const char *const flags[] = { "", "0", "-", "-0", "0-", "#", "#0", "-#" };
	static const char *const widths[] = { "", "1", "5", "16", "25" };
	static const char *const precisions[] = { "", ".0", ".1", ".7", ".22" };
	static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z" };
	static const char conversions[] = "diuxX";
	unsigned count = 0;

	for (size_t f = 0; f < 8; f++)
		for (size_t w = 0; w < 5; w++)
			for (size_t p = 0; p < 5; p++)
				for (size_t l = 0; l < 6; l++)
					for (size_t c = 0; conversions[c]; c++)
						for (size_t n = 0; n < 18; n++) {
							char fmt[32];

							snprintf(fmt, sizeof(fmt), "<%%%s%s%s%s%c>",
								 flags[f], widths[w], precisions[p],
								 lengths[l], conversions[c]);
							assert_formats(fmt, numbers[n]);
							count++;
						}
	assert_int_equal(count, 8 * 5 * 5 * 6 * 5 * 18);
}

static void formats_strings_and_characters(UNUSED void **state)
{
	assert_formats("%s", "");
	assert_formats("%s and %s", "one", "two");
	assert_formats("[%10s] [%-10s] [%2s]", "right", "left", "longer");
	assert_formats("[%.2s] [%.0s] [%5.3s] [%-5.3s]", "abcdef", "abc", "abcdef", "abcdef");
	assert_formats("[%.*s] [%*s] [%*s]", 3, "abcdef", 6, "abc", -6, "abc");
	assert_formats("[%.*s]", -1, "negative precision is none");
	assert_formats("%c%c[%3c][%-3c]", 'a', 'b', 'c', 'd');
	assert_formats("100%% [%d]", 5);
	assert_formats("%p", (void *)0x1234abcd);
}

/* A precision keeps us from reading behind the array; the address sanitizer watches. */
static void precision_bounds_the_read(UNUSED void **state)
{
	char *text = malloc(4);

	memcpy(text, "abcd", 4);
	assert_formats("%.4s", text);
	free(text);
}

static void a_null_string_is_shown(UNUSED void **state)
{
	const char *volatile nothing = NULL;
	char text[16];

	format(text, sizeof(text), "<%s>", nothing);
	assert_string_equal(text, "<(null)>");
}

static void what_it_does_not_know_is_copied(UNUSED void **state)
{
	char text[16];

	assert_int_equal(format(text, sizeof(text), "a%"), 2);
	assert_string_equal(text, "a%");
	assert_int_equal(format(text, sizeof(text), "a%-08l"), 6);
	assert_string_equal(text, "a%-08l");
}

static void never_writes_beyond_the_buffer(UNUSED void **state)
{
	for (size_t size = 0; size < 20; size++) {
		char *ours = malloc(size + 1);
		char theirs[20];

		memset(ours, 'X', size + 1);
		assert_int_equal(format(ours, size, "%s %5d", "0123456", 89), 13);
		assert_int_equal(ours[size], 'X');
		if (size) {
			snprintf(theirs, size, "%s %5d", "0123456", 89);
			assert_string_equal(ours, theirs);
		}
		free(ours);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_numbers_in_every_shape),
		cmocka_unit_test(formats_strings_and_characters),
		cmocka_unit_test(precision_bounds_the_read),
		cmocka_unit_test(a_null_string_is_shown),
		cmocka_unit_test(what_it_does_not_know_is_copied),
		cmocka_unit_test(never_writes_beyond_the_buffer),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
