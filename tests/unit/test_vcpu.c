/*
 * hv/vcpu.c over a fake vendor: the state after power-on and after INIT, row by row of SDM 3A table
 * 9-1; INIT, SIPI and triple fault; the order of a vCPU's life; what a core's state becomes when it
 * is taken and given back; and the memory that cores are made of.
 */
#include "hv/vcpu_life.h"
#include "arch/x86/cpu.h"
#include "arch/x86/regs.h"
#include "hv/exception.h"
#include "hv/exit.h"
#include "hv/guest_memory.h"
#include "hv/heap.h"
#include "hv/kick.h"
#include "hv/reset.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/fake_vendor.h"

#include <string.h>

#define SIGNATURE     0x000306c3u /* CPUID.1:EAX */
#define JUNK          0x5a5a5a5a5a5a5a5aull
#define PAT_BY_LINUX  0x0407050600070106ull
#define APIC_BASE_MSR 0x1bu

/* What happened, in order, one letter each. */
static struct {
	char steps[64];
	bool enable_fails, create_fails;
	bool kicked; /* kick_answer() was called in this state */
	bool wait_for_sipi_when_kicked;
	struct {
		gpa_t base;
		uint64_t entries[16];
	} gdt;
	jmp_buf leave;
} fake;

static void step(const char *what)
{
	assert_true(strlen(fake.steps) + strlen(what) < sizeof(fake.steps));
	strcat(fake.steps, what);
}

void update_exception_bitmap(UNUSED struct vcpu *vcpu)
{
	step("b");
}

void kick_answer(struct vcpu *vcpu)
{
	step("k");
	fake.wait_for_sipi_when_kicked = vcpu->wait_for_sipi;
}

_Noreturn void reset_machine(void)
{
	step("!");
	longjmp(fake.leave, 1);
}

void cpu_enter(UNUSED struct cpu *cpu)
{
	step("c");
}

static int fake_enable(UNUSED struct vcpu *vcpu)
{
	step("E");
	return fake.enable_fails ? -1 : 0;
}

static void fake_disable(UNUSED struct vcpu *vcpu)
{
	step("D");
}

static int fake_create(UNUSED struct vcpu *vcpu)
{
	step("C");
	return fake.create_fails ? -1 : 0;
}

static void fake_reset(struct vcpu *vcpu, bool init_event)
{
	assert_ptr_equal(vcpu, &fake_vcpu);
	step(init_event ? "i" : "r");
}

static void fake_run_vcpu(struct vcpu *vcpu)
{
	assert_true(vcpu->running);
	step("R");
}

static void fake_destroy(UNUSED struct vcpu *vcpu)
{
	step("X");
}

/* The GDT of the firmware. */
bool read_guest_physical(UNUSED struct vcpu *vcpu, gpa_t gpa, void *buffer, size_t size)
{
	assert_true(gpa >= fake.gdt.base && gpa + size <= fake.gdt.base + sizeof(fake.gdt.entries));
	memcpy(buffer, (uint8_t *)fake.gdt.entries + (gpa - fake.gdt.base), size);
	return true;
}

static struct virt_ops ops;
static struct boot_core boot;

static int setup(UNUSED void **state)
{
	memset(&fake, 0, sizeof(fake));
	memset(&boot, 0, sizeof(boot));
	fake_vendor_reset();
	fake_cpu_reset();
	fake_log_reset();
	ops = fake_ops;
	ops.enable = fake_enable;
	ops.disable = fake_disable;
	ops.vcpu_create = fake_create;
	ops.vcpu_reset = fake_reset;
	ops.vcpu_run = fake_run_vcpu;
	ops.vcpu_destroy = fake_destroy;
	fake_vm.ops = &ops;
	fake_vcpu.boot = &boot;
	fake_cpuid_set(1, 0, (struct cpuid){ .eax = SIGNATURE });
	fake_cpuid_set(0x80000000, 0, (struct cpuid){ .eax = 0x80000008 });
	fake_cpuid_set(0x80000007, 0, (struct cpuid){ .edx = 1 << 8 });
	fake_msr_set(APIC_BASE_MSR, 0xfee00800);
	return 0;
}

