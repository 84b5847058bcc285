/*
 * The vCPU's life. precreate looks at the TSC; create, init and the vendor's create make a vCPU;
 * reset gives it the state after power-on; adopt then gives it the state of the core that it runs
 * on, as the loader's gate found it; run enters it.
 */
#include "hv/vcpu_life.h"
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "arch/x86/msr.h"
#include "arch/x86/regs.h"
#include "hv/debug/log.h"
#include "hv/debug/panic.h"
#include "hv/exception.h"
#include "hv/exit.h"
#include "hv/guest_memory.h"
#include "hv/heap.h"
#include "hv/kick.h"
#include "hv/reset.h"

#define STACK_PAGES     2u
#define IST_STACK_PAGES 1u

/* A stack with a page below it that is not mapped. Returns its top, 0 without memory. */
static uint64_t stack_alloc(const struct boot_info *info, unsigned pages)
{
	uint8_t *base = pages_alloc(pages + 1);
	uint64_t *ptes = (uint64_t *)(KERNEL_BASE + info->page_tables);

	if (!base)
		return 0;
	ptes[((uint64_t)base - KERNEL_BASE) / PAGE_SIZE] = 0;
	invlpg(base);
	return (uint64_t)base + (pages + 1) * PAGE_SIZE;
}

static bool cpu_alloc(struct vcpu *vcpu, const struct boot_info *info)
{
	uint64_t stacks[IST_COUNT] = { 0 };

	vcpu->cpu = pages_alloc(align_up(sizeof(struct cpu), PAGE_SIZE) / PAGE_SIZE);
	if (!vcpu->cpu)
		return false;
	for (unsigned i = IST_NONE + 1; i < IST_COUNT; i++) {
		stacks[i] = stack_alloc(info, IST_STACK_PAGES);
		if (!stacks[i])
			return false;
	}
	cpu_init(vcpu->cpu, stacks);
	vcpu->cpu->vcpu = vcpu;
	return true;
}

/* create: everything that a vCPU owns on every vendor. */
static bool vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned index)
{
	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->boot = &vm->info->cores[index];
	vcpu->run = page_alloc();
	vcpu->boot->stack = stack_alloc(vm->info, STACK_PAGES);
	return vcpu->run && vcpu->boot->stack && cpu_alloc(vcpu, vm->info);
}

enum boot_status vm_create_cores(struct vm *vm)
{
	size_t bytes = align_up(vm->info->core_count * sizeof(struct vcpu), PAGE_SIZE);

	vm->core_count = vm->info->core_count;
	vm->vcpus = pages_alloc(bytes / PAGE_SIZE);
	if (!vm->vcpus)
		return BOOT_NO_MEMORY;
	for (unsigned i = 0; i < vm->core_count; i++)
		if (!vcpu_create(&vm->vcpus[i], vm, i))
			return BOOT_NO_MEMORY;
	return BOOT_OK;
}

/* precreate: without a stable TSC the guest's clocks drift, but it runs. */
static void vcpu_precreate(void)
{
	static bool warned;

	if (warned || (cpuid(0x80000000, 0).eax >= 0x80000007 &&
		       cpuid(0x80000007, 0).edx & CPUID_80000007_EDX_INVARIANT_TSC))
		return;
	warned = true;
	log_warn("the TSC may not be stable: CPUID.80000007H:EDX has bit 8 (invariant TSC) clear");
}

static const struct segment reset_code = { 0xffff0000, 0xffff, 0x9b, 0xf000 };
static const struct segment reset_data = { 0, 0xffff, 0x93, 0 };
static const struct segment reset_ldtr = { 0, 0xffff, 0x82, 0 };
static const struct segment reset_tr = { 0, 0xffff, 0x8b, 0 };

void vcpu_reset(struct vcpu *vcpu, bool init_event)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	uint64_t kept_cr0 = init_event ? read_cr0() & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;

	for (unsigned i = 0; i < GPR_COUNT; i++)
		vcpu->regs[i] = 0;
	vcpu->regs[RDX] = cpuid(1, 0).eax;
	ops->write_reg(vcpu, REG_RIP, 0xfff0);
	ops->write_reg(vcpu, REG_RSP, 0);
	ops->write_reg(vcpu, REG_RFLAGS, RFLAGS_FIXED);
	ops->write_reg(vcpu, REG_EFER, 0);
	ops->write_reg(vcpu, REG_CR0, kept_cr0 | CR0_ET);
	ops->write_reg(vcpu, REG_CR3, 0);
	ops->write_reg(vcpu, REG_CR4, 0);
	ops->write_reg(vcpu, REG_DR7, DR7_RESET);
	ops->write_reg(vcpu, REG_PENDING_DEBUG, 0);
	write_cr2(0);
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	write_dr6(DR6_RESET);
	for (unsigned s = SEG_ES; s <= SEG_GS; s++)
		ops->write_segment(vcpu, (enum segment_name)s,
				   s == SEG_CS ? &reset_code : &reset_data);
	ops->write_segment(vcpu, SEG_LDTR, &reset_ldtr);
	ops->write_segment(vcpu, SEG_TR, &reset_tr);
	ops->write_table(vcpu, TABLE_GDTR, 0, 0xffff);
	ops->write_table(vcpu, TABLE_IDTR, 0, 0xffff);
	if (!init_event) {
		ops->write_reg(vcpu, REG_SYSENTER_CS, 0);
		ops->write_reg(vcpu, REG_SYSENTER_ESP, 0);
		ops->write_reg(vcpu, REG_SYSENTER_EIP, 0);
		ops->write_reg(vcpu, REG_DEBUGCTL, 0);
		ops->write_reg(vcpu, REG_PAT, PAT_RESET);
	}
	ops->vcpu_reset(vcpu, init_event);
	update_exception_bitmap(vcpu);
}

