/*
 * The guest's physical memory: which page is where, of what type, and what happens on a touch of
 * what is not mapped.
 */
#include "hv/memory.h"
#include "arch/x86/insn.h"
#include "arch/x86/lock.h"
#include "arch/x86/regs.h"
#include "hv/debug/log.h"
#include "hv/heap.h"
#include "hv/kick.h"
#include "hv/string.h"

#define TOUCHES_LOGGED      8 /* one by one; of more, only every power of two */
#define DECOY_BYTE          0xff

#define VIOLATIONS_IN_A_ROW 1000 /* a race with other cores takes one or two */

/*
 * Guards changes of the nested tables while other cores are in the guest. Never held while waiting
 * for another core: that core may be waiting for this.
 */
static struct spinlock tables_lock;

static gpa_t region_end(const struct vm *vm)
{
	return vm->info->region_base + vm->info->region_size;
}

static bool in_region(const struct vm *vm, gpa_t gpa)
{
	return gpa >= vm->info->region_base && gpa < region_end(vm);
}

static void fill_decoy(const struct vm *vm)
{
	memset(phys_to_virt(vm->decoy_page), DECOY_BYTE, PAGE_SIZE);
}

static int map_one_to_one(struct vm *vm, enum nested_view view, gpa_t start, gpa_t end,
			  enum memory_type type)
{
	if (start >= end)
		return 0;
	return vm->ops->map(vm, view, start, start, end - start, ACCESS_ALL, type);
}

/* Map [START, END), which is of one type, except for the part of it that is plinth's. */
static int map_around_region(struct vm *vm, enum nested_view view, gpa_t start, gpa_t end,
			     enum memory_type type)
{
	gpa_t hole = vm->info->region_base;
	gpa_t hole_end = region_end(vm);

	if (end <= hole || start >= hole_end)
		return map_one_to_one(vm, view, start, end, type);
	if (map_one_to_one(vm, view, start, hole, type))
		return -1;
	return map_one_to_one(vm, view, hole_end, end, type);
}

static int map_decoy(struct vm *vm)
{
	for (gpa_t gpa = vm->info->region_base; gpa < region_end(vm); gpa += PAGE_SIZE) {
		if (vm->ops->map(vm, VIEW_DECOY, gpa, vm->decoy_page, PAGE_SIZE, ACCESS_ALL,
				 MEMORY_WB))
			return -1;
	}
	return 0;
}

/* Map all below mapped_top in both views, which are empty. */
static int build_views(struct vm *vm)
{
	gpa_t end;

	for (gpa_t start = 0; start < vm->mapped_top; start = end) {
		enum memory_type type;

		end = mtrr_uniform(&vm->mtrrs, start, vm->mapped_top, &type);
		if (map_around_region(vm, VIEW_GUEST, start, end, type) ||
		    map_around_region(vm, VIEW_DECOY, start, end, type))
			return -1;
	}
	return map_decoy(vm);
}

static int rebuild_views(struct vm *vm)
{
	vm->ops->reset_view(vm, VIEW_GUEST);
	vm->ops->reset_view(vm, VIEW_DECOY);
	return build_views(vm);
}

int memory_create(struct vm *vm)
{
	void *page = page_alloc();
	gpa_t top = vm->info->ram_top > SIZE_4G ? vm->info->ram_top : SIZE_4G;

	if (!page)
		return -1;
	vm->decoy_page = virt_to_phys(page);
	fill_decoy(vm);
	/* Whole GiBs, so that the last of RAM may be a large page too. */
	vm->mapped_top = min_u64(align_up(top, SIZE_1G), BIT(vm->maxphyaddr));
	return build_views(vm);
}

/*
 * Map in both views what GPA, not below mapped_top, is in: the largest page of one type. No such
 * page reaches below mapped_top, which is a whole GiB.
 */
static int map_lazily(struct vm *vm, gpa_t gpa)
{
	static const uint64_t sizes[] = { SIZE_1G, SIZE_2M, PAGE_SIZE };
	enum memory_type type = MEMORY_UC;
	gpa_t start = 0;
	gpa_t end = 0;

	for (unsigned i = 0; i < array_size(sizes); i++) {
		start = align_down(gpa, sizes[i]);
		end = start + sizes[i];
		if (mtrr_uniform(&vm->mtrrs, start, end, &type) == end)
			break;
	}
	if (map_one_to_one(vm, VIEW_GUEST, start, end, type) ||
	    map_one_to_one(vm, VIEW_DECOY, start, end, type))
		return -1;
	return 0;
}

/*
 * The tables are full of what was mapped lazily: begin again with what is needed now. Another core
 * may have done so while we waited to be the only one, hence the first try.
 */
