#include "tests/unit/fake_log.h"

#include <string.h>

char fake_log[16384];
static jmp_buf panic_jump;
static bool panic_expected;
static char panic_text[512];

void fake_log_reset(void)
{
	fake_log[0] = '\0';
	panic_expected = false;
}

void log_v(enum log_level level, const char *fmt, va_list args)
{
	size_t length = strlen(fake_log);
	char line[512];

	vsnprintf(line, sizeof(line), fmt, args);
	assert_true(length + strlen(line) + 5 < sizeof(fake_log));
	snprintf(&fake_log[length], sizeof(fake_log) - length, "%c: %s\n", "EWID"[level], line);
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

_Noreturn void panic(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(panic_text, sizeof(panic_text), fmt, args);
	va_end(args);
	if (!panic_expected)
		fail_msg("panic: %s", panic_text);
	panic_expected = false;
	longjmp(panic_jump, 1);
}

void expect_panic(void (*function)(void), const char *text)
{
	panic_expected = true;
	if (setjmp(panic_jump) == 0) {
		function();
		fail_msg("no panic, instead of: %s", text);
	}
	if (!strstr(panic_text, text))
		fail_msg("the panic says \"%s\", not \"%s\"", panic_text, text);
}
