/*
 * hv/memory.c over a fake vendor: views are EPT trees (tests/unit/test_ept.c vouches for them), the
 * other calls are written down. MTRRs are this program's.
 */
#include "hv/memory.h"
#include "arch/x86/insn.h"
#include "arch/x86/regs.h"
#include "arch/x86/vmx/ept.h"
#include "hv/debug/log.h"
#include "hv/kick.h"
#include "tests/unit/fake_heap.h"
#include "tests/unit/unit.h"

#include <string.h>

#define REGION_BASE 0x3e000000ull
#define REGION_SIZE 0x00171000ull
#define REGION_END  (REGION_BASE + REGION_SIZE)
#define GUEST_RIP   0xffffffff81000123ull
#define DEVICE_BASE 0x380000000000ull /* a 64-bit BAR far above RAM */

static struct {
	struct ept views[VIEW_COUNT];
	long maps_left; /* calls of map() that succeed; negative: all */
	unsigned maps, resets, flushes;
	enum nested_view view;
	bool stepping;
	uint64_t cr0;
	int paused; /* kick_pause_others() less kick_resume_others() */
	unsigned pauses;
	uint32_t resumed_with;
	void (*while_pausing)(void); /* what another core does before it is paused */
	unsigned warnings;
	char log[512];
	struct mtrr_state msrs; /* what RDMSR gives */
} fake;

static struct vm vm;
static struct vcpu vcpu;
static struct run_page run;
static struct boot_info info;

static int fake_map(struct vm *v, enum nested_view view, gpa_t gpa, hpa_t hpa, uint64_t size,
		    unsigned access, enum memory_type type)
{
	assert_ptr_equal(v, &vm);
	assert_true(size && !((gpa | hpa | size) % PAGE_SIZE));
	fake.maps++;
	if (fake.maps_left == 0)
		return -1;
	if (fake.maps_left > 0)
		fake.maps_left--;
	return ept_map(&fake.views[view], gpa, hpa, size, access, type);
}

static void fake_reset_view(UNUSED struct vm *v, enum nested_view view)
{
	assert_int_equal(fake.paused, 1);
	fake.resets++;
	ept_reset(&fake.views[view]);
}

static void fake_set_view(struct vcpu *v, enum nested_view view)
{
	assert_ptr_equal(v, &vcpu);
	fake.view = view;
}

static void fake_flush(UNUSED struct vcpu *v)
{
	fake.flushes++;
}

static void fake_single_step(UNUSED struct vcpu *v, bool on)
{
	fake.stepping = on;
}

static uint64_t fake_read_reg(UNUSED struct vcpu *v, enum virt_reg reg)
{
	assert_true(reg == REG_CR0 || reg == REG_RIP);
	return reg == REG_CR0 ? fake.cr0 : GUEST_RIP;
}

static const struct virt_ops fake_ops = {
	.map = fake_map,
	.reset_view = fake_reset_view,
	.set_view = fake_set_view,
	.flush = fake_flush,
	.single_step = fake_single_step,
	.read_reg = fake_read_reg,
};

void kick_pause_others(struct vcpu *self)
{
	assert_ptr_equal(self, &vcpu);
	if (fake.while_pausing)
		fake.while_pausing();
	fake.paused++;
	fake.pauses++;
}

void kick_resume_others(UNUSED struct vcpu *self, uint32_t requests)
{
	fake.paused--;
	fake.resumed_with = requests;
}

void log_warn(const char *fmt, ...)
{
	va_list args;

	fake.warnings++;
	va_start(args, fmt);
	vsnprintf(fake.log, sizeof(fake.log), fmt, args);
	va_end(args);
}

void log_info(UNUSED const char *fmt, ...)
{
}

void log_error(UNUSED const char *fmt, ...)
{
}

void cpu_pause(void)
{
}

