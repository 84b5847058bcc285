/*
 * hv/debug/log.h and hv/debug/panic.h for tests: lines go to a text, one letter for the level in
 * front ("E: ", "W: ", "I: ", "D: "), and a panic ends the statement under expect_panic().
 */
#pragma once

#include "hv/debug/log.h"
#include "hv/debug/panic.h"
#include "tests/unit/unit.h"

extern char fake_log[16384];

void fake_log_reset(void);

/* FUNCTION panics, and says something that contains TEXT. */
void expect_panic(void (*function)(void), const char *text);
