/* hv/string.c, under other names so that it does not become this program's C library. */
#include "tests/unit/unit.h"

#include <string.h>

#define memcpy  plinth_memcpy
#define memmove plinth_memmove
#define memset  plinth_memset
#define memcmp  plinth_memcmp
#define strlen  plinth_strlen
#define strcmp  plinth_strcmp
#include "hv/string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp

#define ARENA 64

/* Every placement of source, destination and length in a small arena, against the C library. */
static void copies_as_the_c_library_does(UNUSED void **state)
{
	for (size_t from = 0; from < ARENA; from += 3) {
		for (size_t to = 0; to < ARENA; to++) {
			for (size_t n = 0; n <= ARENA - (from > to ? from : to); n += 5) {
				uint8_t ours[ARENA];
				uint8_t theirs[ARENA];

				for (size_t i = 0; i < ARENA; i++)
					ours[i] = theirs[i] = (uint8_t)(i * 7 + 1);
				assert_ptr_equal(plinth_memmove(ours + to, ours + from, n),
						 ours + to);
				memmove(theirs + to, theirs + from, n);
				assert_memory_equal(ours, theirs, ARENA);
			}
		}
	}

	uint8_t a[ARENA] = { 0 };
	uint8_t b[ARENA] = { 0 };

	b[3] = 9;
	assert_ptr_equal(plinth_memcpy(a + 1, b, 10), a + 1);
	assert_int_equal(a[4], 9);
}

static void sets_exactly_what_it_should(UNUSED void **state)
{
	uint8_t a[ARENA];

	memset(a, 1, sizeof(a));
	assert_ptr_equal(plinth_memset(a + 5, 0x1ff, 9), a + 5);
	for (size_t i = 0; i < ARENA; i++)
		assert_int_equal(a[i], i >= 5 && i < 14 ? 0xff : 1);
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void compares_bytes_as_unsigned(UNUSED void **state)
{
	static const char *const words[] = { "", "a", "ab", "b", "\x80", "\xff", "a\x80" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_int_equal(plinth_strlen(words[i]), strlen(words[i]));
		for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
			size_t n = strlen(words[i]);

			if (strlen(words[j]) < n)
				n = strlen(words[j]);
			assert_int_equal(sign(plinth_strcmp(words[i], words[j])),
					 sign(strcmp(words[i], words[j])));
			assert_int_equal(sign(plinth_memcmp(words[i], words[j], n)),
					 sign(memcmp(words[i], words[j], n)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_as_the_c_library_does),
		cmocka_unit_test(sets_exactly_what_it_should),
		cmocka_unit_test(compares_bytes_as_unsigned),
	};

	return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
