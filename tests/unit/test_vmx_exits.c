/*
 * Exits from end to end: the fields of the VMCS as the processor leaves them go in, and what the
 * next entry will do comes out. arch/x86/vmx/exception.c and decode.c with the kernel behind them.
 */
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/regs.h"
#include "hv/hypercall.h"
#include "tests/unit/fake_vmx.h"

#include <string.h>

#define RIP        0x71234567ull /* good in every mode */
#define BIT_31     0x80000000u
#define ERROR_CODE 0x800u
#define UNBLOCKED  0x1000u

enum {
	NO_EVENT = 0
};

static struct vcpu *const vcpu = &fake_vmx_vcpu;
static const struct virt_ops *const ops = &vmx_ops;
static unsigned entered;

static int setup(UNUSED void **state)
{
	fake_vmx_reset(0);
	entered = 0;
	return 0;
}

static int teardown(UNUSED void **state)
{
	return entered ? 0 : -1; /* a guest that never ran has tested nothing */
}

/* The guest at RIP, nothing blocked or pending; an exit without anything special. */
static void quiet(void)
{
	entered++;
	fake_vmcs_set(GUEST_RIP, RIP);
	fake_vmcs_set(GUEST_RFLAGS, 0x202);
	fake_vmcs_set(GUEST_INTERRUPTIBILITY, 0);
	fake_vmcs_set(GUEST_PENDING_DEBUG, 0);
	fake_vmcs_set(GUEST_ACTIVITY_STATE, 0);
	fake_vmcs_set(ENTRY_INTERRUPTION_INFO, 0);
	fake_vmcs_set(EXIT_QUALIFICATION, 0);
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0);
	fake_vmcs_set(EXIT_INTERRUPTION_ERROR_CODE, 0);
	fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, 0);
	fake_vmcs_set(IDT_VECTORING_INFO, 0);
	fake_vmcs_set(IDT_VECTORING_ERROR_CODE, 0);
	fake_cpu.cr2 = fake_cpu.dr[6] = 0;
}

/* The next entry delivers this and RIP is where the event finds it. */
static void expect_event(uint32_t info)
{
	assert_int_equal(fake_vmcs_get(ENTRY_INTERRUPTION_INFO), info);
	assert_int_equal(fake_vmcs_get(GUEST_RIP), RIP);
}

/* --- Exceptions --- */

static void exceptions(void)
{
	/* As the hardware delivers it: type, vector, error code, instruction length. */
	static const struct {
		uint32_t info, error_code, length;
	} rows[] = {
		{ 0x80000306, 0, 0 },      /* #UD */
		{ 0x80000b0d, 0x1230, 0 }, /* #GP(selector) */
		{ 0x80000b11, 0, 0 },      /* #AC(0) */
		{ 0x80000312, 0, 0 },      /* #MC */
		{ 0x80000603, 0, 1 },      /* INT3 */
		{ 0x80000604, 0, 1 },      /* INTO */
		{ 0x80000501, 0, 1 },      /* INT1 */
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		quiet();
		fake_vmcs_set(EXIT_INTERRUPTION_INFO, rows[i].info);
		fake_vmcs_set(EXIT_INTERRUPTION_ERROR_CODE, rows[i].error_code);
		fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, rows[i].length);
		fake_vmx_exit(0);
		expect_event(rows[i].info);
		if (rows[i].info & ERROR_CODE)
			assert_int_equal(fake_vmcs_get(ENTRY_EXCEPTION_ERROR_CODE),
					 rows[i].error_code);
		if (rows[i].length)
			assert_int_equal(fake_vmcs_get(ENTRY_INSTRUCTION_LENGTH), rows[i].length);
		assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 0);
		assert_int_equal(vcpu->run->rip, RIP);
		expect_entry_possible();
	}
	/* #PF and #DB take their address and their bits from the qualification. */
	quiet();
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000b0e);
	fake_vmcs_set(EXIT_INTERRUPTION_ERROR_CODE, 0xb);
	fake_vmcs_set(EXIT_QUALIFICATION, 0x7fff12345678);
	fake_vmx_exit(0);
	expect_event(0x80000b0e);
	assert_int_equal(fake_vmcs_get(ENTRY_EXCEPTION_ERROR_CODE), 0xb);
	assert_int_equal(fake_cpu.cr2, 0x7fff12345678);
	assert_int_equal(vcpu->run->qualification, 0x7fff12345678);
	quiet();
	fake_cpu.dr[6] = 0xffff0ff0;
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000301);
	fake_vmcs_set(EXIT_QUALIFICATION, 0x4002);
	fake_vmx_exit(0);
	expect_event(0x80000301);
	assert_int_equal(fake_cpu.dr[6], 0xffff4ff2);
}