uint64_t rdmsr(uint32_t msr)
{
	switch (msr) {
	case IA32_MTRRCAP:
		return fake.msrs.count | MTRRCAP_FIX;
	case IA32_MTRR_DEF_TYPE:
		return fake.msrs.def_type;
	case IA32_MTRR_FIX64K:
		return fake.msrs.fixed[0];
	case IA32_MTRR_FIX16K_0:
	case IA32_MTRR_FIX16K_1:
		return fake.msrs.fixed[1 + msr - IA32_MTRR_FIX16K_0];
	default:
		if (msr >= IA32_MTRR_FIX4K_0 && msr <= IA32_MTRR_FIX4K_7)
			return fake.msrs.fixed[3 + msr - IA32_MTRR_FIX4K_0];
		assert_true(msr >= 0x200 && msr < 0x200 + 2u * fake.msrs.count);
		if (msr % 2)
			return fake.msrs.variable[(msr - 0x200) / 2].mask;
		return fake.msrs.variable[(msr - 0x200) / 2].base;
	}
}

static void set_pair(unsigned i, uint64_t base, uint64_t size, enum memory_type type)
{
	fake.msrs.variable[i].base = base | type;
	fake.msrs.variable[i].mask = (~(size - 1) & (BIT(vm.maxphyaddr) - 1)) | MTRR_PHYSMASK_VALID;
}

/* MTRRs as firmware leaves them: RAM is WB, the VGA window and everything behind 2 GiB is UC. */
static int setup(UNUSED void **state)
{
	memset(&fake, 0, sizeof(fake));
	memset(&vm, 0, sizeof(vm));
	memset(&vcpu, 0, sizeof(vcpu));
	memset(&run, 0, sizeof(run));
	vcpu.run = &run;
	memset(&info, 0, sizeof(info));
	fake.maps_left = -1;
	fake_heap_left = -1;
	fake_heap_used = 0;
	info.region_base = REGION_BASE;
	info.region_size = REGION_SIZE;
	info.ram_top = 0x140000000; /* 5 GiB */
	vm.ops = &fake_ops;
	vm.info = &info;
	vm.maxphyaddr = 46;
	vcpu.vm = &vm;
	vcpu.index = 1;
	for (unsigned view = 0; view < VIEW_COUNT; view++)
		assert_int_equal(ept_init(&fake.views[view],
					  EPT_CAP_WALK_4 | EPT_CAP_PAGE_2M | EPT_CAP_PAGE_1G),
				 0);

	fake.msrs.count = 8;
	fake.msrs.def_type = MEMORY_WB | MTRR_DEF_TYPE_E | MTRR_DEF_TYPE_FE;
	memset(fake.msrs.fixed, MEMORY_WB, sizeof(fake.msrs.fixed));
	fake.msrs.fixed[2] = 0;
	set_pair(0, 0x80000000, 0x80000000, MEMORY_UC);
	set_pair(1, DEVICE_BASE, 64 * SIZE_1G, MEMORY_UC);
	mtrr_read(&vm.mtrrs, rdmsr, vm.maxphyaddr, true);
	return 0;
}

static int teardown(UNUSED void **state)
{
	assert_int_equal(fake.paused, 0);
	for (unsigned view = 0; view < VIEW_COUNT; view++) {
		ept_reset(&fake.views[view]);
		page_free(fake.views[view].root);
	}
	if (vm.decoy_page)
		page_free(phys_to_virt(vm.decoy_page));
	assert_int_equal(fake_heap_used, 0);
	return 0;
}

static void assert_maps_to(enum nested_view view, gpa_t gpa, hpa_t hpa, enum memory_type type)
{
	uint64_t entry;
	unsigned level;

	assert_true(ept_lookup(&fake.views[view], gpa, &entry, &level));

	uint64_t offset = gpa & (BIT(12 + 9 * (level - 1)) - 1) & ~0xfffull;

	assert_int_equal((entry & EPT_ADDRESS) + offset, hpa);
	assert_int_equal(entry & EPT_ACCESS, ACCESS_ALL);
	assert_int_equal((entry & EPT_TYPE) >> EPT_TYPE_SHIFT, type);
}

