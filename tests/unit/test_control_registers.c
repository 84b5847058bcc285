/*
 * hv/control_registers.c and load_pdptes() of hv/guest_memory.c: every combination of the bits that
 * decide whether MOV to CR0 is legal, against the manual's list of reasons for #GP, and what a
 * legal one brings about.
 */
#include "hv/control_registers.h"
#include "arch/x86/regs.h"
#include "arch/x86/window.h"
#include "hv/event.h"
#include "hv/guest_memory.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_vendor.h"
#include "tests/unit/unit.h"

#include <string.h>

#define PE   0x00000001ull
#define ET   0x00000010ull
#define NE   0x00000020ull
#define WP   0x00010000ull
#define NW   0x20000000ull
#define CD   0x40000000ull
#define PG   0x80000000ull

#define PAE  0x00000020ull
#define LA57 0x00001000ull
#define PCID 0x00020000ull
#define CET  0x00800000ull

#define LME  0x00000100ull
#define LMA  0x00000400ull

static _Alignas(4096) uint64_t page[512]; /* the guest's page that CR3 points into */
static gpa_t page_gpa;
static unsigned windows, mapped;

void inject_exception_error(struct vcpu *vcpu, enum vector vector, uint32_t error_code)
{
	struct event event = { .valid = true,
			       .vector = (uint8_t)vector,
			       .type = EVENT_EXCEPTION,
			       .has_error_code = true,
			       .error_code = error_code };

	vcpu->vm->ops->inject(vcpu, &event);
}

void *window_map(unsigned self, enum window window, hpa_t pa)
{
	assert_int_equal(self, 3);
	assert_int_equal(window, WINDOW_GUEST);
	assert_int_equal(pa & ~0xfffull, page_gpa);
	windows++;
	mapped++;
	return (uint8_t *)page + pa % 4096;
}

void window_unmap(unsigned self, enum window window)
{
	assert_int_equal(self, 3);
	assert_int_equal(window, WINDOW_GUEST);
	mapped--;
}

static int setup(UNUSED void **state)
{
	fake_vendor_reset();
	fake_cpu_reset();
	fake_vcpu.index = 3;
	fake_info.region_base = 0x3e000000;
	fake_info.region_size = 0x200000;
	memset(page, 0, sizeof(page));
	page_gpa = 0x1234000;
	windows = mapped = 0;
	return 0;
}

static int teardown(UNUSED void **state)
{
	assert_int_equal(mapped, 0);
	return 0;
}

/* The state before the MOV. */
struct before {
	uint64_t cr0, cr4, efer;
	uint32_t cs, tr; /* access rights */
};

static enum exit_action mov_to_cr0(const struct before *b, uint64_t value)
{
	fake_vendor_reset();
	fake_vcpu.index = 3;
	fake_vm.maxphyaddr = 39;
	fake_info.region_base = 0x3e000000;
	fake_info.region_size = 0x200000;
	fake_vendor.regs[REG_CR0] = b->cr0;
	fake_vendor.regs[REG_CR3] = page_gpa | 0x20;
	fake_vendor.regs[REG_CR4] = b->cr4;
	fake_vendor.regs[REG_EFER] = b->efer;
	fake_vendor.segments[SEG_CS].access = b->cs;
	fake_vendor.segments[SEG_TR].access = b->tr;
	return write_guest_cr0(&fake_vcpu, value);
}

/* SDM 2B MOV to and from control registers, "Protected Mode Exceptions", and SDM 3A 2.5, 9.8.5. */
static const char *why_illegal(const struct before *b, uint64_t v)
{
	bool sets_pg = v & PG && !(b->cr0 & PG);
	bool clears_pg = !(v & PG) && b->cr0 & PG;
	bool cs_l = b->cs >> 13 & 1;

	if (v & 0xffffffff00000000)
		return "bits 63:32";
	if (v & PG && !(v & PE))
		return "PG without PE";
	if (v & NW && !(v & CD))
		return "NW without CD";
	if (b->cr4 & CET && !(v & WP))
		return "CR4.CET without WP";
	if (clears_pg && b->cr4 & PCID)
		return "PCIDE without PG";
	if (clears_pg && b->efer & LMA && cs_l)
		return "paging off in 64-bit mode";
	if (sets_pg && b->efer & LME && !(b->cr4 & PAE))
		return "IA-32e mode without PAE";
	if (sets_pg && b->efer & LME && cs_l)
		return "IA-32e mode with CS.L";
	if (sets_pg && b->efer & LME && (b->tr & 0xf) == 3)
		return "IA-32e mode with a 16-bit TSS";
	return NULL;
}

