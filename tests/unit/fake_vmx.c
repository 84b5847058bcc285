#include "tests/unit/fake_vmx.h"
#include "arch/x86/cpu.h"
#include "arch/x86/regs.h"
#include "arch/x86/apic.h"
#include "arch/x86/vmx/exits.h"
#include "arch/x86/vmx/insn.h"
#include "arch/x86/window.h"
#include "hv/cpuid.h"
#include "hv/heap.h"
#include "hv/memory.h"
#include "hv/msr.h"
#include "hv/reset.h"
#include "hv/vcpu_life.h"

#include <string.h>

#define ARENA_PAGES 512u

struct fake_vmx fake_vmx;
struct vm fake_vmx_vm;
struct vcpu fake_vmx_vcpu;
_Alignas(4096) uint64_t fake_guest_page[512];

static _Alignas(4096) uint8_t arena[ARENA_PAGES * 4096];
static size_t arena_used;
static struct boot_info info;
static struct boot_core boot;
static _Alignas(4096) struct run_page run;
static struct cpu cpu;
static jmp_buf abandoned;

/* --- Memory --- */

void *pages_alloc(size_t count)
{
	void *p = &arena[arena_used * PAGE_SIZE];

	assert_true(arena_used + count <= ARENA_PAGES);
	arena_used += count;
	return memset(p, 0, count * PAGE_SIZE);
}

void *page_alloc(void)
{
	return pages_alloc(1);
}

void page_free(UNUSED void *page)
{
}

hpa_t virt_to_phys(const void *va)
{
	return FAKE_REGION_BASE + (uint64_t)((const uint8_t *)va - arena);
}

void *phys_to_virt(hpa_t pa)
{
	assert_true(pa - FAKE_REGION_BASE < sizeof(arena));
	return &arena[pa - FAKE_REGION_BASE];
}

void *window_map(unsigned self, enum window window, hpa_t pa)
{
	assert_int_equal(self, fake_vmx_vcpu.index);
	assert_int_equal(window, WINDOW_GUEST);
	return (uint8_t *)fake_guest_page + pa % PAGE_SIZE;
}

void window_unmap(UNUSED unsigned self, UNUSED enum window window)
{
}

/* --- VMX --- */

/* SDM 3C 23.7, 23.8 and 30.3, "VMXON": what makes it fault or fail. */
bool vmxon(hpa_t region)
{
	const uint32_t *revision = phys_to_virt(region);

	fake_vmx.vmxons++;
	assert_false(fake_vmx.on);
	assert_int_equal(fake_cpu.cr4 & CR4_VMXE, CR4_VMXE);
	assert_int_equal(~fake_cpu.cr0 & fake_msr(0x486)->value, 0);
	assert_int_equal(fake_cpu.cr0 & ~fake_msr(0x487)->value, 0);
	assert_int_equal(~fake_cpu.cr4 & fake_msr(0x488)->value, 0);
	assert_int_equal(fake_cpu.cr4 & ~fake_msr(0x489)->value, 0);
	assert_int_equal(fake_msr(0x3a)->value & 5, 5);
	assert_int_equal(region % PAGE_SIZE, 0);
	assert_int_equal(*revision, fake_msr(0x480)->value & 0x7fffffff);
	if (fake_vmx.fail_vmxon)
		return false;
	fake_vmx.on = true;
	fake_vmx.vmxon_region = region;
	return true;
}

void vmxoff(void)
{
	assert_true(fake_vmx.on);
	fake_vmx.vmxoffs++;
	fake_vmx.on = false;
	fake_vmx.current = 0;
}

bool vmclear(hpa_t region)
{
	assert_true(fake_vmx.on);
	assert_int_equal(region % PAGE_SIZE, 0);
	fake_vmx.vmclears++;
	if (region == fake_vmx.vmxon_region || fake_vmx.fail_vmclear)
		return false;
	fake_vmx.cleared = region;
	if (fake_vmx.current == region)
		fake_vmx.current = 0;
	return true;
}

