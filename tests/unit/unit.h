/* What every unit test includes: cmocka with the headers it wants, and seeded random numbers. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define UNUSED __attribute__((unused))

/* xorshift64*: the same numbers on every machine, so that a failure can be repeated. */
struct rng {
	uint64_t state; /* not 0 */
};

static inline uint64_t rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * 0x2545f4914f6cdd1dull;
}

/* A number below LIMIT. */
static inline uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return (rng_next(rng) >> 11) % limit;
}