static int map_after_rebuild(struct vcpu *vcpu, gpa_t gpa)
{
	int status;

	kick_pause_others(vcpu);
	status = map_lazily(vcpu->vm, gpa);
	if (status) {
		log_info("memory: nested tables are full; rebuilding them");
		status = rebuild_views(vcpu->vm);
		if (!status)
			status = map_lazily(vcpu->vm, gpa);
	}
	kick_resume_others(vcpu, KICK_FLUSH);
	return status;
}

static const char *access_name(unsigned access)
{
	if (access & ACCESS_WRITE)
		return "write to";
	return access & ACCESS_EXECUTE ? "execution of" : "read of";
}

static void count_touch(struct vcpu *vcpu, gpa_t gpa, unsigned access)
{
	uint64_t count = __atomic_add_fetch(&vcpu->vm->touches, 1, __ATOMIC_RELAXED);

	if (count > TOUCHES_LOGGED && (count & (count - 1)))
		return;
	log_warn("core %u: touch %lu of plinth's memory: %s 0x%lx at RIP 0x%lx", vcpu->index, count,
		 access_name(access), gpa, vcpu->vm->ops->read_reg(vcpu, REG_RIP));
}

static void enter_decoy(struct vcpu *vcpu)
{
	fill_decoy(vcpu->vm);
	vcpu->vm->ops->set_view(vcpu, VIEW_DECOY);
	vcpu->vm->ops->single_step(vcpu, true);
	vcpu->decoy = true;
}

/*
 * The same violation again and again, with no other exit between, is one that mapping does not
 * cure: better an end with a report than a core that spins for ever.
 */
static bool is_stuck(struct vcpu *vcpu, gpa_t gpa)
{
	uint64_t exit = vcpu->run->exits;

	if (gpa == vcpu->violation_gpa && exit == vcpu->violation_exit + 1)
		vcpu->violations++;
	else
		vcpu->violations = 0;
	vcpu->violation_gpa = gpa;
	vcpu->violation_exit = exit;
	return vcpu->violations > VIOLATIONS_IN_A_ROW;
}

enum memory_result memory_violation(struct vcpu *vcpu, gpa_t gpa, unsigned access)
{
	struct vm *vm = vcpu->vm;
	int status = 0;

	if (in_region(vm, gpa)) {
		/* In the decoy view all of the region is there. */
		if (vcpu->decoy)
			return MEMORY_FATAL;
		count_touch(vcpu, gpa, access);
		enter_decoy(vcpu);
		return MEMORY_RESUME;
	}
	if (gpa >> vm->maxphyaddr || is_stuck(vcpu, gpa))
		return MEMORY_FATAL;

	/* Below mapped_top it is mapped already, and so may it be above: another core was first. */
	if (gpa >= vm->mapped_top) {
		spin_lock(&tables_lock);
		status = map_lazily(vm, gpa);
		spin_unlock(&tables_lock);
		if (status)
			status = map_after_rebuild(vcpu, gpa);
	}
	vm->ops->flush(vcpu);
	return status ? MEMORY_FATAL : MEMORY_RESUME;
}

void memory_step_done(struct vcpu *vcpu)
{
	vcpu->vm->ops->set_view(vcpu, VIEW_GUEST);
	vcpu->vm->ops->single_step(vcpu, false);
	vcpu->decoy = false;
	fill_decoy(vcpu->vm);
}

/*
 * SDM 3A 12.11.8: software changes MTRRs with caching off (CR0.CD) and MTRRs disabled, on all cores
 * at once, and enables them at the end. What is in force with CR0.CD set is UC whatever the tables
 * say, so the enabling write is the one to act on.
 */
static bool in_the_middle_of_changing(struct vcpu *vcpu, const struct mtrr_state *now)
{
	return now->supported && !(now->def_type & MTRR_DEF_TYPE_E) &&
	       (vcpu->vm->ops->read_reg(vcpu, REG_CR0) & CR0_CD);
}

enum memory_result memory_mtrr_written(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	struct mtrr_state now;
	int status;

	mtrr_read(&now, rdmsr, vm->maxphyaddr, vm->mtrrs.supported);
	if (in_the_middle_of_changing(vcpu, &now) || mtrr_same(&now, &vm->mtrrs))
		return MEMORY_RESUME;

	kick_pause_others(vcpu);
	vm->mtrrs = now;
	status = rebuild_views(vm);
	kick_resume_others(vcpu, KICK_FLUSH);
	vm->ops->flush(vcpu);
	if (status)
		log_error("memory: no room for the nested tables that the new MTRRs need");
	return status ? MEMORY_FATAL : MEMORY_RESUME;
}