/* --- Reset --- */

/* Every register of a guest is junk, so that what is left alone can be seen. */
static void make_junk(uint64_t cr0)
{
	setup(NULL);
	memset(fake_vcpu.regs, 0x5a, sizeof(fake_vcpu.regs));
	for (unsigned r = 0; r < VIRT_REG_COUNT; r++)
		fake_vendor.regs[r] = JUNK;
	memset(fake_vendor.segments, 0x5a, sizeof(fake_vendor.segments));
	memset(fake_vendor.tables, 0, sizeof(fake_vendor.tables));
	memset(fake_cpu.dr, 0x5a, sizeof(fake_cpu.dr));
	fake_cpu.cr2 = JUNK;
	fake_cpu.cr0 = cr0;
	fake_vendor.regs[REG_PAT] = PAT_BY_LINUX;
}

#define KEPT JUNK

/* SDM 3A table 9-1, in its order: after power-on, after INIT. */
static const struct {
	const char *row;
	enum virt_reg reg;
	uint64_t power_on, init;
} register_rows[] = {
	{ "EFLAGS", REG_RFLAGS, 0x00000002, 0x00000002 },
	{ "EIP", REG_RIP, 0x0000fff0, 0x0000fff0 },
	{ "CR3", REG_CR3, 0, 0 },
	{ "CR4", REG_CR4, 0, 0 },
	{ "ESP", REG_RSP, 0, 0 },
	{ "DR7", REG_DR7, 0x00000400, 0x00000400 },
	/* "All other MSRs": after INIT unchanged. After power-on: SDM 4, and 3A 12.12.4 for PAT. */
	{ "IA32_SYSENTER_CS", REG_SYSENTER_CS, 0, KEPT },
	{ "IA32_SYSENTER_ESP", REG_SYSENTER_ESP, 0, KEPT },
	{ "IA32_SYSENTER_EIP", REG_SYSENTER_EIP, 0, KEPT },
	{ "IA32_DEBUGCTL", REG_DEBUGCTL, 0, KEPT },
	{ "IA32_PAT", REG_PAT, 0x0007040600070406, PAT_BY_LINUX },
	/* Except for this one: paging and with it IA-32e mode is off, and LME does not come back.
	 */
	{ "IA32_EFER", REG_EFER, 0, 0 },
	/* What was about to happen to the old state does not happen to the new. */
	{ "pending debug exceptions", REG_PENDING_DEBUG, 0, 0 },
};

static const struct {
	const char *row;
	enum segment_name name;
	struct segment both; /* base, limit, access, selector */
} segment_rows[] = {
	{ "CS", SEG_CS, { 0xffff0000, 0xffff, 0x9b, 0xf000 } }, /* present, read/write, accessed */
	{ "SS", SEG_SS, { 0, 0xffff, 0x93, 0 } },
	{ "DS", SEG_DS, { 0, 0xffff, 0x93, 0 } },
	{ "ES", SEG_ES, { 0, 0xffff, 0x93, 0 } },
	{ "FS", SEG_FS, { 0, 0xffff, 0x93, 0 } },
	{ "GS", SEG_GS, { 0, 0xffff, 0x93, 0 } },
	{ "LDTR", SEG_LDTR, { 0, 0xffff, 0x82, 0 } },
	{ "task register", SEG_TR, { 0, 0xffff, 0x8b, 0 } },
};