static void assert_unmapped(enum nested_view view, gpa_t gpa)
{
	uint64_t entry;
	unsigned level;

	assert_false(ept_lookup(&fake.views[view], gpa, &entry, &level));
}

static unsigned level_of(gpa_t gpa)
{
	uint64_t entry;
	unsigned level;

	assert_true(ept_lookup(&fake.views[VIEW_GUEST], gpa, &entry, &level));
	return level;
}

static void assert_page(gpa_t gpa)
{
	enum memory_type type = mtrr_type(&fake.msrs, gpa);

	if (gpa >= REGION_BASE && gpa < REGION_END) {
		assert_unmapped(VIEW_GUEST, gpa);
		assert_maps_to(VIEW_DECOY, gpa, vm.decoy_page, MEMORY_WB);
	} else {
		assert_maps_to(VIEW_GUEST, gpa, gpa, type);
		assert_maps_to(VIEW_DECOY, gpa, gpa, type);
	}
}

/* Every page around what is special, and a sample of all others below TOP. */
static void assert_views(gpa_t top)
{
	struct rng rng = { 0x6d656d };

	fake.msrs.supported = true;
	fake.msrs.fixed_supported = true;
	fake.msrs.maxphyaddr = (uint8_t)vm.maxphyaddr;
	for (gpa_t gpa = 0; gpa < 4 * SIZE_2M; gpa += PAGE_SIZE)
		assert_page(gpa);
	for (gpa_t gpa = REGION_BASE - SIZE_2M; gpa < REGION_END + SIZE_2M; gpa += PAGE_SIZE)
		assert_page(gpa);
	for (unsigned i = 0; i < 20000; i++)
		assert_page(rng_below(&rng, top / PAGE_SIZE) * PAGE_SIZE);
	assert_page(top - PAGE_SIZE);
}

static void assert_decoy_is_all_ones(void)
{
	const uint8_t *decoy = phys_to_virt(vm.decoy_page);

	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(decoy[i], 0xff);
}

static void create(void)
{
	assert_int_equal(memory_create(&vm), 0);
	fake.maps = 0;
}

static void maps_ram_one_to_one_without_the_region(UNUSED void **state)
{
	create();
	assert_int_equal(vm.mapped_top, 5 * SIZE_1G);
	assert_views(vm.mapped_top);
	assert_decoy_is_all_ones();
	assert_unmapped(VIEW_GUEST, vm.mapped_top);
	assert_unmapped(VIEW_DECOY, vm.mapped_top);
	assert_int_equal(level_of(4 * SIZE_1G), 3);
	assert_int_equal(level_of(SIZE_1G), 3);
	assert_int_equal(level_of(0xa0000), 1);
	assert_int_equal(level_of(0x200000), 2);
	assert_int_equal(fake.pauses, 0);
}

static void maps_4_gib_at_least_and_whole_gib(UNUSED void **state)
{
	info.ram_top = 0x3f000000;
	create();
	assert_int_equal(vm.mapped_top, SIZE_4G);
	assert_views(vm.mapped_top);
}

static void maps_an_odd_top_of_ram(UNUSED void **state)
{
	info.ram_top = 0x23f801000;
	create();
	assert_int_equal(vm.mapped_top, 9 * SIZE_1G);
	assert_views(vm.mapped_top);
}

static void never_maps_beyond_maxphyaddr(UNUSED void **state)
{
	vm.maxphyaddr = 32;
	mtrr_read(&vm.mtrrs, rdmsr, vm.maxphyaddr, true);
	info.ram_top = 0x3f000000;
	create();
	assert_int_equal(vm.mapped_top, SIZE_4G);
	assert_int_equal(memory_violation(&vcpu, SIZE_4G, ACCESS_READ), MEMORY_FATAL);
}

