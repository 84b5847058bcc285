/* hv/debug/log.c with a UART that remembers. */
#include "hv/debug/log.h"
#include "arch/x86/insn.h"
#include "drivers/uart.h"
#include "tests/unit/unit.h"

#include <string.h>

#define PORT 0x2f8

static struct {
	char text[2048];
	size_t length;
	int init_result;
	uint32_t baud;
	bool reenter; /* log once more from inside, as a core that panics in the middle of a line */
} line;

int uart_init(uint16_t port, uint32_t baud)
{
	assert_int_equal(port, PORT);
	line.baud = baud;
	return line.init_result;
}

void uart_put(uint16_t port, char c)
{
	assert_int_equal(port, PORT);
	assert_true(line.length < sizeof(line.text) - 1);
	line.text[line.length++] = c;
	if (line.reenter) {
		line.reenter = false;
		log_error("from inside");
	}
}

void cpu_pause(void)
{
}

static int start(enum log_level level)
{
	struct boot_config config = { .serial_port = PORT,
				      .serial_baud = 9600,
				      .log_level = (uint8_t)level };
	int result = line.init_result;

	memset(&line, 0, sizeof(line));
	line.init_result = result;
	return log_init(&config);
}

static int setup(UNUSED void **state)
{
	line.init_result = 0;
	return 0;
}

static void writes_whole_lines(UNUSED void **state)
{
	assert_int_equal(start(LOG_INFO), 0);
	assert_int_equal(line.baud, 9600);
	log_info("core %u enters", 3);
	log_error("%s", "");
	assert_string_equal(line.text, "plinth: core 3 enters\r\nplinth: \r\n");
}

static void obeys_the_level(UNUSED void **state)
{
	assert_int_equal(start(LOG_WARN), 0);
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
	assert_string_equal(line.text, "plinth: e\r\nplinth: w\r\n");
	log_set_level(LOG_DEBUG);
	log_debug("d");
	assert_string_equal(line.text, "plinth: e\r\nplinth: w\r\nplinth: d\r\n");
	log_set_level(LOG_ERROR);
	log_warn("w");
	assert_string_equal(line.text, "plinth: e\r\nplinth: w\r\nplinth: d\r\n");
}

static void cuts_long_lines(UNUSED void **state)
{
	char text[LOG_LINE + 10];

	assert_int_equal(start(LOG_INFO), 0);
	memset(text, 'a', sizeof(text));
	log_info("%.*s", LOG_LINE, text);
	assert_int_equal(line.length, strlen("plinth: ") + LOG_LINE + 2);
	assert_null(strchr(line.text, '.'));

	assert_int_equal(start(LOG_INFO), 0);
	log_info("%.*s", LOG_LINE + 1, text);
	assert_int_equal(line.length, strlen("plinth: ") + LOG_LINE + 2);
	assert_string_equal(line.text + line.length - 6, "a...\r\n");
}

static void is_silent_without_a_uart(UNUSED void **state)
{
	struct boot_config none = { .log_level = LOG_DEBUG };

	memset(&line, 0, sizeof(line));
	assert_int_equal(log_init(&none), 0);
	log_error("nobody hears");
	assert_int_equal(line.length, 0);

	line.init_result = -1;
	assert_int_equal(start(LOG_INFO), -1);
	log_error("nobody hears");
	assert_int_equal(line.length, 0);
}

/* Must be the last: panic mode is for good. */
static void a_panic_gets_through_a_held_lock(UNUSED void **state)
{
	assert_int_equal(start(LOG_INFO), 0);
	log_panic_mode();
	line.reenter = true;
	log_error("outside");
	assert_string_equal(line.text, "pplinth: from inside\r\nlinth: outside\r\n");

	/* The lock is still in order. */
	assert_int_equal(start(LOG_INFO), 0);
	log_error("after");
	assert_string_equal(line.text, "plinth: after\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(writes_whole_lines, setup),
		cmocka_unit_test_setup(obeys_the_level, setup),
		cmocka_unit_test_setup(cuts_long_lines, setup),
		cmocka_unit_test_setup(is_silent_without_a_uart, setup),
		cmocka_unit_test_setup(a_panic_gets_through_a_held_lock, setup),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