static void exceptions_go_back_as_they_came(UNUSED void **state)
{
	fake_vmx_start(exceptions);
}

/* SDM 3C 27.2.3: an IRET that faults has unblocked NMIs, and must find them blocked when it is run
 * again. Undefined for #DF, and when an event was being delivered. */
static void iret_faults(void)
{
	quiet();
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000b0d | UNBLOCKED);
	fake_vmx_exit(0);
	expect_event(0x80000b0d);
	assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 8);

	quiet();
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000b08 | UNBLOCKED);
	fake_vmx_exit(0);
	assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 0);

	quiet();
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000b0d | UNBLOCKED);
	fake_vmcs_set(IDT_VECTORING_INFO, 0x80000080 | 4 << 8);
	fake_vmx_exit(0);
	assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 0);

	quiet();
	fake_vmcs_set(EXIT_QUALIFICATION, 0x181 | UNBLOCKED);
	fake_vmcs_set(GUEST_PHYSICAL_ADDRESS, 0x5000000000);
	fake_vmx_exit(48);
	assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 8);

	quiet();
	fake_vmcs_set(EXIT_QUALIFICATION, 0x181 | UNBLOCKED);
	fake_vmcs_set(IDT_VECTORING_INFO, 0x80000b0e);
	fake_vmx_exit(48);
	assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 0);
}

static void a_fault_of_iret_blocks_nmis_again(UNUSED void **state)
{
	fake_vmx_start(iret_faults);
}

/* --- Exits while an event is being delivered --- */

/* Whatever was on its way goes first, as it was (SDM 3C 27.2.4). */
static void violations_while_delivering(void)
{
	static const uint32_t infos[] = {
		0x800000ef,             /* an interrupt */
		0x80000202,             /* an NMI */
		0x80000306,             /* exceptions, with and without an error code */
		0x80000b0e, 0x80000480, /* INT n, INT1, INT3: with a length */
		0x80000501, 0x80000603,
	};

	for (size_t i = 0; i < array_size(infos); i++)
		for (unsigned blocked = 0; blocked < 2; blocked++) {
			quiet();
			fake_vmcs_set(GUEST_INTERRUPTIBILITY, blocked ? 8 : 0);
			fake_vmcs_set(IDT_VECTORING_INFO, infos[i]);
			fake_vmcs_set(IDT_VECTORING_ERROR_CODE, 0xe000 + i);
			fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, 1 + i);
			fake_vmcs_set(EXIT_QUALIFICATION, 0x182);
			fake_vmcs_set(GUEST_PHYSICAL_ADDRESS, 0x5000000000 + i * 0x40000000);
			fake_vmx_exit(48);
			expect_event(infos[i]);
			if (infos[i] & ERROR_CODE)
				assert_int_equal(fake_vmcs_get(ENTRY_EXCEPTION_ERROR_CODE),
						 0xe000 + i);
			if ((infos[i] >> 8 & 7) >= 4)
				assert_int_equal(fake_vmcs_get(ENTRY_INSTRUCTION_LENGTH), 1 + i);
			/* An NMI that is delivered again may not be blocked by its own delivery. */
			assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY),
					 blocked && infos[i] != 0x80000202 ? 8 : 0);
			expect_entry_possible();
		}
	/* Nothing was: nothing is. */
	quiet();
	fake_vmcs_set(IDT_VECTORING_INFO, 0x7ffffb0e);
	fake_vmcs_set(EXIT_QUALIFICATION, 0x181);
	fake_vmcs_set(GUEST_PHYSICAL_ADDRESS, 0x6000000000);
	fake_vmx_exit(48);
	expect_event(NO_EVENT);
	assert_false(vcpu->run->vectoring.valid);
}