static void check_reset(bool init)
{
	unsigned rows = 0;

	for (size_t i = 0; i < array_size(register_rows); i++) {
		uint64_t expected = init ? register_rows[i].init : register_rows[i].power_on;

		if (fake_vendor.regs[register_rows[i].reg] != expected)
			fail_msg("%s: %#llx", register_rows[i].row,
				 (unsigned long long)fake_vendor.regs[register_rows[i].reg]);
		rows |= 1u << register_rows[i].reg;
	}
	/* CR0 has rules of its own: resets_cr0(). */
	assert_int_equal(rows | 1u << REG_CR0, (1u << VIRT_REG_COUNT) - 1);

	assert_int_equal(array_size(segment_rows), SEGMENT_COUNT);
	for (size_t i = 0; i < array_size(segment_rows); i++) {
		struct segment s = fake_vendor.segments[segment_rows[i].name];
		struct segment e = segment_rows[i].both;

		if (s.base != e.base || s.limit != e.limit || s.access != e.access ||
		    s.selector != e.selector)
			fail_msg("%s: %#x %#llx %#x %#x", segment_rows[i].row, s.selector,
				 (unsigned long long)s.base, s.limit, s.access);
	}
	for (unsigned t = TABLE_GDTR; t <= TABLE_IDTR; t++) {
		assert_int_equal(fake_vendor.tables[t].writes, 1);
		assert_int_equal(fake_vendor.tables[t].base, 0);
		assert_int_equal(fake_vendor.tables[t].limit, 0xffff);
	}

	/* EDX: the processor's signature; EAX (no BIST), EBX, ECX, ESI, EDI, EBP, R8-R15: 0 */
	for (unsigned i = 0; i < GPR_COUNT; i++)
		assert_int_equal(fake_vcpu.regs[i], i == 2 ? SIGNATURE : 0);
	/* CR2; DR0, DR1, DR2, DR3; DR6. They are the host's own registers. */
	assert_int_equal(fake_cpu.cr2, 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fake_cpu.dr[i], 0);
	assert_int_equal(fake_cpu.dr[6], 0xffff0ff0);
	/* Not the host's DR7, nor its CR0, CR3 and CR4. */
	assert_int_equal(fake_cpu.dr_writes, 5);
	assert_int_equal(fake_cpu.cr_writes, 1);
	/*
	 * x87, MMX, XMM and YMM registers, MXCSR, TSC, performance counters, MTRRs, caches, machine
	 * check banks, APIC, all other MSRs: INIT leaves them unchanged, and so do we. Any access
	 * to an MSR that is not in the fake processor would have failed.
	 */
	for (unsigned i = 0; i < fake_cpu.msr_count; i++)
		assert_int_equal(fake_cpu.msrs[i].writes, 0);
	assert_int_equal(fake_cpu.xsetbvs + fake_cpu.wbinvds, 0);
	assert_int_equal(fake_vendor.guest_tlb_flushes + fake_vendor.flushes, 0); /* the vendor's */
	/* Then the vendor's part, then the exception bitmap. */
	assert_string_equal(fake.steps, init ? "ib" : "rb");
	expect_nothing_injected();
	assert_string_equal(fake_log, "");
}

static void resets_as_after_power_on(UNUSED void **state)
{
	make_junk(0x80050033);
	vcpu_reset(&fake_vcpu, false);
	check_reset(false);
}

static void resets_as_after_init(UNUSED void **state)
{
	make_junk(0x80050033);
	vcpu_reset(&fake_vcpu, true);
	check_reset(true);
}

