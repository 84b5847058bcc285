/*
 * Memory type range registers (SDM 3A 12.11). Both questions, the type of a page and how far it
 * reaches, are answered range by range: a range says whether it covers a page and where that
 * changes next. A mask with holes is a range like any other here.
 */
#include "arch/x86/mtrr.h"

#define NEVER          UINT64_MAX
#define BOUNDARIES_MAX 65536

/* The fixed ranges (SDM 3A table 12-9): each MSR holds the types of 8 segments. */
struct fixed_block {
	uint32_t msr;
	uint32_t start;
	uint32_t segment; /* bytes */
};

static const struct fixed_block fixed_blocks[MTRR_FIXED_COUNT] = {
	{ IA32_MTRR_FIX64K, 0x00000, 0x10000 },     { IA32_MTRR_FIX16K_0, 0x80000, 0x4000 },
	{ IA32_MTRR_FIX16K_1, 0xa0000, 0x4000 },    { IA32_MTRR_FIX4K_0 + 0, 0xc0000, 0x1000 },
	{ IA32_MTRR_FIX4K_0 + 1, 0xc8000, 0x1000 }, { IA32_MTRR_FIX4K_0 + 2, 0xd0000, 0x1000 },
	{ IA32_MTRR_FIX4K_0 + 3, 0xd8000, 0x1000 }, { IA32_MTRR_FIX4K_0 + 4, 0xe0000, 0x1000 },
	{ IA32_MTRR_FIX4K_0 + 5, 0xe8000, 0x1000 }, { IA32_MTRR_FIX4K_0 + 6, 0xf0000, 0x1000 },
	{ IA32_MTRR_FIX4K_0 + 7, 0xf8000, 0x1000 },
};

void mtrr_read(struct mtrr_state *state, uint64_t (*read_msr)(uint32_t msr), unsigned maxphyaddr,
	       bool supported)
{
	*state = (struct mtrr_state){ .supported = supported, .maxphyaddr = (uint8_t)maxphyaddr };
	if (!supported)
		return;

	uint64_t cap = read_msr(IA32_MTRRCAP);
	uint64_t count = min_u64(cap & MTRRCAP_VCNT, MTRR_VARIABLE_MAX);

	state->fixed_supported = cap & MTRRCAP_FIX;
	state->count = (uint8_t)count;
	state->def_type = read_msr(IA32_MTRR_DEF_TYPE);
	for (unsigned i = 0; state->fixed_supported && i < MTRR_FIXED_COUNT; i++)
		state->fixed[i] = read_msr(fixed_blocks[i].msr);
	for (unsigned i = 0; i < state->count; i++) {
		state->variable[i].base = read_msr(IA32_MTRR_PHYSBASE0 + 2 * i);
		state->variable[i].mask = read_msr(IA32_MTRR_PHYSMASK0 + 2 * i);
	}
}

static bool enabled(const struct mtrr_state *state)
{
	return state->def_type & MTRR_DEF_TYPE_E;
}

static bool fixed_enabled(const struct mtrr_state *state)
{
	return state->fixed_supported && (state->def_type & MTRR_DEF_TYPE_FE);
}

/* A reserved encoding can't be written to an MTRR; should one be read, UC is what can't do harm. */
static enum memory_type valid_type(uint64_t type)
{
	switch (type & 0xff) {
	case MEMORY_WC:
	case MEMORY_WT:
	case MEMORY_WP:
	case MEMORY_WB:
		return (enum memory_type)(type & 0xff);
	default:
		return MEMORY_UC;
	}
}

static enum memory_type fixed_type(const struct mtrr_state *state, gpa_t addr, gpa_t *next)
{
	unsigned i = MTRR_FIXED_COUNT - 1;

	while (addr < fixed_blocks[i].start)
		i--;
	uint64_t segment = (addr - fixed_blocks[i].start) / fixed_blocks[i].segment;

	*next = fixed_blocks[i].start + (segment + 1) * fixed_blocks[i].segment;
	return valid_type(state->fixed[i] >> (segment * 8));
}

static uint64_t address_bits(const struct mtrr_state *state)
{
	uint64_t all = state->maxphyaddr < 64 ? BIT(state->maxphyaddr) - 1 : UINT64_MAX;

	return all & ~(PAGE_SIZE - 1);
}

/*
 * The lowest address above ADDR, which does not match, that has the bits WANT under MASK. Some
 * highest bit differs. If it has to become 1, everything below may become as small as WANT lets it.
 * If it has to become 0, a free bit above it must carry: the lowest one that is 0.
 */