static void an_event_being_delivered_is_not_lost(UNUSED void **state)
{
	fake_vmx_start(violations_while_delivering);
}

static void exceptions_while_delivering(void)
{
	/* #GP while delivering #NP: #DF(0) */
	quiet();
	fake_vmcs_set(IDT_VECTORING_INFO, 0x80000b0b);
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000b0d);
	fake_vmcs_set(EXIT_INTERRUPTION_ERROR_CODE, 0x50);
	fake_vmx_exit(0);
	expect_event(0x80000b08);
	assert_int_equal(fake_vmcs_get(ENTRY_EXCEPTION_ERROR_CODE), 0);
	/* #AC while delivering an interrupt: the #AC, and the interrupt is lost as on hardware. */
	quiet();
	fake_vmcs_set(IDT_VECTORING_INFO, 0x800000ef);
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000b11);
	fake_vmx_exit(0);
	expect_event(0x80000b11);
	/*
	 * A fault while delivering an NMI takes its place, but the delivery has begun to block
	 * NMIs, and only the IRET of whoever handles the fault ends that.
	 */
	quiet();
	fake_vmcs_set(GUEST_INTERRUPTIBILITY, 8);
	fake_vmcs_set(IDT_VECTORING_INFO, 0x80000202);
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000b0e);
	fake_vmx_exit(0);
	expect_event(0x80000b0e);
	assert_int_equal(fake_vmcs_get(GUEST_INTERRUPTIBILITY), 8);
	expect_entry_possible();
}

static void an_exception_in_delivery_takes_its_place(UNUSED void **state)
{
	fake_vmx_start(exceptions_while_delivering);
}

static void fault_in_double_fault(void)
{
	fake_vmx_exit(0);
}

static void third_fault(void)
{
	quiet();
	fake_vmcs_set(IDT_VECTORING_INFO, 0x80000b08);
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000b0d);
	expect_panic(fault_in_double_fault, "the machine is reset");
	assert_non_null(strstr(fake_log, "core 0: triple fault at RIP 0x71234567"));
}

static void a_third_fault_resets_the_machine(UNUSED void **state)
{
	fake_vmx_start(third_fault);
}

/* --- NMIs --- */

static void nmis(void)
{
	quiet();
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000202);
	fake_vmx_exit(0);
	expect_event(0x80000202);
	quiet();
	fake_vmcs_set(GUEST_INTERRUPTIBILITY, 8);
	fake_vmcs_set(EXIT_INTERRUPTION_INFO, 0x80000202);
	fake_vmx_exit(0);
	expect_event(NO_EVENT);
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS) >> 22 & 1, 1);
	fake_vmcs_set(GUEST_INTERRUPTIBILITY, 0);
	fake_vmx_exit(8);
	expect_event(0x80000202);
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS) >> 22 & 1, 0);
}

static void nmis_are_delivered(UNUSED void **state)
{
	fake_vmx_start(nmis);
}

/* --- Control registers --- */