/* What SELECTOR names in the table at GDT, hidden part included (SDM 3A figures 3-8 and 7-4). */
static struct segment segment_of(struct vcpu *vcpu, const struct boot_table_register *gdt,
				 uint16_t selector, uint64_t base)
{
	struct segment s = { .base = base, .selector = selector, .access = SEGMENT_UNUSABLE };
	uint64_t low, high = 0;
	uint16_t offset = selector & 0xfff8;

	if (offset == 0 || offset + 7u > gdt->limit)
		return s;
	/* Firmware maps memory one to one: its linear addresses are physical ones. */
	read_guest_physical(vcpu, gdt->base + offset, &low, sizeof(low));
	s.limit = (uint32_t)((low & 0xffff) | (low >> 32 & 0xf0000));
	if (low & BIT(55)) /* G */
		s.limit = s.limit << 12 | 0xfff;
	s.access = low >> 40 & 0xf0ff;
	if (s.access & SEGMENT_S)
		return s;
	read_guest_physical(vcpu, gdt->base + offset + 8, &high, sizeof(high));
	s.base = (low >> 16 & 0xffffff) | (low >> 56 & 0xff) << 24 | high << 32;
	return s;
}

/*
 * A VMX guest must have a usable, busy TSS (SDM 3C 26.3.1.2); firmware may run without any. This
 * one is never used, since nothing there changes privilege level.
 */
static const struct segment no_tss = { 0, 0x67, 0x8b, 0 };

/* adopt: the state of this core becomes the guest's, at the gate's return. */
static void vcpu_adopt(struct vcpu *vcpu)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	const struct gate_state *g = &vcpu->boot->gate;
	struct segment tr = segment_of(vcpu, &g->gdtr, g->tr, 0);
	struct segment ldtr = segment_of(vcpu, &g->gdtr, g->ldtr, 0);
	const struct {
		enum segment_name name;
		uint16_t selector;
		uint64_t base;
	} segments[] = {
		{ SEG_ES, g->es, 0 }, { SEG_CS, g->cs, 0 },          { SEG_SS, g->ss, 0 },
		{ SEG_DS, g->ds, 0 }, { SEG_FS, g->fs, g->fs_base }, { SEG_GS, g->gs, g->gs_base },
	};

	for (size_t i = 0; i < array_size(segments); i++) {
		struct segment s =
			segment_of(vcpu, &g->gdtr, segments[i].selector, segments[i].base);

		if (!(s.access & SEGMENT_UNUSABLE))
			s.access |= BIT(0); /* accessed, as a loaded segment is */
		ops->write_segment(vcpu, segments[i].name, &s);
	}
	if (tr.access & SEGMENT_UNUSABLE)
		tr = no_tss;
	tr.access |= SEGMENT_BUSY;
	ops->write_segment(vcpu, SEG_TR, &tr);
	ops->write_segment(vcpu, SEG_LDTR, &ldtr);
	ops->write_table(vcpu, TABLE_GDTR, g->gdtr.base, g->gdtr.limit);
	ops->write_table(vcpu, TABLE_IDTR, g->idtr.base, g->idtr.limit);

	ops->write_reg(vcpu, REG_EFER, g->efer);
	ops->write_reg(vcpu, REG_CR0, g->cr0);
	ops->write_reg(vcpu, REG_CR3, g->cr3);
	ops->write_reg(vcpu, REG_CR4, g->cr4);
	ops->write_reg(vcpu, REG_RIP, g->guest_rip);
	ops->write_reg(vcpu, REG_RSP, g->rsp);
	ops->write_reg(vcpu, REG_DR7, read_dr7());
	ops->write_reg(vcpu, REG_PAT, rdmsr(IA32_PAT));
	ops->write_reg(vcpu, REG_DEBUGCTL, rdmsr(IA32_DEBUGCTL));
	ops->write_reg(vcpu, REG_SYSENTER_CS, rdmsr(IA32_SYSENTER_CS));
	ops->write_reg(vcpu, REG_SYSENTER_ESP, rdmsr(IA32_SYSENTER_ESP));
	ops->write_reg(vcpu, REG_SYSENTER_EIP, rdmsr(IA32_SYSENTER_EIP));
}