bool vmptrld(hpa_t region)
{
	const uint32_t *revision = phys_to_virt(region);

	assert_true(fake_vmx.on);
	assert_int_equal(fake_vmx.cleared, region); /* its launch state is "clear" */
	fake_vmx.vmptrlds++;
	if (region == fake_vmx.vmxon_region || fake_vmx.fail_vmptrld ||
	    *revision != (fake_msr(0x480)->value & 0x7fffffff))
		return false;
	fake_vmx.current = region;
	return true;
}

bool invept(enum invept_type type, UNUSED uint64_t eptp)
{
	assert_true(fake_vmx.on);
	assert_int_equal(type, 2); /* all contexts */
	fake_vmx.invepts++;
	return true;
}

bool invvpid(enum invvpid_type type, uint16_t vpid)
{
	assert_true(fake_vmx.on);
	assert_int_equal(type, 1); /* a single context */
	assert_int_not_equal(vpid, 0);
	fake_vmx.invvpids++;
	fake_vmx.invvpid_vpid = vpid;
	return true;
}

/* --- The rest of the machine --- */

void cpu_init(UNUSED struct cpu *c, UNUSED const uint64_t stacks[IST_COUNT])
{
}

void cpu_enter(struct cpu *c)
{
	assert_ptr_equal(c, &cpu);
}

uint64_t idt_base(void)
{
	return 0xffffffff80012000;
}

void vmx_exit_entry(void)
{
}

enum vmx_launch_result vmx_launch(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, &fake_vmx_vcpu);
	assert_int_not_equal(fake_vmx.current, 0);
	fake_vmx.launches++;
	if (setjmp(abandoned))
		return VMX_LAUNCH_ABANDONED;
	if (fake_vmx.guest)
		fake_vmx.guest();
	fake_vmcs_set(INSTRUCTION_ERROR, 7);
	return VMX_LAUNCH_VMFAIL;
}

_Noreturn void vmx_abandon_launch(UNUSED struct vcpu *vcpu)
{
	longjmp(abandoned, 1);
}

_Noreturn void reset_machine(void)
{
	panic("the machine is reset");
}

void apic_send_nmi(UNUSED unsigned self, UNUSED uint32_t apic_id)
{
	fail_msg("there is no other core");
}

/* --- The state --- */

static void able_processor(void)
{
	fake_cpuid_set(0, 0, (struct cpuid){ 0x16, 0x756e6547, 0x6c65746e, 0x49656e69 });
	fake_cpuid_set(1, 0, (struct cpuid){ 0x306c3, 0, 0x7ffafbbf, 0xbfebfbff });
	fake_cpuid_set(7, 0, (struct cpuid){ 0, 0xffffffff, 0xffffffff, 0xffffffff });
	fake_cpuid_set(0x80000000, 0, (struct cpuid){ .eax = 0x80000008 });
	fake_cpuid_set(0x80000007, 0, (struct cpuid){ .edx = 1 << 8 });
	fake_cpuid_set(0x80000008, 0, (struct cpuid){ .eax = 0x3000 | FAKE_MAXPHYADDR });
	fake_msr_set(0x3a, 0x5);
	fake_msr_set(0x480, 0x00d8100000000012);
	fake_msr_set(0x485, 0x00000000300441e5); /* PT in VMX, all activity states */
	fake_msr_set(0x486, 0x80000021);
	fake_msr_set(0x487, 0xffffffff);
	fake_msr_set(0x488, 0x2000);
	fake_msr_set(0x489, 0x00ff67ff & ~0x1000ull);
	fake_msr_set(0x48b, 0xffffffffull << 32);
	fake_msr_set(0x48c, 0x00000f0106734141);
	fake_msr_set(0x48d, 0x000000ff00000016);
	fake_msr_set(0x48e, 0xfff9fffe04006172);
	fake_msr_set(0x48f, 0x01ffffff00036dfb);
	fake_msr_set(0x490, 0x0003ffff000011fb);
	/* MTRRs: none but the default, WB. */
	fake_msr_set(0xfe, 0x500);
	fake_msr_set(0x2ff, 0x806);
}