/* Footnote 2 of the table: INIT leaves CD and NW, sets bit 4 and clears all others. */
static void resets_cr0(UNUSED void **state)
{
	static const struct {
		uint64_t before, init;
	} rows[] = {
		{ 0x80050033, 0x00000010 },         { 0xe005003b, 0x60000010 },
		{ 0xc0000011, 0x40000010 },         { 0x20000000, 0x20000010 },
		{ 0xffffffffffffffff, 0x60000010 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		make_junk(rows[i].before);
		vcpu_reset(&fake_vcpu, true);
		assert_int_equal(fake_vendor.regs[REG_CR0], rows[i].init);
		make_junk(rows[i].before);
		vcpu_reset(&fake_vcpu, false);
		assert_int_equal(fake_vendor.regs[REG_CR0], 0x60000010);
	}
}

static void takes_the_signature_from_cpuid(UNUSED void **state)
{
	make_junk(0);
	fake_cpuid_set(1, 0, (struct cpuid){ .eax = 0x000a0671, .ebx = 7, .ecx = 8, .edx = 9 });
	vcpu_reset(&fake_vcpu, true);
	assert_int_equal(fake_vcpu.regs[RDX], 0x000a0671);
}

/* --- INIT, SIPI, triple fault --- */

static void init_waits_for_sipi(UNUSED void **state)
{
	make_junk(0x80050033);
	assert_int_equal(exit_init(&fake_vcpu), EXIT_RESUME);
	assert_true(fake_vcpu.wait_for_sipi);
	/* Requests of other cores are looked for once they can see that this one waits. */
	assert_string_equal(fake.steps, "ibk");
	assert_true(fake.wait_for_sipi_when_kicked);
	assert_string_equal(fake_log, ""); /* the SIPI is on its way */
}

/* SDM 3A 8.4.3: the bootstrap processor starts at the reset vector instead. */
static void init_of_the_boot_core_does_not_wait(UNUSED void **state)
{
	make_junk(0x80050033);
	fake_msr_set(APIC_BASE_MSR, 0xfee00900);
	fake_vcpu.wait_for_sipi = true;
	assert_int_equal(exit_init(&fake_vcpu), EXIT_RESUME);
	assert_false(fake_vcpu.wait_for_sipi);
	assert_int_equal(fake_vendor.regs[REG_RIP], 0xfff0);
}

/* SDM 3A 8.4.3: execution begins at 000VV000H; nothing else of the INIT state changes. */
static void sipi_starts_the_core(UNUSED void **state)
{
	for (unsigned vector = 0; vector < 256; vector++) {
		struct segment cs;

		make_junk(0);
		vcpu_reset(&fake_vcpu, true);
		memset(fake_vendor.reg_writes, 0, sizeof(fake_vendor.reg_writes));
		memset(fake_vendor.segment_writes, 0, sizeof(fake_vendor.segment_writes));
		memset(fake_vendor.tables, 0, sizeof(fake_vendor.tables));
		fake_vcpu.wait_for_sipi = true;
		assert_int_equal(exit_sipi(&fake_vcpu, (uint8_t)vector), EXIT_RESUME);
		cs = fake_vendor.segments[SEG_CS];
		assert_int_equal(cs.base, vector * 0x1000);
		assert_int_equal(cs.selector, vector * 0x100);
		assert_int_equal(cs.limit, 0xffff);
		assert_int_equal(cs.access, 0x9b);
		assert_int_equal(fake_vendor.regs[REG_RIP], 0);
		assert_int_equal(fake_vendor.reg_writes[REG_RIP], 1);
		assert_int_equal(fake_vendor.segment_writes[SEG_CS], 1);
		fake_vendor.reg_writes[REG_RIP] = fake_vendor.segment_writes[SEG_CS] = 0;
		expect_no_state_written();
		assert_int_equal(fake_vcpu.regs[RDX], SIGNATURE);
		assert_false(fake_vcpu.wait_for_sipi);
		assert_string_equal(fake.steps, "ibk");
		assert_false(fake.wait_for_sipi_when_kicked);
		assert_int_equal(fake_run.trace[0].detail, vector);
	}
	assert_string_equal(fake_log, "");
}

static void triple_fault_resets_the_machine(UNUSED void **state)
{
	fake_vendor.regs[REG_RIP] = 0xbadc0de;
	if (setjmp(fake.leave) == 0) {
		exit_triple_fault(&fake_vcpu);
		fail();
	}
	assert_string_equal(fake.steps, "!");
	assert_string_equal(fake_log,
			    "I: core 0: triple fault at RIP 0xbadc0de, resetting the machine\n");
}

/* --- From the loader's state to the guest's and back --- */

#define CODE64  0x00af9b000000ffffull
#define DATA32  0x00cf93000000ffffull
#define CODE16  0x008f9a000000ffffull /* not accessed */
#define DATA64K 0x000092123456ffffull /* base, by byte, G clear, not accessed */

/* As OVMF leaves a core: 64-bit, no LDT, no task. */
static void firmware_state(void)
{
	struct gate_state *g = &boot.gate;

	*g = (struct gate_state){
		.rsp = 0x7e000,
		.cr0 = 0x80010033,
		.cr3 = 0x7f801000,
		.cr4 = 0x668,
		.efer = 0xd00,
		.fs_base = 0x1111,
		.gs_base = 0xffff888012345678,
		.guest_rip = 0x3d0123,
		.gdtr = { 0x47, 0x7f5e1000 },
		.idtr = { 0xfff, 0x7f5e2000 },
		.cs = 0x38,
		.ss = 0x30,
		.ds = 0x30,
		.es = 0x30,
		.fs = 0x30,
		.gs = 0x30,
	};
	fake.gdt.base = 0x7f5e1000;
	fake.gdt.entries[1] = CODE16;
	fake.gdt.entries[2] = DATA64K;
	fake.gdt.entries[6] = DATA32;
	fake.gdt.entries[7] = CODE64;
	fake_msr_set(0x277, PAT_BY_LINUX);
	fake_msr_set(0x1d9, 0x1);
	fake_msr_set(0x174, 0x8);
	fake_msr_set(0x175, 0x1750);
	fake_msr_set(0x176, 0x1760);
	fake_cpu.dr[0] = 0xd0;
	fake_cpu.dr[1] = 0xd1;
	fake_cpu.dr[2] = 0xd2;
	fake_cpu.dr[3] = 0xd3;
	fake_cpu.dr[6] = 0xffff4ff1;
	fake_cpu.dr[7] = 0x401;
	fake_cpu.cr2 = JUNK;
}

static void expect_segment(enum segment_name name, uint16_t selector, uint64_t base, uint32_t limit,
			   uint32_t access)
{
	struct segment s = fake_vendor.segments[name];

	if (s.selector != selector || s.base != base || s.access != access ||
	    (!(access & 0x10000) && s.limit != limit))
		fail_msg("segment %u: %#x %#llx %#x %#x", name, s.selector,
			 (unsigned long long)s.base, s.limit, s.access);
}

static void the_guest_is_the_core_as_it_was(UNUSED void **state)
{
	firmware_state();
	assert_int_equal(vcpu_start(&fake_vcpu), BOOT_VIRT_FAILED); /* the fake run returns */
	assert_int_equal(fake_vendor.regs[REG_RIP], 0x3d0123);
	assert_int_equal(fake_vendor.regs[REG_RSP], 0x7e000);
	assert_int_equal(fake_vendor.regs[REG_RFLAGS], 2);
	assert_int_equal(fake_vendor.regs[REG_CR0], 0x80010033);
	assert_int_equal(fake_vendor.regs[REG_CR3], 0x7f801000);
	assert_int_equal(fake_vendor.regs[REG_CR4], 0x668);
	assert_int_equal(fake_vendor.regs[REG_EFER], 0xd00);
	assert_int_equal(fake_vendor.regs[REG_DR7], 0x401);
	assert_int_equal(fake_vendor.regs[REG_PAT], PAT_BY_LINUX);
	assert_int_equal(fake_vendor.regs[REG_DEBUGCTL], 1);
	assert_int_equal(fake_vendor.regs[REG_SYSENTER_CS], 8);
	assert_int_equal(fake_vendor.regs[REG_SYSENTER_ESP], 0x1750);
	assert_int_equal(fake_vendor.regs[REG_SYSENTER_EIP], 0x1760);
	assert_int_equal(fake_vendor.regs[REG_PENDING_DEBUG], 0);
	expect_segment(SEG_CS, 0x38, 0, 0xffffffff, 0xa09b);
	expect_segment(SEG_SS, 0x30, 0, 0xffffffff, 0xc093);
	expect_segment(SEG_DS, 0x30, 0, 0xffffffff, 0xc093);
	expect_segment(SEG_ES, 0x30, 0, 0xffffffff, 0xc093);
	expect_segment(SEG_FS, 0x30, 0x1111, 0xffffffff, 0xc093);
	expect_segment(SEG_GS, 0x30, 0xffff888012345678, 0xffffffff, 0xc093);
	expect_segment(SEG_LDTR, 0, 0, 0, 0x10000);
	/* SDM 3C 26.3.1.2: a task register must be usable and busy all the same. */
	expect_segment(SEG_TR, 0, 0, 0x67, 0x8b);
	assert_int_equal(fake_vendor.tables[TABLE_GDTR].base, 0x7f5e1000);
	assert_int_equal(fake_vendor.tables[TABLE_GDTR].limit, 0x47);
	assert_int_equal(fake_vendor.tables[TABLE_IDTR].base, 0x7f5e2000);
	assert_int_equal(fake_vendor.tables[TABLE_IDTR].limit, 0xfff);
	/* What stays in the processor is as it was. */
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fake_cpu.dr[i], 0xd0 + i);
	assert_int_equal(fake_cpu.dr[6], 0xffff4ff1);
	assert_int_equal(fake_cpu.dr[7], 0x401);
}

