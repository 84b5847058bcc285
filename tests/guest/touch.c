/*
 * Touches plinth's memory in every way that a guest can, and checks that it reads as all-ones, that
 * nothing written there stays, that plinth counts the touches, and that everything else goes on.
 * The last line is "touch: N passed, N failed".
 */
#include "tests/guest/guest.h"
#include "boot/mp.h"

#define ALL_ONES 0xffffffffffffffffull
#define EVERY    0x5a5a5a5a5a5a5a5aull /* what is written */
#define ROUNDS   200ull                /* of each core in the test with all cores */

static EFI_GUID mp_services = EFI_MP_SERVICES_PROTOCOL_GUID;
static unsigned passed, failed;
static uint64_t touches; /* at least so many */
static uint64_t region, region_size;
static uint8_t buffer[4 * PAGE_SIZE] __attribute__((aligned(4096)));

static void check(bool ok, const char *what, uint64_t address)
{
	if (ok)
		passed++;
	else
		failed++;
	if (!ok)
		say("touch: FAILED: %s at %#lx: %s", what, address, outcome());
}

static bool all_ones(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] != 0xff)
			return false;
	return true;
}

#define CHECK_WIDTH(type, suffix, register_format)                                                 \
	static void check_##type(uint64_t address)                                                 \
	{                                                                                          \
		type value = 0;                                                                    \
                                                                                                   \
		ATTEMPT("mov" suffix " (%1), %" register_format "0",                               \
			: "+r"(value)                                                              \
			: "r"(address)                                                             \
			: ATTEMPT_CLOBBERS);                                                       \
		check(guest_fault.vector == VECTOR_NONE && value == (type)ALL_ONES, "read " #type, \
		      address);                                                                    \
		value = (type)EVERY;                                                               \
		ATTEMPT("mov" suffix " %" register_format "0, (%1)",                               \
			:                                                                          \
			: "r"(value), "r"(address)                                                 \
			: ATTEMPT_CLOBBERS);                                                       \
		check(guest_fault.vector == VECTOR_NONE, "write " #type, address);                 \
		value = 0;                                                                         \
		ATTEMPT("mov" suffix " (%1), %" register_format "0",                               \
			: "+r"(value)                                                              \
			: "r"(address)                                                             \
			: ATTEMPT_CLOBBERS);                                                       \
		check(guest_fault.vector == VECTOR_NONE && value == (type)ALL_ONES,                \
		      "read after write " #type, address);                                         \
		touches += 3;                                                                      \
	}

CHECK_WIDTH(uint8_t, "b", "b")
CHECK_WIDTH(uint16_t, "w", "w")
CHECK_WIDTH(uint32_t, "l", "k")
CHECK_WIDTH(uint64_t, "q", "q")

/* Operations that read and write in one instruction. */
static void check_atomic(uint64_t address)
{
	uint64_t value = 1;

	ATTEMPT("lock xaddq %0, (%1)", : "+r"(value) : "r"(address) : ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_NONE && value == ALL_ONES, "lock xadd", address);
	value = EVERY;
	ATTEMPT("xchgq %0, (%1)", : "+r"(value) : "r"(address) : ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_NONE && value == ALL_ONES, "xchg", address);
	touches += 2;
	check_uint64_t(address);
}

static void check_sse(uint64_t address)
{
	uint8_t *here = buffer;

	SetMem(here, 16, 0);
	ATTEMPT("movups (%1), %%xmm0\n\tmovups %%xmm0, (%0)",
		:
		: "r"(here), "r"(address)
		: ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_NONE && all_ones(here, 16), "16-byte read", address);
	SetMem(here, 16, 0x5a);
	ATTEMPT("movups (%0), %%xmm0\n\tmovups %%xmm0, (%1)",
		:
		: "r"(here), "r"(address)
		: ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_NONE, "16-byte write", address);
	touches += 2;
	check_uint64_t(address);
	check_uint64_t(address + 8);
}

static void rep_movs(uint64_t to, uint64_t from, uint64_t count)
{
	ATTEMPT("rep movsb", : "+D"(to), "+S"(from), "+c"(count) : : ATTEMPT_CLOBBERS);
}

/* String moves that cross the border between two of plinth's pages, and its region's borders. */
static void check_string_moves(uint64_t border)
{
	const uint8_t *before = (const uint8_t *)(uintptr_t)(region - 16);
	const uint8_t *behind = (const uint8_t *)(uintptr_t)(region + region_size);

	SetMem(buffer, 64, 0);
	rep_movs((uintptr_t)buffer, border - 32, 64);
	check(guest_fault.vector == VECTOR_NONE && all_ones(buffer, 64), "rep movs from", border);
	SetMem(buffer, 64, 0x5a);
	rep_movs(border - 32, (uintptr_t)buffer, 64);
	check(guest_fault.vector == VECTOR_NONE, "rep movs to", border);
	rep_movs((uintptr_t)buffer, border - 32, 64);
	check(guest_fault.vector == VECTOR_NONE && all_ones(buffer, 64), "rep movs from", border);
	rep_movs(border - 8, border - 32, 16);
	check(guest_fault.vector == VECTOR_NONE, "rep movs within", border);
	touches += 64 * 3 + 16;

	/* Half of it is memory of somebody else, which must be copied as it is. */
	rep_movs((uintptr_t)buffer, region - 16, 32);
	check(guest_fault.vector == VECTOR_NONE && CompareMem(buffer, before, 16) == 0 &&
		      all_ones(buffer + 16, 16),
	      "rep movs from across", region);
	rep_movs(region - 16, (uintptr_t)buffer, 32);
	check(guest_fault.vector == VECTOR_NONE && CompareMem(buffer, before, 16) == 0,
	      "rep movs to across", region);
	rep_movs((uintptr_t)buffer, region + region_size - 16, 32);
	check(guest_fault.vector == VECTOR_NONE && all_ones(buffer, 16) &&
		      CompareMem(buffer + 16, behind, 16) == 0,
	      "rep movs from across", region + region_size);
	touches += 48;
}

/* One access that is half in the region and half outside. */
static void check_straddling(uint64_t border, const uint8_t *outside, bool outside_first)
{
	uint8_t expected[8];
	uint64_t value = 0;

	SetMem(expected, 8, 0xff);
	CopyMem(outside_first ? expected : expected + 4, (VOID *)(uintptr_t)outside, 4);
	ATTEMPT("movq (%1), %0", : "+r"(value) : "r"(border - 4) : ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_NONE && CompareMem(&value, expected, 8) == 0,
	      "read across", border);
	ATTEMPT("movq %0, (%1)", : : "r"(value), "r"(border - 4) : ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_NONE, "write across", border);
	ATTEMPT("movq (%1), %0", : "+r"(value) : "r"(border - 4) : ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_NONE && CompareMem(&value, expected, 8) == 0,
	      "read across after write", border);
	touches += 3;
}

static void check_stack(uint64_t top)
{
	uint64_t value = EVERY;

	ATTEMPT("movq %1, %%rsp\n\tpushq %0\n\tpopq %0\n\tmovq 8+guest_resume(%%rip), %%rsp",
		: "+r"(value)
		: "r"(top)
		: ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_NONE && value == ALL_ONES, "push and pop", top);
	touches += 2;
	/* The delivery of an exception pushes what is then lost; #BP's handler uses no stack. */
	ATTEMPT("movq %0, %%rsp\n\tint3", : : "r"(top) : ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_BP, "int3 with the stack", top);
	touches++;
}

/* FF FF is no instruction. */
static void check_execution(uint64_t address)
{
	ATTEMPT("callq *%0", : : "r"(address) : ATTEMPT_CLOBBERS);
	check(guest_fault.vector == VECTOR_UD && guest_fault.rip == address, "execution", address);
	touches++;
}

static volatile uint32_t wrong_reads, cores_done;

/* On all cores at once: what one core writes must not appear to another. */
static VOID EFIAPI hammer(VOID *argument)
{
	volatile uint64_t *address = argument;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		if (*address != ALL_ONES)
			__atomic_add_fetch(&wrong_reads, 1, __ATOMIC_SEQ_CST);
		*address = EVERY;
	}
	__atomic_add_fetch(&cores_done, 1, __ATOMIC_SEQ_CST);
}

static void check_all_cores(EFI_MP_SERVICES_PROTOCOL *mp, UINTN count)
{
	if (count < 2)
		return;
	mp->StartupAllAPs(mp, hammer, FALSE, NULL, 0, (VOID *)(uintptr_t)region, NULL);
	__asm__ volatile("cli");
	check(cores_done == count - 1, "all cores", region);
	check(wrong_reads == 0, "all cores' reads", wrong_reads);
	touches += ROUNDS * 2 * (count - 1);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	EFI_MP_SERVICES_PROTOCOL *mp;
	UINTN count = 1, enabled;
	uint64_t before, after;

	guest_init(image, system);
	if (!plinth_present()) {
		say("touch: no plinth");
		power_off();
	}
	if (!EFI_ERROR(BS->LocateProtocol(&mp_services, NULL, (VOID **)&mp)))
		mp->GetNumberOfProcessors(mp, &count, &enabled);
	catch_exceptions();
	if (!find_plinth(&region, &region_size))
		power_off();
	say("touch: %lu KiB at %#lx, %lu cores", region_size / 1024, region, count);
	before = plinth_status().rsi;

	const uint64_t pages[] = { region, region + region_size / PAGE_SIZE / 2 * PAGE_SIZE,
				   region + region_size - PAGE_SIZE };

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		check_uint8_t(pages[i]);
		check_uint8_t(pages[i] + PAGE_SIZE - 1);
		check_uint16_t(pages[i] + 2);
		check_uint32_t(pages[i] + 8);
		check_uint64_t(pages[i]);
		check_uint64_t(pages[i] + PAGE_SIZE - 8);
		check_atomic(pages[i] + 64);
		check_sse(pages[i] + 128);
		check_stack(pages[i] + 2048);
		check_execution(pages[i]);
		check_execution(pages[i] + PAGE_SIZE - 16);
	}
	check_string_moves(region + PAGE_SIZE);
	check_straddling(region, (const uint8_t *)(uintptr_t)(region - 4), true);
	check_straddling(region + region_size, (const uint8_t *)(uintptr_t)(region + region_size),
			 false);
	check_uint64_t(region + PAGE_SIZE - 4); /* in two of plinth's pages */
	check_all_cores(mp, count);

	after = plinth_status().rsi;
	say("touch: %lu touches counted, %lu at least expected", after - before, touches);
	check(after - before >= touches, "count", after - before);
	say("touch: %u passed, %u failed", passed, failed);
	power_off();
}
