/* A 16550 UART, output only, polled. It may disappear or be reprogrammed at any time. */
#pragma once

#include <stdint.h>

#define UART_CLOCK 115200u /* bit/s with divisor 1 */

/*
 * Set PORT to BAUD (a divisor of UART_CLOCK), 8 data bits, no parity, 1 stop bit, FIFOs on, DTR and
 * RTS, interrupts off. Returns 0, or -1 when there is no UART or BAUD can't be had. What the guest
 * writes to the interrupt registers later is never touched again.
 */
int uart_init(uint16_t port, uint32_t baud);

/* Send C; drops it when the UART does not get ready in a bounded time, or is not there. */
void uart_put(uint16_t port, char c);
