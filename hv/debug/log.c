/* The log: whole lines to the serial line, one core at a time. */
#include "hv/debug/log.h"
#include "arch/x86/lock.h"
#include "drivers/uart.h"
#include "hv/format.h"

#include <stdbool.h>

#define LOG_PREFIX  "plinth: "
#define PANIC_TRIES 1000000u

/* The line and who writes to it: there is one for the machine. */
static struct {
	struct spinlock lock;
	uint16_t port; /* 0: nobody listens */
	enum log_level level;
	volatile bool panic;
} console = { .level = LOG_INFO };

int log_init(const struct boot_config *config)
{
	log_set_level((enum log_level)config->log_level);
	console.port = 0;
	if (!config->serial_port)
		return 0;
	if (uart_init(config->serial_port, config->serial_baud))
		return -1;
	console.port = config->serial_port;
	return 0;
}

void log_set_level(enum log_level level)
{
	console.level = level;
}

void log_panic_mode(void)
{
	console.panic = true;
}

/*
 * When the machine has failed, the core that holds the lock may have been stopped inside it. Two
 * mixed lines are better than none then: false says that the lock is not ours.
 */
static bool take_line(void)
{
	for (unsigned tries = 0; tries < PANIC_TRIES; tries++) {
		if (spin_trylock(&console.lock))
			return true;
		cpu_pause();
		if (!console.panic)
			tries = 0;
	}
	return false;
}

static void write_text(const char *text)
{
	while (*text)
		uart_put(console.port, *text++);
}

void log_v(enum log_level level, const char *fmt, va_list args)
{
	static const char cut[] = "...";
	char line[LOG_LINE + 1];

	if (level > console.level || !console.port)
		return;
	if (format_v(line, sizeof(line), fmt, args) >= sizeof(line)) {
		for (unsigned i = 0; i < sizeof(cut); i++)
			line[sizeof(line) - sizeof(cut) + i] = cut[i];
	}

	bool taken = take_line();

	write_text(LOG_PREFIX);
	write_text(line);
	write_text("\r\n");
	if (taken)
		spin_unlock(&console.lock);
}

#define DEFINE_LOG(name, level)                                                                    \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list args;                                                                      \
		va_start(args, fmt);                                                               \
		log_v(level, fmt, args);                                                           \
		va_end(args);                                                                      \
	}

DEFINE_LOG(log_error, LOG_ERROR)
DEFINE_LOG(log_warn, LOG_WARN)
DEFINE_LOG(log_info, LOG_INFO)
DEFINE_LOG(log_debug, LOG_DEBUG)
