/*
 * The end: a report of what happened, where, and in which state, then what the configuration says.
 * Never silent, never returns.
 */
#pragma once

struct trap_frame;

_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A trap of the host that nobody expected. */
_Noreturn void panic_trap(const struct trap_frame *frame);