/* MOV to CR0 or CR4 from a register (SDM 3C table 27-3), of three bytes. */
static void mov_to_cr(unsigned cr, unsigned reg, uint64_t value)
{
	quiet();
	memset(vcpu->regs, 0x11, sizeof(vcpu->regs));
	fake_vmcs_set(GUEST_RSP, 0x1111111111111111);
	if (reg == RSP)
		fake_vmcs_set(GUEST_RSP, value);
	else
		vcpu->regs[reg] = value;
	fake_vmcs_set(EXIT_QUALIFICATION, cr | reg << 8);
	fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, 3);
	fake_vmx_exit(28);
}

static void from_every_register(void)
{
	for (unsigned reg = 0; reg < 16; reg++) {
		ops->write_reg(vcpu, REG_CR0, 0x80010013);
		mov_to_cr(0, reg, 0x80050033);
		assert_int_equal(fake_vmcs_get(GUEST_RIP), RIP + 3);
		assert_int_equal(ops->read_reg(vcpu, REG_CR0), 0x80050033);
		assert_int_equal(fake_vmcs_get(CR0_READ_SHADOW), 0x80050033);
		mov_to_cr(4, reg, 0x2668); /* VMXE */
		expect_event(0x80000b0d);
	}
	/* In 64-bit mode all of the register counts. */
	mov_to_cr(0, RAX, 0x100000000 | 0x80050013);
	expect_event(0x80000b0d);
	/* Compatibility mode: the upper half is not there. */
	fake_vmcs_set(GUEST_CS_ACCESS_RIGHTS, 0xc09b);
	mov_to_cr(0, RAX, 0x100000000 | 0x80050013);
	assert_int_equal(fake_vmcs_get(GUEST_RIP), RIP + 3);
	assert_int_equal(ops->read_reg(vcpu, REG_CR0), 0x80050013);
}

static void control_registers_are_written_from_any_register(UNUSED void **state)
{
	fake_vmx_start(from_every_register);
}

/* VM entry does not load CD and NW (SDM 3C 26.3.2.1): they must be in force all the same. */
static void cache_bits(void)
{
	static const uint64_t values[] = { 0xc0050033, 0xe0050013, 0x80050033, 0xc0050013,
					   0x80050033 };

	fake_cpu.cr0 = 0x80010033; /* the host's, with the guest's CD and NW */
	for (size_t i = 0; i < array_size(values); i++) {
		mov_to_cr(0, RCX, values[i]);
		assert_int_equal(fake_vmcs_get(GUEST_RIP), RIP + 3);
		assert_int_equal(fake_cpu.cr0, 0x80010033 | (values[i] & 0x60000000));
	}
	/* Not those of a value that is refused. */
	mov_to_cr(0, RCX, 0xa0050033);
	expect_event(0x80000b0d);
	assert_int_equal(fake_cpu.cr0, 0x80010033);
}

static void caches_are_on_and_off_as_the_guest_says(UNUSED void **state)
{
	fake_vmx_start(cache_bits);
}

/* A guest that goes from 64-bit mode to real mode and back, each step a MOV to CR0 that exits. */
static void through_the_modes(void)
{
	uint32_t entry = (uint32_t)fake_vmcs_get(ENTRY_CONTROLS);

	assert_int_equal(entry & 0x200, 0x200);
	fake_vmcs_set(GUEST_CS_ACCESS_RIGHTS, 0xc09b); /* compatibility mode */
	mov_to_cr(0, RAX, 0x00010033);
	assert_int_equal(fake_vmcs_get(ENTRY_CONTROLS), entry & ~0x200u);
	assert_int_equal(fake_vmcs_get(GUEST_EFER), 0x900);
	expect_entry_possible();
	/* Without PE segments are those of real mode for the checks' sake; flat ones stay unreal.
	 */
	ops->write_reg(vcpu, REG_CR4, 0);
	mov_to_cr(0, RAX, 0x00010012);
	assert_int_equal(ops->read_reg(vcpu, REG_CR0), 0x00010012);
	expect_entry_possible();
	ops->write_reg(vcpu, REG_CR4, 0x20);
	mov_to_cr(0, RAX, 0x00010033);
	expect_entry_possible();
	mov_to_cr(0, RAX, 0x80010013);
	assert_int_equal(fake_vmcs_get(GUEST_EFER), 0xd00);
	assert_int_equal(fake_vmcs_get(ENTRY_CONTROLS), entry);
	expect_entry_possible();
	/* To PAE paging: the PDPTEs go into the VMCS. */
	mov_to_cr(0, RAX, 0x00010033);
	ops->write_reg(vcpu, REG_EFER, 0x800);
	fake_vmcs_set(GUEST_CR3, 0x1000);
	memset(fake_guest_page, 0, sizeof(fake_guest_page));
	fake_guest_page[0] = 0x2001;
	fake_guest_page[3] = 0x3001;
	mov_to_cr(0, RAX, 0x80010013);
	assert_int_equal(fake_vmcs_get(GUEST_PDPTE0), 0x2001);
	assert_int_equal(fake_vmcs_get(GUEST_PDPTE3), 0x3001);
	assert_int_equal(fake_vmcs_get(ENTRY_CONTROLS), entry & ~0x200u);
	expect_entry_possible();
}