static void check_mov(const struct before *b, uint64_t value)
{
	const char *why = why_illegal(b, value);
	enum exit_action action = mov_to_cr0(b, value);
	uint64_t cr0 = fake_vendor.regs[REG_CR0], efer = fake_vendor.regs[REG_EFER];

	if (why) {
		if (action != EXIT_RESUME || fake_vendor.injections != 1)
			fail_msg("CR0 %#llx over %#llx, CR4 %#llx, EFER %#llx: %s",
				 (unsigned long long)value, (unsigned long long)b->cr0,
				 (unsigned long long)b->cr4, (unsigned long long)b->efer, why);
		expect_injected(EVENT_EXCEPTION, 13, true, 0);
		expect_no_state_written();
		assert_int_equal(fake_vendor.guest_tlb_flushes, 0);
		return;
	}
	if (action != EXIT_ADVANCE || fake_vendor.injections)
		fail_msg("CR0 %#llx over %#llx, CR4 %#llx, EFER %#llx is legal",
			 (unsigned long long)value, (unsigned long long)b->cr0,
			 (unsigned long long)b->cr4, (unsigned long long)b->efer);
	/* Reserved bits below 32 are ignored and read as zero; ET is fixed to one. */
	assert_int_equal(cr0, (value & 0xe005003f) | ET);
	/* SDM 3A 4.1.1: IA-32e mode is active while PG and LME are. */
	if (b->efer & LME)
		assert_int_equal(efer, value & PG ? b->efer | LMA : b->efer & ~LMA);
	else
		assert_int_equal(efer, b->efer);
	if ((value ^ b->cr0) & (PG | PE | WP))
		assert_true(fake_vendor.guest_tlb_flushes > 0);
	/* SDM 3A 4.4.1: PAE paging loads the PDPTEs with a change of PG, CD or NW. */
	assert_int_equal(fake_vendor.pdpte_writes, value & PG && b->cr4 & PAE && !(b->efer & LME) &&
							   (value ^ b->cr0) & (PG | CD | NW));
	fake_vendor.reg_writes[REG_CR0] = fake_vendor.reg_writes[REG_EFER] = 0;
	fake_vendor.pdpte_writes = 0;
	expect_no_state_written();
}

static void every_combination(UNUSED void **state)
{
	static const uint64_t old_bits[] = { PE, PG, WP, CD, NW };
	static const uint64_t new_bits[] = { PE, PG, WP, CD, NW, 1ull << 40, 1ull << 63, 1 << 6 };
	static const uint64_t cr4_bits[] = { PAE, PCID, CET };
	static const uint64_t efer_bits[] = { LME };
	unsigned tried = 0;

	for (unsigned o = 0; o < 32; o++) {
		uint64_t old = ET | NE;

		for (unsigned i = 0; i < 5; i++)
			old |= o >> i & 1 ? old_bits[i] : 0;
		if ((old & PG && !(old & PE)) || (old & NW && !(old & CD)))
			continue; /* no processor is there */
		for (unsigned m = 0; m < 64; m++) {
			struct before b = { .cr0 = old, .tr = m >> 5 & 1 ? 0x83 : 0x8b };

			for (unsigned i = 0; i < 3; i++)
				b.cr4 |= m >> i & 1 ? cr4_bits[i] : 0;
			b.efer = m >> 3 & 1 ? efer_bits[0] : 0;
			b.cs = m >> 4 & 1 ? 0x209b : 0x9b;
			if (b.efer & LME && old & PG)
				b.efer |= LMA;
			/* Nor here: IA-32e mode has PAE, and PCIDE and CS.L need it, CET WP. */
			if ((b.efer & LMA && !(b.cr4 & PAE)) || (b.cr4 & PCID && !(b.efer & LMA)) ||
			    (b.cr4 & CET && !(old & WP)))
				continue;
			for (unsigned n = 0; n < 256; n++) {
				uint64_t value = 0;

				for (unsigned i = 0; i < 8; i++)
					value |= n >> i & 1 ? new_bits[i] : 0;
				check_mov(&b, value);
				check_mov(&b, value | NE);
				tried++;
			}
		}
	}
	assert_true(tried > 50000);
}

/* MP, EM, TS, AM go through as they are, whatever they were. */
static void other_bits_are_the_guests(UNUSED void **state)
{
	struct before b = { .cr0 = PE | ET | 0xe, .cs = 0x9b, .tr = 0x8b };

	assert_int_equal(mov_to_cr0(&b, 0x0005003f), EXIT_ADVANCE);
	assert_int_equal(fake_vendor.regs[REG_CR0], 0x0005003f);
	assert_int_equal(mov_to_cr0(&b, 0x1ffaffc0), EXIT_ADVANCE); /* only reserved bits */
	assert_int_equal(fake_vendor.regs[REG_CR0], ET);
}