/* 64-bit mode, with the segments and tables of EDK II. */
static void firmware(void)
{
	static const uint64_t gdt[] = {
		[6] = 0x00cf93000000ffff,
		[7] = 0x00af9b000000ffff,
	};
	struct gate_state *g = &boot.gate;

	memset(fake_guest_page, 0, sizeof(fake_guest_page));
	memcpy(fake_guest_page, gdt, sizeof(gdt));
	*g = (struct gate_state){
		.rsp = 0x7e000,
		.cr0 = 0x80010013, /* NE = 0, as some firmware has it */
		.cr3 = 0x7f801000,
		.cr4 = 0x668,
		.efer = 0xd00,
		.guest_rip = 0x3d0123,
		.gdtr = { 0x47, FAKE_GDT },
		.idtr = { 0xfff, 0x7f5e2000 },
		.cs = 0x38,
		.ss = 0x30,
		.ds = 0x30,
		.es = 0x30,
		.fs = 0x30,
		.gs = 0x30,
	};
	/* While the gate calls the kernel. */
	fake_cpu.cr0 = g->cr0;
	fake_cpu.cr3 = FAKE_REGION_BASE + 0x1000;
	fake_cpu.cr4 = g->cr4;
	fake_cpu.dr[6] = 0xffff0ff0;
	fake_cpu.dr[7] = 0x400;
	fake_msr_set(0x1b, boot.apic_id ? 0xfee00800 : 0xfee00900);
	fake_msr_set(0x174, 0);
	fake_msr_set(0x175, 0);
	fake_msr_set(0x176, 0);
	fake_msr_set(0x1d9, 0);
	fake_msr_set(0x277, 0x0007040600070406);
	fake_msr_set(0xc0000080, 0xd00);
}

void fake_vmx_reset(unsigned index)
{
	fake_cpu_reset();
	fake_log_reset();
	fake_vmcs_reset();
	memset(&fake_vmx, 0, sizeof(fake_vmx));
	memset(&fake_vmx_vm, 0, sizeof(fake_vmx_vm));
	memset(&fake_vmx_vcpu, 0, sizeof(fake_vmx_vcpu));
	memset(&info, 0, sizeof(info));
	memset(&boot, 0, sizeof(boot));
	memset(&run, 0, sizeof(run));
	arena_used = 0;
	boot.apic_id = index * 2;
	able_processor();
	firmware();

	info.region_base = FAKE_REGION_BASE;
	info.region_size = FAKE_REGION_SIZE;
	info.ram_top = 0x100000000;
	fake_vmx_vm.ops = &vmx_ops;
	fake_vmx_vm.info = &info;
	fake_vmx_vm.vcpus = &fake_vmx_vcpu;
	fake_vmx_vm.core_count = 1;
	fake_vmx_vm.maxphyaddr = FAKE_MAXPHYADDR;
	fake_vmx_vm.mtrrs.supported = true;
	fake_vmx_vm.mtrrs.def_type = 0x806;
	fake_vmx_vm.mtrrs.maxphyaddr = FAKE_MAXPHYADDR;
	fake_vmx_vcpu.vm = &fake_vmx_vm;
	fake_vmx_vcpu.index = index;
	fake_vmx_vcpu.run = &run;
	fake_vmx_vcpu.boot = &boot;
	fake_vmx_vcpu.cpu = &cpu;
}

enum boot_status fake_vmx_start(void (*guest)(void))
{
	fake_vmx.guest = guest;
	assert_int_equal(vmx_ops.vm_create(&fake_vmx_vm), 0);
	assert_int_equal(memory_create(&fake_vmx_vm), 0);
	cpuid_init(&fake_vmx_vm);
	msr_init(&fake_vmx_vm);
	return vcpu_start(&fake_vmx_vcpu);
}

void fake_vmx_exit(uint32_t reason)
{
	fake_vmcs_set(EXIT_REASON, reason);
	assert_ptr_equal(vmx_handle_exit(&fake_vmx_vcpu), &fake_vmx_vcpu);
}

void expect_entry_possible(void)
{
	fake_log_reset();
	if (vmx_report_broken_rules(&fake_vmx_vcpu))
		fail_msg("an entry would fail:\n%s", fake_log);
}