static void takes_other_descriptors_too(UNUSED void **state)
{
	firmware_state();
	boot.gate.gdtr.limit = 0x5f;
	boot.gate.cs = 0x08;
	boot.gate.ds = 0x13; /* with an RPL */
	boot.gate.es = 0;
	boot.gate.fs = 0x60; /* behind the table */
	boot.gate.ldtr = 0x40;
	boot.gate.tr = 0x50;
	fake.gdt.entries[8] = 0x12008234567800ff; /* LDT: 0x100 bytes */
	fake.gdt.entries[9] = 0xffff8880;
	fake.gdt.entries[10] = 0xab80894567890067; /* TSS: not busy, G */
	fake.gdt.entries[11] = 0x0123cdef;
	fake.gdt.entries[12] = DATA32;
	vcpu_start(&fake_vcpu);
	/* A segment that is loaded is accessed; its descriptor was when it was loaded. */
	expect_segment(SEG_CS, 0x08, 0, 0xffffffff, 0x809b);
	/* In 64-bit mode bases of DS and ES are not used. */
	expect_segment(SEG_DS, 0x13, 0, 0xffff, 0x93);
	expect_segment(SEG_ES, 0, 0, 0, 0x10000);
	expect_segment(SEG_FS, 0x60, 0x1111, 0, 0x10000);
	expect_segment(SEG_LDTR, 0x40, 0xffff888012345678, 0xff, 0x82);
	expect_segment(SEG_TR, 0x50, 0x0123cdefab456789, 0x67fff, 0x808b);
}

