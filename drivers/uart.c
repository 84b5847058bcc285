/*
 * A 16550 UART, output only, polled. The guest may own the same UART: the transmitter and the
 * divisor latch bit are all that output touches.
 */
#include "drivers/uart.h"
#include "arch/x86/io.h"

#include <stdbool.h>

/* Registers, as offsets from the port (PC16550D data sheet, 8) */
#define UART_THR       0 /* transmitter holding; divisor's low byte with LCR_DLAB */
#define UART_IER       1 /* interrupt enable; divisor's high byte with LCR_DLAB */
#define UART_FCR       2 /* FIFO control */
#define UART_LCR       3 /* line control */
#define UART_MCR       4 /* modem control */
#define UART_LSR       5 /* line status */
#define UART_SCR       7 /* scratch */

#define FCR_ENABLE     0x01
#define FCR_CLEAR      0x06 /* both FIFOs */
#define LCR_8N1        0x03
#define LCR_DLAB       0x80
#define MCR_DTR_RTS    0x03
#define LSR_THR_EMPTY  0x20
#define NOTHING_THERE  0xff /* what a port without a device reads */
#define DIVISOR_MAX    0xffffu
#define TRANSMIT_POLLS 400000u /* of about 1 us each: enough for a character at 50 bit/s */

static bool scratch_holds(uint16_t port, uint8_t value)
{
	outb(port + UART_SCR, value);
	return inb(port + UART_SCR) == value;
}

static bool present(uint16_t port)
{
	uint8_t before = inb(port + UART_SCR);
	bool holds = scratch_holds(port, 0x5a) && scratch_holds(port, 0xa5);

	outb(port + UART_SCR, before);
	return holds && inb(port + UART_LSR) != NOTHING_THERE;
}

int uart_init(uint16_t port, uint32_t baud)
{
	if (!baud || UART_CLOCK % baud || UART_CLOCK / baud > DIVISOR_MAX || !present(port))
		return -1;

	uint32_t divisor = UART_CLOCK / baud;

	outb(port + UART_LCR, LCR_8N1);
	outb(port + UART_IER, 0);
	outb(port + UART_LCR, LCR_8N1 | LCR_DLAB);
	outb(port + UART_THR, divisor & 0xff);
	outb(port + UART_IER, divisor >> 8);
	outb(port + UART_LCR, LCR_8N1);
	outb(port + UART_FCR, FCR_ENABLE | FCR_CLEAR);
	outb(port + UART_MCR, MCR_DTR_RTS);
	return 0;
}

static bool wait_to_transmit(uint16_t port)
{
	for (uint32_t i = 0; i < TRANSMIT_POLLS; i++) {
		uint8_t status = inb(port + UART_LSR);

		if (status == NOTHING_THERE)
			return false;
		if (status & LSR_THR_EMPTY)
			return true;
	}
	return false;
}

void uart_put(uint16_t port, char c)
{
	if (!wait_to_transmit(port))
		return;

	uint8_t line = inb(port + UART_LCR);

	/* The guest may be about to set the divisor: our character must not become part of it. */
	if (line & LCR_DLAB)
		outb(port + UART_LCR, line & ~LCR_DLAB);
	outb(port + UART_THR, (uint8_t)c);
	if (line & LCR_DLAB)
		outb(port + UART_LCR, line);
}