/* The region may lie anywhere among the memory types: at the first page of one, in two of them. */
static void the_region_may_lie_across_types(UNUSED void **state)
{
	set_pair(2, REGION_BASE + 0x100000, 0x100000, MEMORY_WT);
	mtrr_read(&vm.mtrrs, rdmsr, vm.maxphyaddr, true);
	create();
	assert_views(vm.mapped_top);
}

static void create_fails_without_memory(UNUSED void **state)
{
	unsigned maps;

	create();
	ept_reset(&fake.views[VIEW_GUEST]);
	ept_reset(&fake.views[VIEW_DECOY]);
	page_free(phys_to_virt(vm.decoy_page));

	/* Whichever call of map() it is that fails. */
	fake.maps = 0;
	assert_int_equal(memory_create(&vm), 0);
	maps = fake.maps;
	for (unsigned i = 0; i < maps; i += 1 + i / 10) {
		page_free(phys_to_virt(vm.decoy_page));
		fake.maps_left = i;
		assert_int_equal(memory_create(&vm), -1);
	}
	page_free(phys_to_virt(vm.decoy_page));
	vm.decoy_page = 0;
	fake_heap_left = 0;
	assert_int_equal(memory_create(&vm), -1);
	assert_int_equal(vm.decoy_page, 0);
}

static void a_touch_gets_one_instruction_in_the_decoy(UNUSED void **state)
{
	char expected[256];
	uint8_t *decoy;

	create();
	decoy = phys_to_virt(vm.decoy_page);
	memset(decoy, 0, 8); /* left over from another core's write */
	assert_int_equal(memory_violation(&vcpu, REGION_BASE + 0x1234, ACCESS_WRITE),
			 MEMORY_RESUME);
	assert_int_equal(fake.view, VIEW_DECOY);
	assert_true(fake.stepping && vcpu.decoy);
	assert_int_equal(vm.touches, 1);
	assert_int_equal(fake.maps, 0);
	assert_decoy_is_all_ones();
	snprintf(expected, sizeof(expected),
		 "core 1: touch 1 of plinth's memory: write to 0x%llx at RIP 0x%llx",
		 REGION_BASE + 0x1234, GUEST_RIP);
	assert_string_equal(fake.log, expected);

	memset(decoy, 0, PAGE_SIZE); /* the write */
	memory_step_done(&vcpu);
	assert_int_equal(fake.view, VIEW_GUEST);
	assert_false(fake.stepping || vcpu.decoy);
	assert_decoy_is_all_ones();
}

static void touches_are_counted_at_both_ends(UNUSED void **state)
{
	create();
	assert_int_equal(memory_violation(&vcpu, REGION_BASE, ACCESS_READ), MEMORY_RESUME);
	assert_non_null(strstr(fake.log, "read of 0x3e000000"));
	memory_step_done(&vcpu);
	assert_int_equal(memory_violation(&vcpu, REGION_END - 1, ACCESS_EXECUTE), MEMORY_RESUME);
	assert_non_null(strstr(fake.log, "execution of 0x3e170fff"));
	memory_step_done(&vcpu);
	assert_int_equal(memory_violation(&vcpu, REGION_END, ACCESS_READ), MEMORY_RESUME);
	assert_int_equal(memory_violation(&vcpu, REGION_BASE - 1, ACCESS_READ), MEMORY_RESUME);
	assert_int_equal(vm.touches, 2);
	assert_false(vcpu.decoy);
}

static void many_touches_are_few_lines(UNUSED void **state)
{
	create();
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(memory_violation(&vcpu, REGION_BASE, ACCESS_READ), MEMORY_RESUME);
		memory_step_done(&vcpu);
	}
	assert_int_equal(vm.touches, 1000);
	assert_int_equal(fake.warnings, 8 + 6); /* 1 to 8, 16, 32, 64, 128, 256, 512 */
	assert_non_null(strstr(fake.log, "touch 512 "));
}