static void life_in_order(UNUSED void **state)
{
	firmware_state();
	assert_int_equal(vcpu_start(&fake_vcpu), BOOT_VIRT_FAILED);
	assert_string_equal(fake.steps, "cECrbRXD");
	assert_false(fake_vcpu.running);
	assert_string_equal(fake_log, "I: core 0 (APIC id 0) enters FAKE operation\n"
				      "E: core 0: could not enter the guest\n");
}

static void a_core_that_cannot_is_left_alone(UNUSED void **state)
{
	firmware_state();
	fake.enable_fails = true;
	assert_int_equal(vcpu_start(&fake_vcpu), BOOT_VIRT_FAILED);
	assert_string_equal(fake.steps, "cE");
	assert_string_equal(fake_log, "E: core 0: could not enter FAKE operation\n");
	expect_no_state_written();

	setup(NULL);
	firmware_state();
	fake.create_fails = true;
	assert_int_equal(vcpu_start(&fake_vcpu), BOOT_VIRT_FAILED);
	assert_string_equal(fake.steps, "cECXD");
	assert_string_equal(fake_log, "E: core 0: could not enter the guest\n");
	expect_no_state_written();
}

static void an_unstable_tsc_is_warned_of_once(UNUSED void **state)
{
	static const char warning[] = "W: the TSC may not be stable: CPUID.80000007H:EDX has bit 8 "
				      "(invariant TSC) clear\n";

	firmware_state();
	fake_cpuid_set(0x80000007, 0, (struct cpuid){ .eax = ~0u, .edx = ~(1u << 8) });
	vcpu_start(&fake_vcpu);
	assert_non_null(strstr(fake_log, warning));
	fake_log_reset();
	vcpu_start(&fake_vcpu);
	assert_null(strstr(fake_log, "TSC"));
}

/* The gate's tail: takes the state in RDI and a status in RAX, on the stack that is in use. */
static struct gate_state *left_with;

static __attribute__((force_align_arg_pointer)) void gate_tail(struct gate_state *g)
{
	left_with = g;
	longjmp(fake.leave, 1);
}