/* --- PAE paging --- */

static const struct before pae_off = { .cr0 = PE | ET, .cr4 = PAE, .cs = 0xc09b, .tr = 0x8b };

static void pae_paging_loads_the_pdptes(UNUSED void **state)
{
	/* CR3 points at 32 bytes that need not begin a page. */
	page[4] = 0x1000001;
	page[5] = 0;            /* not present: no bit of it matters */
	page[6] = 0x7ffffff019; /* PWT, PCD and an address of 39 bits */
	page[7] = 0xfffffffffffffffe;
	assert_int_equal(mov_to_cr0(&pae_off, PG | PE), EXIT_ADVANCE);
	assert_int_equal(fake_vendor.pdpte_writes, 1);
	assert_memory_equal(fake_vendor.pdptes, &page[4], 32);
	assert_int_equal(windows, 1);
}

/* SDM 3A table 4-8: bits 2:1, 8:5 and MAXPHYADDR and above are reserved in one that is present. */
static void a_reserved_bit_in_a_pdpte_is_gp(UNUSED void **state)
{
	for (unsigned i = 4; i < 8; i++)
		for (unsigned bit = 1; bit < 64; bit++) {
			bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 39;

			memset(page, 0, sizeof(page));
			page[i] = 1ull << bit | 1;
			if (reserved) {
				assert_int_equal(mov_to_cr0(&pae_off, PG | PE), EXIT_RESUME);
				expect_injected(EVENT_EXCEPTION, 13, true, 0);
				expect_no_state_written();
			} else {
				assert_int_equal(mov_to_cr0(&pae_off, PG | PE), EXIT_ADVANCE);
				assert_int_equal(fake_vendor.pdpte_writes, 1);
			}
		}
}

/* Where plinth is the guest reads all-ones, and those are no PDPTEs. */
static void pdptes_in_plinths_memory_are_all_ones(UNUSED void **state)
{
	uint8_t bytes[8] = { 0 };

	page_gpa = 0x3e000000;
	assert_int_equal(mov_to_cr0(&pae_off, PG | PE), EXIT_RESUME);
	expect_injected(EVENT_EXCEPTION, 13, true, 0);
	assert_int_equal(windows, 0);
	assert_false(read_guest_physical(&fake_vcpu, 0x3e1ffff8, bytes, 8));
	assert_int_equal(bytes[0] & bytes[7], 0xff);
	page_gpa = 0x3e200000;
	page[0] = 0x1122334455667788;
	assert_true(read_guest_physical(&fake_vcpu, 0x3e200000, bytes, 8));
	assert_memory_equal(bytes, page, 8);
	page_gpa = 0x3dfff000;
	assert_true(read_guest_physical(&fake_vcpu, 0x3dfffff8, bytes, 8));
	assert_memory_equal(bytes, &page[511], 8);
}

static void no_pdptes_without_pae_paging(UNUSED void **state)
{
	struct before b = pae_off;

	memset(page, 0xff, sizeof(page)); /* would be #GP */
	b.cr4 = 0;
	assert_int_equal(mov_to_cr0(&b, PG | PE), EXIT_ADVANCE);
	b.cr4 = PAE;
	b.efer = LME;
	assert_int_equal(mov_to_cr0(&b, PG | PE), EXIT_ADVANCE);
	b.efer = 0;
	assert_int_equal(mov_to_cr0(&b, PE), EXIT_ADVANCE);
	assert_int_equal(windows, 0);
}

/* --- CR4 --- */

/* Whatever exits there is a bit that the guest does not have. */
static void any_write_to_cr4_that_exits_is_gp(UNUSED void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		fake_vendor_reset();
		assert_int_equal(write_guest_cr4(&fake_vcpu, 1ull << bit), EXIT_RESUME);
		expect_injected(EVENT_EXCEPTION, 13, true, 0);
		expect_no_state_written();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_combination, setup, teardown),
		cmocka_unit_test_setup_teardown(other_bits_are_the_guests, setup, teardown),
		cmocka_unit_test_setup_teardown(pae_paging_loads_the_pdptes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reserved_bit_in_a_pdpte_is_gp, setup, teardown),
		cmocka_unit_test_setup_teardown(pdptes_in_plinths_memory_are_all_ones, setup,
						teardown),
		cmocka_unit_test_setup_teardown(no_pdptes_without_pae_paging, setup, teardown),
		cmocka_unit_test_setup_teardown(any_write_to_cr4_that_exits_is_gp, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