/* An instruction may touch plinth's memory and unmapped device memory at once. */
static void a_device_may_be_touched_while_in_the_decoy(UNUSED void **state)
{
	create();
	assert_int_equal(memory_violation(&vcpu, REGION_BASE, ACCESS_READ), MEMORY_RESUME);
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE, ACCESS_WRITE), MEMORY_RESUME);
	assert_maps_to(VIEW_DECOY, DEVICE_BASE, DEVICE_BASE, MEMORY_UC);
	assert_int_equal(fake.view, VIEW_DECOY);
	assert_true(vcpu.decoy && fake.stepping);
	/* But in the decoy all of plinth's memory is mapped: this can't be. */
	assert_int_equal(memory_violation(&vcpu, REGION_BASE, ACCESS_READ), MEMORY_FATAL);
}

static void memory_above_ram_is_mapped_on_first_touch(UNUSED void **state)
{
	create();
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE + 0x12345678, ACCESS_READ),
			 MEMORY_RESUME);
	assert_int_equal(fake.maps, 2);
	assert_int_equal(fake.flushes, 1);
	for (enum nested_view view = 0; view < VIEW_COUNT; view++) {
		assert_maps_to(view, DEVICE_BASE, DEVICE_BASE, MEMORY_UC);
		assert_maps_to(view, DEVICE_BASE + SIZE_1G - PAGE_SIZE,
			       DEVICE_BASE + SIZE_1G - PAGE_SIZE, MEMORY_UC);
		assert_unmapped(view, DEVICE_BASE - PAGE_SIZE);
		assert_unmapped(view, DEVICE_BASE + SIZE_1G);
	}
	assert_int_equal(level_of(DEVICE_BASE), 3);
	assert_int_equal(fake.pauses, 0);

	gpa_t last = BIT(46) - PAGE_SIZE;

	assert_int_equal(memory_violation(&vcpu, last, ACCESS_WRITE), MEMORY_RESUME);
	assert_maps_to(VIEW_GUEST, last, last, MEMORY_WB);
	assert_int_equal(memory_violation(&vcpu, BIT(46), ACCESS_WRITE), MEMORY_FATAL);
	assert_int_equal(memory_violation(&vcpu, UINT64_MAX, ACCESS_WRITE), MEMORY_FATAL);
}

/* With no other exit between, the same violation for ever is a core that spins. */
static void a_violation_that_mapping_does_not_cure_is_fatal(UNUSED void **state)
{
	unsigned violations = 0;

	create();
	do {
		run.exits++;
		violations++;
	} while (violations < 100000 &&
		 memory_violation(&vcpu, SIZE_1G, ACCESS_WRITE) == MEMORY_RESUME);
	assert_in_range(violations, 10, 99999);
}

static void the_same_violation_now_and_then_is_not(UNUSED void **state)
{
	create();
	for (unsigned i = 0; i < 5000; i++) {
		run.exits += 2;
		assert_int_equal(memory_violation(&vcpu, SIZE_1G, ACCESS_WRITE), MEMORY_RESUME);
	}
}

static void lazy_chunks_are_of_one_type(UNUSED void **state)
{
	set_pair(2, 64 * SIZE_1G + 3 * SIZE_2M, PAGE_SIZE, MEMORY_WC);
	mtrr_read(&vm.mtrrs, rdmsr, vm.maxphyaddr, true);
	create();

	/* The GiB is not uniform; the first 2 MiB are; those around the odd page are not. */
	assert_int_equal(memory_violation(&vcpu, 64 * SIZE_1G, ACCESS_READ), MEMORY_RESUME);
	assert_int_equal(level_of(64 * SIZE_1G), 2);
	assert_unmapped(VIEW_GUEST, 64 * SIZE_1G + SIZE_2M);

	gpa_t odd = 64 * SIZE_1G + 3 * SIZE_2M;

	assert_int_equal(memory_violation(&vcpu, odd, ACCESS_READ), MEMORY_RESUME);
	assert_maps_to(VIEW_GUEST, odd, odd, MEMORY_WC);
	assert_unmapped(VIEW_GUEST, odd + PAGE_SIZE);
	assert_int_equal(memory_violation(&vcpu, odd + PAGE_SIZE, ACCESS_READ), MEMORY_RESUME);
	assert_maps_to(VIEW_DECOY, odd + PAGE_SIZE, odd + PAGE_SIZE, MEMORY_WB);
}

