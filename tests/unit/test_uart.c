/* drivers/uart.c against a model of a 16550 at one port, and nothing at all others. */
#include "drivers/uart.h"
#include "arch/x86/io.h"
#include "tests/unit/unit.h"

#include <string.h>

#define PORT 0x3f8

static struct {
	bool there;
	bool no_scratch;
	bool stuck;          /* the transmitter never gets empty */
	unsigned busy;       /* reads of LSR until it does */
	unsigned gone_after; /* accesses until the port reads all-ones; 0: never */
	unsigned accesses;
	uint8_t registers[8]; /* as written */
	uint8_t divisor[2];
	char sent[64];
	unsigned sent_count;
	unsigned sent_busy; /* characters written while the transmitter was not empty */
	unsigned ier_writes;
} uart;

static bool answers(uint16_t port)
{
	uart.accesses++;
	if (uart.gone_after && uart.accesses > uart.gone_after)
		return false;
	return uart.there && port >= PORT && port < PORT + 8;
}

uint8_t inb(uint16_t port)
{
	unsigned reg = port - PORT;

	if (!answers(port))
		return 0xff;
	if (reg == 5) {
		if (uart.busy)
			uart.busy--;
		return uart.stuck || uart.busy ? 0x00 : 0x60;
	}
	if (reg == 7 && uart.no_scratch)
		return 0;
	return uart.registers[reg];
}

void outb(uint16_t port, uint8_t value)
{
	unsigned reg = port - PORT;

	if (!answers(port))
		return;
	if (reg < 2 && uart.registers[3] & 0x80) {
		uart.divisor[reg] = value;
		return;
	}
	if (reg == 0) {
		assert_true(uart.sent_count < sizeof(uart.sent) - 1);
		uart.sent[uart.sent_count++] = (char)value;
		uart.sent_busy += uart.busy != 0;
		uart.busy = 5;
		return;
	}
	uart.ier_writes += reg == 1;
	uart.registers[reg] = value;
}

static int setup(UNUSED void **state)
{
	memset(&uart, 0, sizeof(uart));
	uart.there = true;
	return 0;
}

static void sets_up_8n1_at_the_baud_rate(UNUSED void **state)
{
	uart.registers[7] = 0x77;
	uart.registers[1] = 0x0f;
	assert_int_equal(uart_init(PORT, 9600), 0);
	assert_int_equal(uart.divisor[0] | uart.divisor[1] << 8, 12);
	assert_int_equal(uart.registers[3], 0x03);        /* 8N1, divisor latch closed */
	assert_int_equal(uart.registers[1], 0);           /* no interrupts */
	assert_int_equal(uart.registers[2] & 0x01, 0x01); /* FIFOs on */
	assert_int_equal(uart.registers[4], 0x03);        /* DTR, RTS */
	assert_int_equal(uart.registers[7], 0x77);        /* scratch is as it was */

	assert_int_equal(uart_init(PORT, 300), 0);
	assert_int_equal(uart.divisor[0] | uart.divisor[1] << 8, 384);
	assert_int_equal(uart_init(PORT, 115200), 0);
	assert_int_equal(uart.divisor[0] | uart.divisor[1] << 8, 1);
}

static void sees_that_there_is_none(UNUSED void **state)
{
	uart.there = false;
	assert_int_equal(uart_init(PORT, 115200), -1);
	uart.there = true;
	assert_int_equal(uart_init(0x2f8, 115200), -1);
	uart.no_scratch = true;
	assert_int_equal(uart_init(PORT, 115200), -1);
}

static void refuses_rates_that_it_can_not_make(UNUSED void **state)
{
	static const uint32_t rates[] = { 0, 1, 7, 14400 * 5, 115199, 115201, 230400 };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		assert_int_equal(uart_init(PORT, rates[i]), -1);
		assert_int_equal(uart.accesses, 0);
	}
}

static void waits_for_the_transmitter(UNUSED void **state)
{
	assert_int_equal(uart_init(PORT, 115200), 0);
	for (const char *c = "plinth\r\n"; *c; c++)
		uart_put(PORT, *c);
	assert_string_equal(uart.sent, "plinth\r\n");
	assert_int_equal(uart.sent_busy, 0);
}

static void never_hangs(UNUSED void **state)
{
	assert_int_equal(uart_init(PORT, 115200), 0);
	uart.stuck = true;
	uart_put(PORT, 'x');
	assert_int_equal(uart.sent_count, 0);

	uart.stuck = false;
	uart.there = false;
	uart.accesses = 0;
	uart_put(PORT, 'x');
	assert_true(uart.accesses < 4); /* does not poll a port that is gone */

	uart.there = true;
	uart.stuck = true;
	uart.accesses = 0;
	uart.gone_after = 100;
	uart_put(PORT, 'x');
	assert_true(uart.accesses < 104);
	assert_int_equal(uart.sent_count, 0);
}

/* The guest has the divisor latch open, or interrupts on: both stay as they are. */
static void leaves_the_guests_settings_alone(UNUSED void **state)
{
	assert_int_equal(uart_init(PORT, 115200), 0);
	uart.ier_writes = 0;
	uart.registers[1] = 0x05;
	uart.registers[3] = 0x9b;
	uart.divisor[0] = 3;
	uart_put(PORT, 'x');
	assert_string_equal(uart.sent, "x");
	assert_int_equal(uart.divisor[0], 3);
	assert_int_equal(uart.registers[3], 0x9b);
	assert_int_equal(uart.registers[1], 0x05);
	assert_int_equal(uart.ier_writes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sets_up_8n1_at_the_baud_rate, setup),
		cmocka_unit_test_setup(sees_that_there_is_none, setup),
		cmocka_unit_test_setup(refuses_rates_that_it_can_not_make, setup),
		cmocka_unit_test_setup(waits_for_the_transmitter, setup),
		cmocka_unit_test_setup(never_hangs, setup),
		cmocka_unit_test_setup(leaves_the_guests_settings_alone, setup),
	};

	return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
