#include "tests/unit/fake_vendor.h"
#include "tests/unit/unit.h"

#include <string.h>

struct fake_vendor fake_vendor;
struct vm fake_vm;
struct vcpu fake_vcpu;
struct run_page fake_run;
struct boot_info fake_info;

static uint64_t fake_read_reg(UNUSED struct vcpu *vcpu, enum virt_reg reg)
{
	return fake_vendor.regs[reg];
}

static void fake_write_reg(UNUSED struct vcpu *vcpu, enum virt_reg reg, uint64_t value)
{
	fake_vendor.regs[reg] = value;
	fake_vendor.reg_writes[reg]++;
}

static struct segment fake_read_segment(UNUSED struct vcpu *vcpu, enum segment_name name)
{
	return fake_vendor.segments[name];
}

static void fake_write_segment(UNUSED struct vcpu *vcpu, enum segment_name name,
			       const struct segment *s)
{
	fake_vendor.segments[name] = *s;
	fake_vendor.segment_writes[name]++;
}

static void fake_read_table(UNUSED struct vcpu *vcpu, enum virt_table t, uint64_t *base,
			    uint16_t *limit)
{
	*base = fake_vendor.tables[t].base;
	*limit = fake_vendor.tables[t].limit;
}

static void fake_write_table(UNUSED struct vcpu *vcpu, enum virt_table t, uint64_t base,
			     uint16_t limit)
{
	fake_vendor.tables[t].base = base;
	fake_vendor.tables[t].limit = limit;
	fake_vendor.tables[t].writes++;
}

static void fake_write_pdptes(UNUSED struct vcpu *vcpu, const uint64_t pdptes[4])
{
	memcpy(fake_vendor.pdptes, pdptes, sizeof(fake_vendor.pdptes));
	fake_vendor.pdpte_writes++;
}

static void fake_flush_guest_tlb(UNUSED struct vcpu *vcpu)
{
	fake_vendor.guest_tlb_flushes++;
}

static void fake_set_exception_bitmap(UNUSED struct vcpu *vcpu, uint32_t bitmap, uint32_t pfec_mask,
				      uint32_t pfec_match)
{
	fake_vendor.bitmap = bitmap;
	fake_vendor.pfec_mask = pfec_mask;
	fake_vendor.pfec_match = pfec_match;
	fake_vendor.bitmap_sets++;
}

static void fake_inject(UNUSED struct vcpu *vcpu, const struct event *event)
{
	assert_true(event->valid);
	assert_true(fake_vendor.injections < FAKE_INJECTIONS);
	fake_vendor.injected[fake_vendor.injections++] = *event;
}

static void fake_request_nmi_window(UNUSED struct vcpu *vcpu, bool on)
{
	fake_vendor.nmi_window = on;
	fake_vendor.nmi_window_requests++;
}

static bool fake_nmi_blocked(UNUSED struct vcpu *vcpu)
{
	return fake_vendor.nmi_blocked;
}

static void fake_single_step(UNUSED struct vcpu *vcpu, bool on)
{
	fake_vendor.stepping = on;
}

static void fake_flush(UNUSED struct vcpu *vcpu)
{
	fake_vendor.flushes++;
}

static unsigned fake_guest_features(void)
{
	return fake_vendor.features;
}

static const char *fake_exit_name(unsigned reason)
{
	static const char *const names[] = { "ZERO", "", "ABCDEFGHIJKLMNOPQRSTUVWX",
					     "ABCDEFGHIJKLMNOPQRSTUVWXYZ" };

	return reason < array_size(names) ? names[reason] : "";
}

const struct virt_ops fake_ops = {
	.name = "FAKE",
	.operation = "FAKE operation",
	.guest_features = fake_guest_features,
	.read_reg = fake_read_reg,
	.write_reg = fake_write_reg,
	.read_segment = fake_read_segment,
	.write_segment = fake_write_segment,
	.read_table = fake_read_table,
	.write_table = fake_write_table,
	.write_pdptes = fake_write_pdptes,
	.flush_guest_tlb = fake_flush_guest_tlb,
	.set_exception_bitmap = fake_set_exception_bitmap,
	.inject = fake_inject,
	.request_nmi_window = fake_request_nmi_window,
	.nmi_blocked = fake_nmi_blocked,
	.single_step = fake_single_step,
	.flush = fake_flush,
	.exit_count = 4,
	.exit_name = fake_exit_name,
};

void fake_vendor_reset(void)
{
	memset(&fake_vendor, 0, sizeof(fake_vendor));
	memset(&fake_vm, 0, sizeof(fake_vm));
	memset(&fake_vcpu, 0, sizeof(fake_vcpu));
	memset(&fake_run, 0, sizeof(fake_run));
	memset(&fake_info, 0, sizeof(fake_info));
	fake_vm.ops = &fake_ops;
	fake_vm.info = &fake_info;
	fake_vm.vcpus = &fake_vcpu;
	fake_vm.core_count = 1;
	fake_vm.maxphyaddr = 46;
	fake_vcpu.vm = &fake_vm;
	fake_vcpu.run = &fake_run;
	fake_run.exits = 1;
}

void expect_injected(enum event_type type, unsigned vector, bool has_error_code,
		     uint32_t error_code)
{
	const struct event *e = &fake_vendor.injected[0];

	assert_int_equal(fake_vendor.injections, 1);
	assert_int_equal(e->type, type);
	assert_int_equal(e->vector, vector);
	assert_int_equal(e->has_error_code, has_error_code);
	if (has_error_code)
		assert_int_equal(e->error_code, error_code);
}

void expect_nothing_injected(void)
{
	assert_int_equal(fake_vendor.injections, 0);
}

void expect_no_state_written(void)
{
	for (unsigned r = 0; r < VIRT_REG_COUNT; r++)
		assert_int_equal(fake_vendor.reg_writes[r], 0);
	for (unsigned s = 0; s < SEGMENT_COUNT; s++)
		assert_int_equal(fake_vendor.segment_writes[s], 0);
	assert_int_equal(fake_vendor.tables[0].writes + fake_vendor.tables[1].writes, 0);
	assert_int_equal(fake_vendor.pdpte_writes, 0);
}