/* Another core was first, or this one's cached translations are old. */
static void a_violation_on_mapped_memory_flushes(UNUSED void **state)
{
	create();
	assert_int_equal(memory_violation(&vcpu, 0x5000, ACCESS_WRITE), MEMORY_RESUME);
	assert_int_equal(fake.maps, 0);
	assert_int_equal(fake.flushes, 1);
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE, ACCESS_READ), MEMORY_RESUME);
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE, ACCESS_READ), MEMORY_RESUME);
	assert_int_equal(fake.flushes, 3);
	assert_maps_to(VIEW_GUEST, DEVICE_BASE, DEVICE_BASE, MEMORY_UC);
}

static void full_tables_begin_again(UNUSED void **state)
{
	create();
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE, ACCESS_READ), MEMORY_RESUME);
	fake_heap_left = 2;
	/* Each of these needs a table of its own in both views. */
	for (unsigned i = 1; i <= 15; i++) {
		gpa_t gpa = DEVICE_BASE + i * 512 * SIZE_1G;

		assert_int_equal(memory_violation(&vcpu, gpa, ACCESS_READ), MEMORY_RESUME);
		assert_maps_to(VIEW_GUEST, gpa, gpa, MEMORY_WB);
		assert_maps_to(VIEW_DECOY, gpa, gpa, MEMORY_WB);
	}
	assert_true(fake.pauses >= 4 && fake.pauses < 15);
	assert_int_equal(fake.resets, 2 * fake.pauses);
	assert_int_equal(fake.resumed_with, KICK_FLUSH);
	assert_views(vm.mapped_top);
	assert_unmapped(VIEW_GUEST, DEVICE_BASE);
}

static void another_core_rebuilds(void)
{
	fake.while_pausing = NULL;
	fake_heap_left = -1;
}

static void full_tables_may_be_another_cores_work(UNUSED void **state)
{
	create();
	fake_heap_left = 0;
	fake.while_pausing = another_core_rebuilds;
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE, ACCESS_READ), MEMORY_RESUME);
	assert_int_equal(fake.pauses, 1);
	assert_int_equal(fake.resets, 0);
	assert_maps_to(VIEW_GUEST, DEVICE_BASE, DEVICE_BASE, MEMORY_UC);
}

static void no_room_even_for_the_first_part_is_fatal(UNUSED void **state)
{
	create();
	fake.maps_left = 0;
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE, ACCESS_READ), MEMORY_FATAL);
	assert_int_equal(fake.pauses, 1);
}

static void new_mtrrs_make_new_views(UNUSED void **state)
{
	create();
	set_pair(3, 0x10000000, 0x10000000, MEMORY_UC);
	assert_int_equal(memory_mtrr_written(&vcpu), MEMORY_RESUME);
	assert_int_equal(fake.pauses, 1);
	assert_int_equal(fake.resets, 2);
	assert_int_equal(fake.flushes, 1);
	assert_int_equal(fake.resumed_with, KICK_FLUSH);
	assert_maps_to(VIEW_GUEST, 0x10000000, 0x10000000, MEMORY_UC);
	assert_views(vm.mapped_top);

	/* The other cores write the same values, one after the other. */
	assert_int_equal(memory_mtrr_written(&vcpu), MEMORY_RESUME);
	assert_int_equal(fake.pauses, 1);
	assert_int_equal(fake.flushes, 1);
}

static void lazily_mapped_memory_gets_the_new_type(UNUSED void **state)
{
	create();
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE, ACCESS_READ), MEMORY_RESUME);
	set_pair(1, DEVICE_BASE, 64 * SIZE_1G, MEMORY_WC);
	assert_int_equal(memory_mtrr_written(&vcpu), MEMORY_RESUME);
	assert_unmapped(VIEW_GUEST, DEVICE_BASE);
	assert_int_equal(memory_violation(&vcpu, DEVICE_BASE, ACCESS_READ), MEMORY_RESUME);
	assert_maps_to(VIEW_GUEST, DEVICE_BASE, DEVICE_BASE, MEMORY_WC);
}