static uint64_t next_match(uint64_t addr, uint64_t mask, uint64_t want)
{
	uint64_t different = (addr ^ want) & mask;
	uint64_t bit = BIT(63 - __builtin_clzll(different));

	if (want & bit)
		return (addr & ~(2 * bit - 1)) | (want & (2 * bit - 1));

	uint64_t carry = ~mask & ~addr & ~(2 * bit - 1);
	if (!carry)
		return NEVER;
	carry &= -carry;
	return (addr & ~(2 * carry - 1)) | carry | (want & (carry - 1));
}

/* Does PAIR cover ADDR, and from which address on is the answer another (SDM 3A 12.11.3)? */
static bool pair_covers(const struct mtrr_state *state, const struct mtrr_variable *pair,
			gpa_t addr, gpa_t *next)
{
	uint64_t mask = pair->mask & address_bits(state);
	uint64_t want = pair->base & mask;

	if ((addr & mask) != want) {
		*next = next_match(addr, mask, want);
		return false;
	}
	/* It matches until counting up changes the mask's lowest bit. */
	*next = mask ? (addr | ((mask & -mask) - 1)) + 1 : NEVER;
	return true;
}

/* Where ranges of two types overlap (SDM 3A 12.11.4.1); what is undefined there is UC here. */
static enum memory_type overlap(enum memory_type a, enum memory_type b)
{
	if (a == b)
		return a;
	if ((a == MEMORY_WT && b == MEMORY_WB) || (a == MEMORY_WB && b == MEMORY_WT))
		return MEMORY_WT;
	return MEMORY_UC;
}

static enum memory_type variable_type(const struct mtrr_state *state, gpa_t addr, gpa_t *next)
{
	enum memory_type type = valid_type(state->def_type);
	bool covered = false;

	*next = NEVER;
	for (unsigned i = 0; i < state->count; i++) {
		const struct mtrr_variable *pair = &state->variable[i];
		gpa_t change;

		if (!(pair->mask & MTRR_PHYSMASK_VALID))
			continue;
		if (pair_covers(state, pair, addr, &change)) {
			enum memory_type own = valid_type(pair->base);

			type = covered ? overlap(type, own) : own;
			covered = true;
		}
		*next = min_u64(*next, change);
	}
	return type;
}

/* The type at ADDR, and an address above it up to which it stays. */
static enum memory_type type_until(const struct mtrr_state *state, gpa_t addr, gpa_t *next)
{
	if (!state->supported || !enabled(state)) {
		*next = NEVER;
		return state->supported ? MEMORY_UC : MEMORY_WB;
	}
	if (fixed_enabled(state) && addr < MTRR_FIXED_TOP)
		return fixed_type(state, addr, next);
	return variable_type(state, addr, next);
}

enum memory_type mtrr_type(const struct mtrr_state *state, gpa_t addr)
{
	gpa_t next;

	return type_until(state, addr, &next);
}

uint64_t mtrr_uniform(const struct mtrr_state *state, gpa_t start, gpa_t end,
		      enum memory_type *type)
{
	gpa_t next;

	*type = type_until(state, start, &next);
	for (unsigned i = 0; i < BOUNDARIES_MAX && next < end; i++) {
		gpa_t boundary = next;

		if (type_until(state, boundary, &next) != *type)
			return boundary;
	}
	return min_u64(next, end);
}

bool mtrr_is_msr(uint32_t msr)
{
	if (msr >= IA32_MTRR_PHYSBASE0 && msr < IA32_MTRR_PHYSBASE0 + 2 * MTRR_VARIABLE_MAX)
		return true;
	for (unsigned i = 0; i < MTRR_FIXED_COUNT; i++) {
		if (msr == fixed_blocks[i].msr)
			return true;
	}
	return msr == IA32_MTRR_DEF_TYPE;
}

static bool same_pair(const struct mtrr_variable *a, const struct mtrr_variable *b)
{
	if (!((a->mask | b->mask) & MTRR_PHYSMASK_VALID))
		return true;
	return a->base == b->base && a->mask == b->mask;
}

bool mtrr_same(const struct mtrr_state *a, const struct mtrr_state *b)
{
	if (a->supported != b->supported || enabled(a) != enabled(b))
		return false;
	if (!a->supported || !enabled(a))
		return true;
	if (a->count != b->count || a->maxphyaddr != b->maxphyaddr ||
	    valid_type(a->def_type) != valid_type(b->def_type) ||
	    fixed_enabled(a) != fixed_enabled(b))
		return false;
	for (unsigned i = 0; fixed_enabled(a) && i < MTRR_FIXED_COUNT; i++) {
		if (a->fixed[i] != b->fixed[i])
			return false;
	}
	for (unsigned i = 0; i < a->count; i++) {
		if (!same_pair(&a->variable[i], &b->variable[i]))
			return false;
	}
	return true;
}