enum boot_status vcpu_start(struct vcpu *vcpu)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	uint64_t dr[5] = { read_dr0(), read_dr1(), read_dr2(), read_dr3(), read_dr6() };

	cpu_enter(vcpu->cpu);
	vcpu_precreate();
	if (ops->enable(vcpu)) {
		log_error("core %u: could not enter %s", vcpu->index, ops->operation);
		return BOOT_VIRT_FAILED;
	}
	if (ops->vcpu_create(vcpu) == 0) {
		vcpu_reset(vcpu, false);
		vcpu_adopt(vcpu);
		write_dr0(dr[0]);
		write_dr1(dr[1]);
		write_dr2(dr[2]);
		write_dr3(dr[3]);
		write_dr6(dr[4]);
		log_info("core %u (APIC id %u) enters %s", vcpu->index, vcpu->boot->apic_id,
			 ops->operation);
		vcpu->running = true;
		ops->vcpu_run(vcpu);
		vcpu->running = false;
	}
	log_error("core %u: could not enter the guest", vcpu->index);
	ops->vcpu_destroy(vcpu);
	ops->disable(vcpu);
	return BOOT_VIRT_FAILED;
}

static struct boot_table_register read_table(struct vcpu *vcpu, enum virt_table t)
{
	uint64_t base;
	uint16_t limit;

	vcpu->vm->ops->read_table(vcpu, t, &base, &limit);
	return (struct boot_table_register){ .limit = limit, .base = base };
}

_Noreturn void vcpu_leave(struct vcpu *vcpu)
{
	const struct virt_ops *ops = vcpu->vm->ops;
	struct gate_state *g = &vcpu->boot->gate;

	/* Everything that the gate's tail restores, as the guest has it now. */
	g->rsp = ops->read_reg(vcpu, REG_RSP);
	g->cr0 = ops->read_reg(vcpu, REG_CR0);
	g->cr3 = ops->read_reg(vcpu, REG_CR3);
	g->cr4 = ops->read_reg(vcpu, REG_CR4);
	g->efer = ops->read_reg(vcpu, REG_EFER);
	g->fs_base = ops->read_segment(vcpu, SEG_FS).base;
	g->gs_base = ops->read_segment(vcpu, SEG_GS).base;
	g->cs = ops->read_segment(vcpu, SEG_CS).selector;
	g->ss = ops->read_segment(vcpu, SEG_SS).selector;
	g->ds = ops->read_segment(vcpu, SEG_DS).selector;
	g->es = ops->read_segment(vcpu, SEG_ES).selector;
	g->fs = ops->read_segment(vcpu, SEG_FS).selector;
	g->gs = ops->read_segment(vcpu, SEG_GS).selector;
	g->gdtr = read_table(vcpu, TABLE_GDTR);
	g->idtr = read_table(vcpu, TABLE_IDTR);
	log_info("core %u leaves %s", vcpu->index, ops->operation);
	vcpu->running = false;
	ops->vcpu_destroy(vcpu);
	ops->disable(vcpu);
	__asm__ volatile("jmp *%[tail]" : : [tail] "r"(g->leave_rip), "D"(g), "a"(0ul) : "memory");
	__builtin_unreachable();
}

/* A triple fault shuts a processor down, and the machine answers with a reset. */
enum exit_action exit_triple_fault(struct vcpu *vcpu)
{
	log_info("core %u: triple fault at RIP %#lx, resetting the machine", vcpu->index,
		 (unsigned long)vcpu->vm->ops->read_reg(vcpu, REG_RIP));
	reset_machine();
}

/*
 * INIT (SDM 3C 25.2: it exits instead of resetting). The SIPI may be on its way already, so nothing
 * in here may take long: no log, no lock, no allocation.
 */
enum exit_action exit_init(struct vcpu *vcpu)
{
	vcpu_reset(vcpu, true);
	__atomic_store_n(&vcpu->wait_for_sipi, !(rdmsr(IA32_APIC_BASE) & APIC_BASE_BSP),
			 __ATOMIC_SEQ_CST);
	kick_answer(vcpu);
	return EXIT_RESUME;
}

/* SDM 3A 8.4.4.2: the core starts at VECTOR * 4 KiB in real mode. */
enum exit_action exit_sipi(struct vcpu *vcpu, uint8_t vector)
{
	struct segment cs = reset_code;

	__atomic_store_n(&vcpu->wait_for_sipi, false, __ATOMIC_SEQ_CST);
	kick_answer(vcpu);
	cs.selector = (uint16_t)(vector << 8);
	cs.base = (uint64_t)vector << 12;
	vcpu->vm->ops->write_segment(vcpu, SEG_CS, &cs);
	vcpu->vm->ops->write_reg(vcpu, REG_RIP, 0);
	trace_detail(vcpu->run, cs.base, vector);
	return EXIT_RESUME;
}