static void modes_break_no_rule(UNUSED void **state)
{
	fake_vmx_start(through_the_modes);
}

/* From any legal state any value: refused or carried out, the next entry is possible. */
static void random_modes(void)
{
	struct rng rng = { .state = 0xc0de };
	unsigned refused = 0, real = 0;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t value = rng_next(&rng) & 0xe005003f;
		uint64_t now = ops->read_reg(vcpu, REG_CR0);

		if (!(now & CR0_PG)) {
			/* What a guest without paging may do without an exit. */
			ops->write_reg(vcpu, REG_EFER, rng_below(&rng, 2) ? 0x100 : 0);
			ops->write_reg(vcpu, REG_CR4, rng_below(&rng, 2) ? 0x20 : 0);
			fake_vmcs_set(GUEST_TR_ACCESS_RIGHTS, rng_below(&rng, 4) ? 0x8b : 0x83);
			fake_vmcs_set(GUEST_CR3,
				      rng_next(&rng) & (BIT(FAKE_MAXPHYADDR) - 1) & ~0xfffull);
			memset(fake_guest_page, 0, sizeof(fake_guest_page));
			fake_guest_page[rng_below(&rng, 4)] = rng_next(&rng) >> rng_below(&rng, 64);
		}
		fake_vmcs_set(GUEST_CS_ACCESS_RIGHTS, rng_below(&rng, 4) ? 0xc09b : 0xa09b);
		mov_to_cr(0, RBX, value);
		if (fake_vmcs_get(GUEST_RIP) == RIP) {
			/* In real mode exceptions have no error code (SDM 3A 6.13). */
			expect_event(now & CR0_PE ? 0x80000b0d : 0x8000030d);
			assert_int_equal(ops->read_reg(vcpu, REG_CR0), now);
			refused++;
			real += !(now & CR0_PE);
		} else {
			assert_int_equal(ops->read_reg(vcpu, REG_CR0), value | 0x10);
		}
		expect_entry_possible();
	}
	assert_in_range(refused, 1000, 19000);
	assert_true(real > 1000);
}

static void no_value_of_cr0_makes_an_entry_fail(UNUSED void **state)
{
	fake_vmx_start(random_modes);
}

static void cr_access(void)
{
	fake_vmx_exit(28);
}

/* CLTS, LMSW, MOV from CR, and MOV to CR3 and CR8: the masks and controls do not let them exit. */
static void impossible_accesses(void)
{
	static const uint64_t qualifications[] = { 0x010, 0x020, 0x030,   0x003,
						   0x008, 0x014, 0x110013 };

	for (size_t i = 0; i < array_size(qualifications); i++) {
		quiet();
		fake_vmcs_set(EXIT_QUALIFICATION, qualifications[i]);
		expect_panic(cr_access, "impossible control register access: qualification ");
	}
}