static void a_core_is_given_back_as_the_guest_left_it(UNUSED void **state)
{
	struct gate_state *g = &boot.gate;

	fake_vcpu.running = true;
	for (unsigned r = 0; r < VIRT_REG_COUNT; r++)
		fake_vendor.regs[r] = 0x100 + r;
	for (unsigned s = 0; s < SEGMENT_COUNT; s++)
		fake_vendor.segments[s] =
			(struct segment){ .base = 0x200 + s, .selector = (uint16_t)(0x300 + s) };
	fake_vendor.tables[TABLE_GDTR].base = 0x400;
	fake_vendor.tables[TABLE_GDTR].limit = 0x401;
	fake_vendor.tables[TABLE_IDTR].base = 0x500;
	fake_vendor.tables[TABLE_IDTR].limit = 0x501;
	g->leave_rip = (uint64_t)(uintptr_t)gate_tail;
	if (setjmp(fake.leave) == 0)
		vcpu_leave(&fake_vcpu);
	assert_ptr_equal(left_with, g);
	assert_string_equal(fake.steps, "XD");
	assert_false(fake_vcpu.running);
	assert_int_equal(g->rsp, 0x100 + REG_RSP);
	assert_int_equal(g->cr0, 0x100 + REG_CR0);
	assert_int_equal(g->cr3, 0x100 + REG_CR3);
	assert_int_equal(g->cr4, 0x100 + REG_CR4);
	assert_int_equal(g->efer, 0x100 + REG_EFER);
	assert_int_equal(g->fs_base, 0x200 + SEG_FS);
	assert_int_equal(g->gs_base, 0x200 + SEG_GS);
	assert_int_equal(g->cs, 0x300 + SEG_CS);
	assert_int_equal(g->ss, 0x300 + SEG_SS);
	assert_int_equal(g->ds, 0x300 + SEG_DS);
	assert_int_equal(g->es, 0x300 + SEG_ES);
	assert_int_equal(g->fs, 0x300 + SEG_FS);
	assert_int_equal(g->gs, 0x300 + SEG_GS);
	assert_int_equal(g->gdtr.base, 0x400);
	assert_int_equal(g->gdtr.limit, 0x401);
	assert_int_equal(g->idtr.base, 0x500);
	assert_int_equal(g->idtr.limit, 0x501);
	assert_string_equal(fake_log, "I: core 0 leaves FAKE operation\n");
}

/* --- The memory of cores --- */

#define ARENA_PAGES 256u

static _Alignas(4096) uint8_t arena[ARENA_PAGES * 4096];
static uint64_t ptes[ARENA_PAGES];
static unsigned arena_used, arena_limit;

void *pages_alloc(size_t count)
{
	void *p = &arena[arena_used * PAGE_SIZE];

	if (arena_used + count > arena_limit)
		return NULL;
	arena_used += (unsigned)count;
	return p;
}

void *page_alloc(void)
{
	return pages_alloc(1);
}

static uint64_t stacks_given[4][IST_COUNT];
static unsigned cpus_given;

void cpu_init(UNUSED struct cpu *cpu, const uint64_t stacks[IST_COUNT])
{
	memcpy(stacks_given[cpus_given++], stacks, sizeof(stacks_given[0]));
}

static enum boot_status make_cores(unsigned cores, unsigned pages)
{
	static _Alignas(struct boot_info)
		uint8_t memory[sizeof(struct boot_info) + 4 * sizeof(struct boot_core)];
	struct boot_info *info = (struct boot_info *)memory;
	uint64_t first = ((uint64_t)(uintptr_t)arena - KERNEL_BASE) / PAGE_SIZE;

	memset(memory, 0, sizeof(memory));
	memset(arena, 0, sizeof(arena));
	memset(ptes, 0xff, sizeof(ptes));
	cpus_given = arena_used = 0;
	arena_limit = pages;
	info->core_count = cores;
	/* So that the arena is in the region, its first page's PTE the first of ptes[]. */
	info->page_tables = (uint64_t)(uintptr_t)ptes - first * sizeof(*ptes) - KERNEL_BASE;
	fake_vm.info = info;
	return vm_create_cores(&fake_vm);
}

