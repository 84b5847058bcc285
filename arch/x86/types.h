/* Addresses, told apart by name: whose they are, and on which side of paging. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gva_t; /* guest-virtual (linear) address */
typedef uint64_t gpa_t; /* guest-physical address */
typedef uint64_t hpa_t; /* host-physical address */

#define PAGE_SHIFT       12
#define PAGE_SIZE        4096ull
#define SIZE_2M          (1ull << 21)
#define SIZE_1G          (1ull << 30)
#define SIZE_4G          (1ull << 32)

#define BIT(n)           (1ull << (n))

/* A is a power of two: -A has all bits but those below it. */
#define align_down(x, a) ((x) & -(uint64_t)(a))
#define align_up(x, a)   (-(-(uint64_t)(x) & -(uint64_t)(a)))
#define array_size(a)    (sizeof(a) / sizeof((a)[0]))

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}
