#include "tests/unit/fake_cpu.h"
#include "tests/unit/unit.h"

#include <string.h>

struct fake_cpu fake_cpu;

void fake_cpu_reset(void)
{
	memset(&fake_cpu, 0, sizeof(fake_cpu));
}

struct fake_msr *fake_msr(uint32_t msr)
{
	for (unsigned i = 0; i < fake_cpu.msr_count; i++)
		if (fake_cpu.msrs[i].index == msr)
			return &fake_cpu.msrs[i];
	return NULL;
}

struct fake_msr *fake_msr_set(uint32_t msr, uint64_t value)
{
	struct fake_msr *m = fake_msr(msr);

	if (!m) {
		assert_true(fake_cpu.msr_count < FAKE_MSRS);
		m = &fake_cpu.msrs[fake_cpu.msr_count++];
		memset(m, 0, sizeof(*m));
		m->index = msr;
	}
	m->value = value;
	return m;
}

static struct fake_leaf *find_leaf(uint32_t leaf, uint32_t subleaf)
{
	for (unsigned i = 0; i < fake_cpu.leaf_count; i++)
		if (fake_cpu.leaves[i].leaf == leaf && fake_cpu.leaves[i].subleaf == subleaf)
			return &fake_cpu.leaves[i];
	return NULL;
}

void fake_cpuid_set(uint32_t leaf, uint32_t subleaf, struct cpuid value)
{
	struct fake_leaf *l = find_leaf(leaf, subleaf);

	if (!l) {
		assert_true(fake_cpu.leaf_count < FAKE_LEAVES);
		l = &fake_cpu.leaves[fake_cpu.leaf_count++];
		l->leaf = leaf;
		l->subleaf = subleaf;
	}
	l->value = value;
}

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	const struct fake_leaf *l = find_leaf(leaf, subleaf);

	return l ? l->value : (struct cpuid){ 0, 0, 0, 0 };
}

uint64_t rdmsr(uint32_t msr)
{
	struct fake_msr *m = fake_msr(msr);

	if (!m) {
		fail_msg("RDMSR %#x would fault", msr);
		return 0;
	}
	m->reads++;
	return m->value;
}

void wrmsr(uint32_t msr, uint64_t value)
{
	struct fake_msr *m = fake_msr(msr);

	if (!m || m->read_only) {
		fail_msg("WRMSR %#x would fault", msr);
		return;
	}
	m->writes++;
	m->value = value;
}

bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
	if (!fake_msr(msr))
		return false;
	*value = rdmsr(msr);
	return true;
}

bool wrmsr_safe(uint32_t msr, uint64_t value)
{
	const struct fake_msr *m = fake_msr(msr);

	if (!m || m->read_only)
		return false;
	wrmsr(msr, value);
	return true;
}

bool xsetbv_safe(uint32_t index, uint64_t value)
{
	fake_cpu.xsetbvs++;
	fake_cpu.xsetbv_index = index;
	fake_cpu.xsetbv_value = value;
	return !fake_cpu.xsetbv_faults;
}

#define DEFINE_FAKE_REGISTER(name, place, counter)                                                 \
	uint64_t read_##name(void)                                                                 \
	{                                                                                          \
		return fake_cpu.place;                                                             \
	}                                                                                          \
	void write_##name(uint64_t value)                                                          \
	{                                                                                          \
		fake_cpu.place = value;                                                            \
		fake_cpu.counter++;                                                                \
	}

DEFINE_FAKE_REGISTER(cr0, cr0, cr_writes)
DEFINE_FAKE_REGISTER(cr2, cr2, cr_writes)
DEFINE_FAKE_REGISTER(cr3, cr3, cr_writes)
DEFINE_FAKE_REGISTER(cr4, cr4, cr_writes)
DEFINE_FAKE_REGISTER(dr0, dr[0], dr_writes)
DEFINE_FAKE_REGISTER(dr1, dr[1], dr_writes)
DEFINE_FAKE_REGISTER(dr2, dr[2], dr_writes)
DEFINE_FAKE_REGISTER(dr3, dr[3], dr_writes)
DEFINE_FAKE_REGISTER(dr6, dr[6], dr_writes)
DEFINE_FAKE_REGISTER(dr7, dr[7], dr_writes)

uint64_t rdtsc(void)
{
	return fake_cpu.tsc += fake_cpu.tsc_step;
}

void invlpg(UNUSED const void *va)
{
	fake_cpu.invlpgs++;
}

void wbinvd(void)
{
	fake_cpu.wbinvds++;
}

void cpu_pause(void)
{
}

void halt(void)
{
	fail_msg("the core halts for good");
}