static void other_accesses_are_the_end(UNUSED void **state)
{
	fake_vmx_start(impossible_accesses);
}

/* --- Memory --- */

static void violations(void)
{
	/* A device far above RAM is mapped when it is touched. */
	quiet();
	fake_vmcs_set(EXIT_QUALIFICATION, 0x181);
	fake_vmcs_set(GUEST_PHYSICAL_ADDRESS, 0x4012345678);
	fake_vmx.invepts = 0;
	fake_vmx_exit(48);
	expect_event(NO_EVENT);
	assert_int_equal(vcpu->run->guest_physical, 0x4012345678);
	assert_int_equal(vcpu->run->rip, RIP);
	assert_int_equal(fake_vmx.invepts, 1);
	assert_false(vcpu->decoy);

	/* plinth's own memory: one instruction in the other view, then back. */
	quiet();
	fake_vmcs_set(EXIT_QUALIFICATION, 0x182);
	fake_vmcs_set(GUEST_PHYSICAL_ADDRESS, FAKE_REGION_BASE + 0x1238);
	fake_vmx_exit(48);
	assert_true(vcpu->decoy);
	assert_int_equal(fake_vmcs_get(EPT_POINTER),
			 ept_pointer(&vmx_vm_of(&fake_vmx_vm)->ept[VIEW_DECOY]));
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS) >> 27 & 1, 1);
	assert_int_equal(fake_vmx_vm.touches, 1);
	assert_non_null(strstr(fake_log, "write to 0x3e001238 at RIP 0x71234567"));
	expect_entry_possible();
	quiet();
	fake_vmx_exit(37);
	assert_false(vcpu->decoy);
	assert_int_equal(fake_vmcs_get(EPT_POINTER),
			 ept_pointer(&vmx_vm_of(&fake_vmx_vm)->ept[VIEW_GUEST]));
	assert_int_equal(fake_vmcs_get(PROC_CONTROLS) >> 27 & 1, 0);
	expect_event(NO_EVENT);
	expect_entry_possible();
}

static void memory_comes_when_it_is_touched(UNUSED void **state)
{
	fake_vmx_start(violations);
}

static void violation(void)
{
	fake_vmx_exit(48);
}

static void misconfiguration(void)
{
	fake_vmx_exit(49);
}

static void impossible_violations(void)
{
	quiet();
	fake_vmcs_set(EXIT_QUALIFICATION, 0x181);
	fake_vmcs_set(GUEST_PHYSICAL_ADDRESS, 1ull << FAKE_MAXPHYADDR);
	expect_panic(violation,
		     "EPT violation at guest-physical 0x8000000000, qualification 0x181");
	quiet();
	fake_vmcs_set(GUEST_PHYSICAL_ADDRESS, FAKE_REGION_BASE);
	expect_panic(misconfiguration, "EPT misconfiguration at guest-physical 0x3e000000: level ");
}

static void what_cannot_be_mapped_is_the_end(UNUSED void **state)
{
	fake_vmx_start(impossible_violations);
}

/* --- Entries that fail --- */

static void first_entry_fails(void)
{
	entered++;
	fake_vmcs_set(EXIT_QUALIFICATION, 4);
	fake_vmx_exit(0x80000021);
	fail_msg("goes on after an entry that failed");
}

/* SDM 3C 26.8: the first one is undone, and the machine goes on without plinth. */
static void a_first_entry_that_fails_is_undone(UNUSED void **state)
{
	assert_int_equal(fake_vmx_start(first_entry_fails), BOOT_VIRT_FAILED);
	assert_non_null(strstr(fake_log, "core 0: VM entry failed: INVALID_GUEST_STATE, "
					 "qualification 0x4\n"));
	assert_null(strstr(fake_log, "VMLAUNCH failed"));
	assert_false(fake_vmx.on);
}

static void fail_entry(void)
{
	fake_vmx_exit(0x80000021);
}