/* SDM 3A 12.11.8: CR0.CD, MTRRs off, write them, MTRRs on. One rebuild, at the end. */
static void the_manuals_procedure_rebuilds_once(UNUSED void **state)
{
	create();
	fake.cr0 = CR0_CD | CR0_PE | CR0_PG;
	fake.msrs.def_type &= ~MTRR_DEF_TYPE_E;
	assert_int_equal(memory_mtrr_written(&vcpu), MEMORY_RESUME);
	set_pair(3, 0x10000000, 0x10000000, MEMORY_WT);
	assert_int_equal(memory_mtrr_written(&vcpu), MEMORY_RESUME);
	assert_int_equal(fake.pauses, 0);
	fake.msrs.def_type |= MTRR_DEF_TYPE_E;
	assert_int_equal(memory_mtrr_written(&vcpu), MEMORY_RESUME);
	assert_int_equal(fake.pauses, 1);
	assert_maps_to(VIEW_GUEST, 0x10000000, 0x10000000, MEMORY_WT);
}

/* A guest that turns MTRRs off and caching not: all is UC, and must be. */
static void disabling_mtrrs_for_good_makes_all_uncacheable(UNUSED void **state)
{
	create();
	fake.cr0 = CR0_PE | CR0_PG;
	fake.msrs.def_type &= ~MTRR_DEF_TYPE_E;
	assert_int_equal(memory_mtrr_written(&vcpu), MEMORY_RESUME);
	assert_int_equal(fake.pauses, 1);
	assert_maps_to(VIEW_GUEST, 0x5000, 0x5000, MEMORY_UC);
	assert_views(vm.mapped_top);
}

static void new_mtrrs_that_do_not_fit_are_fatal(UNUSED void **state)
{
	create();
	set_pair(3, 0x10000000, 0x10000000, MEMORY_UC);
	fake.maps_left = 3;
	assert_int_equal(memory_mtrr_written(&vcpu), MEMORY_FATAL);
}

#define MEMORY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_TEST(maps_ram_one_to_one_without_the_region),
		MEMORY_TEST(maps_4_gib_at_least_and_whole_gib),
		MEMORY_TEST(maps_an_odd_top_of_ram),
		MEMORY_TEST(never_maps_beyond_maxphyaddr),
		MEMORY_TEST(the_region_may_lie_across_types),
		MEMORY_TEST(create_fails_without_memory),
		MEMORY_TEST(a_touch_gets_one_instruction_in_the_decoy),
		MEMORY_TEST(touches_are_counted_at_both_ends),
		MEMORY_TEST(many_touches_are_few_lines),
		MEMORY_TEST(a_device_may_be_touched_while_in_the_decoy),
		MEMORY_TEST(memory_above_ram_is_mapped_on_first_touch),
		MEMORY_TEST(lazy_chunks_are_of_one_type),
		MEMORY_TEST(a_violation_on_mapped_memory_flushes),
		MEMORY_TEST(full_tables_begin_again),
		MEMORY_TEST(full_tables_may_be_another_cores_work),
		MEMORY_TEST(no_room_even_for_the_first_part_is_fatal),
		MEMORY_TEST(new_mtrrs_make_new_views),
		MEMORY_TEST(lazily_mapped_memory_gets_the_new_type),
		MEMORY_TEST(the_manuals_procedure_rebuilds_once),
		MEMORY_TEST(disabling_mtrrs_for_good_makes_all_uncacheable),
		MEMORY_TEST(new_mtrrs_that_do_not_fit_are_fatal),
		MEMORY_TEST(a_violation_that_mapping_does_not_cure_is_fatal),
		MEMORY_TEST(the_same_violation_now_and_then_is_not),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