static unsigned page_of(uint64_t address)
{
	uint64_t offset = address - (uint64_t)(uintptr_t)arena;

	assert_true(offset < sizeof(arena));
	return (unsigned)(offset / PAGE_SIZE);
}

/* TOP is the top of a stack of PAGES mapped pages, and the page below them is not. */
static void expect_stack(uint64_t top, unsigned pages)
{
	unsigned base = page_of(top - 1) + 1 - pages;

	assert_int_equal(top % PAGE_SIZE, 0);
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(ptes[base + i], ~0ull);
	assert_int_equal(ptes[base - 1], 0);
}

static void cores_have_stacks_with_guards(UNUSED void **state)
{
	unsigned guards = 0;

	assert_int_equal(make_cores(4, ARENA_PAGES), BOOT_OK);
	assert_int_equal(fake_vm.core_count, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct vcpu *vcpu = &fake_vm.vcpus[i];

		assert_ptr_equal(vcpu->vm, &fake_vm);
		assert_int_equal(vcpu->index, i);
		assert_ptr_equal(vcpu->boot, &fake_vm.info->cores[i]);
		assert_ptr_equal(vcpu->cpu->vcpu, vcpu);
		assert_int_equal(ptes[page_of((uint64_t)(uintptr_t)vcpu->run)], ~0ull);
		expect_stack(vcpu->boot->stack, 2);
		for (unsigned ist = 1; ist < IST_COUNT; ist++)
			expect_stack(stacks_given[i][ist], 1);
	}
	for (unsigned i = 0; i < ARENA_PAGES; i++)
		guards += ptes[i] == 0;
	assert_int_equal(guards, 4 * 4); /* and nothing else is unmapped */
	assert_int_equal(fake_cpu.invlpgs, guards);
}

/* The loader adds this much for each core; the vendor takes three pages of it (VMXON, VMCS, own).
 */
static void cores_fit_in_what_the_loader_adds(UNUSED void **state)
{
	for (unsigned cores = 1; cores <= 4; cores++) {
		assert_int_equal(make_cores(cores, ARENA_PAGES), BOOT_OK);
		assert_true((arena_used + 3 * cores) * PAGE_SIZE <= cores * HEAP_BYTES_PER_CORE);
	}
}

static void no_memory_is_told(UNUSED void **state)
{
	unsigned needed;

	assert_int_equal(make_cores(2, ARENA_PAGES), BOOT_OK);
	needed = arena_used;
	for (unsigned pages = 0; pages < needed; pages++)
		assert_int_equal(make_cores(2, pages), BOOT_NO_MEMORY);
	assert_int_equal(make_cores(2, needed), BOOT_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(resets_as_after_power_on, setup),
		cmocka_unit_test_setup(resets_as_after_init, setup),
		cmocka_unit_test_setup(resets_cr0, setup),
		cmocka_unit_test_setup(takes_the_signature_from_cpuid, setup),
		cmocka_unit_test_setup(init_waits_for_sipi, setup),
		cmocka_unit_test_setup(init_of_the_boot_core_does_not_wait, setup),
		cmocka_unit_test_setup(sipi_starts_the_core, setup),
		cmocka_unit_test_setup(triple_fault_resets_the_machine, setup),
		cmocka_unit_test_setup(the_guest_is_the_core_as_it_was, setup),
		cmocka_unit_test_setup(takes_other_descriptors_too, setup),
		cmocka_unit_test_setup(life_in_order, setup),
		cmocka_unit_test_setup(a_core_that_cannot_is_left_alone, setup),
		cmocka_unit_test_setup(an_unstable_tsc_is_warned_of_once, setup),
		cmocka_unit_test_setup(a_core_is_given_back_as_the_guest_left_it, setup),
		cmocka_unit_test_setup(cores_have_stacks_with_guards, setup),
		cmocka_unit_test_setup(cores_fit_in_what_the_loader_adds, setup),
		cmocka_unit_test_setup(no_memory_is_told, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