static void later_entry_fails(void)
{
	quiet();
	fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, 2);
	fake_vmx_exit(10);
	quiet();
	expect_panic(fail_entry, "VM entry failed: INVALID_GUEST_STATE, qualification 0");
}

static void a_later_one_is_the_end(UNUSED void **state)
{
	fake_vmx_start(later_entry_fails);
}

/* --- Instructions --- */

/* REASON, of LENGTH bytes, is carried out: no event, RIP behind it. */
static void expect_done(uint32_t reason, uint32_t length)
{
	fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, length);
	fake_vmx_exit(reason);
	assert_int_equal(fake_vmcs_get(ENTRY_INTERRUPTION_INFO), 0);
	assert_int_equal(fake_vmcs_get(GUEST_RIP), RIP + length);
}

static void instructions(void)
{
	static const uint8_t undefined[] = {
		11, 19, 20, 21, 22, 23, 24, 25, 26, 27, 50, 53, 76, 77
	};

	quiet();
	vcpu->regs[RAX] = 1;
	vcpu->regs[RCX] = 0;
	expect_done(10, 2);
	assert_int_equal(vcpu->regs[RAX], 0x306c3);
	assert_int_equal(vcpu->regs[RCX] & 0x60, 0);

	for (size_t i = 0; i < array_size(undefined); i++) {
		quiet();
		fake_vmcs_set(EXIT_INSTRUCTION_LENGTH, 3);
		fake_vmx_exit(undefined[i]);
		expect_event(0x80000306);
	}

	quiet();
	fake_cpu.wbinvds = 0;
	expect_done(13, 2); /* INVD, which must not lose what the caches hold */
	assert_int_equal(fake_cpu.wbinvds, 1);

	quiet();
	vcpu->regs[RCX] = 0xffffffff00000000;
	vcpu->regs[RAX] = 0xffffffff00000007;
	vcpu->regs[RDX] = 0xffffffff00000001;
	expect_done(55, 3);
	assert_int_equal(fake_cpu.xsetbv_index, 0);
	assert_int_equal(fake_cpu.xsetbv_value, 0x100000007);
	quiet();
	fake_cpu.xsetbv_faults = true;
	fake_vmx_exit(55);
	expect_event(0x80000b0d);

	quiet();
	vcpu->regs[RCX] = 0x480;
	fake_vmx_exit(31);
	expect_event(0x80000b0d);
	quiet();
	vcpu->regs[RCX] = 0x79;
	expect_done(32, 2);

	quiet();
	vcpu->regs[RAX] = PLINTH_CALL(PLINTH_VENDOR);
	expect_done(18, 3);
	assert_int_equal(vcpu->regs[RBX], 0x584d56); /* "VMX" */
	quiet();
	vcpu->regs[RAX] = 0;
	fake_vmx_exit(18);
	expect_event(0x80000306);
}

static void instructions_are_carried_out_or_undefined(UNUSED void **state)
{
	fake_vmx_start(instructions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(exceptions_go_back_as_they_came, setup, teardown),
		cmocka_unit_test_setup_teardown(a_fault_of_iret_blocks_nmis_again, setup, teardown),
		cmocka_unit_test_setup_teardown(an_event_being_delivered_is_not_lost, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_exception_in_delivery_takes_its_place, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_third_fault_resets_the_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(nmis_are_delivered, setup, teardown),
		cmocka_unit_test_setup_teardown(control_registers_are_written_from_any_register,
						setup, teardown),
		cmocka_unit_test_setup_teardown(caches_are_on_and_off_as_the_guest_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(modes_break_no_rule, setup, teardown),
		cmocka_unit_test_setup_teardown(no_value_of_cr0_makes_an_entry_fail, setup,
						teardown),
		cmocka_unit_test_setup_teardown(other_accesses_are_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_comes_when_it_is_touched, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_mapped_is_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_first_entry_that_fails_is_undone, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_later_one_is_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(instructions_are_carried_out_or_undefined, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
