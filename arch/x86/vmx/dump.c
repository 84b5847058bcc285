/*
 * A VMCS for people: names of fields and errors, and the reports that go on the line when something
 * has failed: a vCPU's state, and the rules of VM entry that it breaks.
 */
#include "arch/x86/vmx/vmx.h"
#include "arch/x86/vmx/entry_check.h"
#include "hv/debug/log.h"
#include "hv/debug/panic.h"
#include "hv/cpuid.h"

static const struct {
	enum vmcs_field field;
	const char *name;
} fields[] = {
#define X(name, encoding) { name, #name },
	VMCS_FIELDS(X)
#undef X
};

const char *vmcs_field_name(enum vmcs_field field)
{
	for (size_t i = 0; i < array_size(fields); i++)
		if (fields[i].field == field)
			return fields[i].name;
	return "?";
}

const char *vmx_instruction_error(uint32_t error)
{
	static const char *const names[] = {
		[1] = "VMCALL executed in VMX root operation",
		[2] = "VMCLEAR with invalid physical address",
		[3] = "VMCLEAR with VMXON pointer",
		[4] = "VMLAUNCH with non-clear VMCS",
		[5] = "VMRESUME with non-launched VMCS",
		[6] = "VMRESUME after VMXOFF",
		[7] = "VM entry with invalid control field(s)",
		[8] = "VM entry with invalid host-state field(s)",
		[9] = "VMPTRLD with invalid physical address",
		[10] = "VMPTRLD with VMXON pointer",
		[11] = "VMPTRLD with incorrect VMCS revision identifier",
		[12] = "VMREAD/VMWRITE from/to unsupported VMCS component",
		[13] = "VMWRITE to read-only VMCS component",
		[15] = "VMXON executed in VMX root operation",
		[16] = "VM entry with invalid executive-VMCS pointer",
		[17] = "VM entry with non-launched executive VMCS",
		[18] = "VM entry with executive-VMCS pointer not VMXON pointer",
		[19] = "VMCALL with non-clear VMCS",
		[20] = "VMCALL with invalid VM-exit control fields",
		[22] = "VMCALL with incorrect MSEG revision identifier",
		[23] = "VMXOFF under dual-monitor treatment",
		[24] = "VMCALL with invalid SMM-monitor features",
		[25] = "VM entry with invalid VM-execution control fields in executive VMCS",
		[26] = "VM entry with events blocked by MOV SS",
		[28] = "invalid operand to INVEPT/INVVPID",
	};

	return error < array_size(names) && names[error] ? names[error] : "unknown error";
}

void vmcs_access_failed(enum vmcs_field field, const char *access, const char *caller)
{
	panic("%s of %s (%#x) failed in %s()", access, vmcs_field_name(field), field, caller);
}

static uint64_t read_current(void *ctx, enum vmcs_field field)
{
	uint64_t value = 0;

	(void)ctx;
	vmread_safe(field, &value);
	return value;
}

static void print_broken_rule(void *ctx, const char *field, uint64_t value, const char *rule,
			      const char *section)
{
	(void)ctx;
	log_error("  rule broken: %s = %#lx: %s (SDM 3C %s)", field, (unsigned long)value, rule,
		  section);
}

unsigned vmx_report_broken_rules(struct vcpu *vcpu)
{
	const struct vmcs_reader current = { .read = read_current };
	unsigned broken = vmx_check_entry(&current, &vmx_of(vcpu)->caps, cpuid_maxphyaddr(),
					  print_broken_rule, NULL);

	if (broken)
		log_error("  %u rule%s of VM entry broken on core %u", broken,
			  broken == 1 ? "" : "s", vcpu->index);
	return broken;
}

void vmx_report_failed_entry(struct vcpu *vcpu)
{
	if (!vmx_report_broken_rules(vcpu))
		log_error("  no rule of VM entry that plinth knows is broken on core %u",
			  vcpu->index);
}

void vmx_dump(struct vcpu *vcpu)
{
	const struct vmx_vcpu *vmx = vcpu->arch;

	if (!vmx || !vmx->vmcs_active) {
		log_error("  core %u has no current VMCS", vcpu->index);
		return;
	}
	log_error("  VMCS of core %u%s:", vcpu->index, vmx->launched ? "" : " (not launched)");
	for (size_t i = 0; i < array_size(fields); i += 2) {
		uint64_t a = 0, b = 0;
		bool second = i + 1 < array_size(fields);
		bool has_a = vmread_safe(fields[i].field, &a);
		bool has_b = second && vmread_safe(fields[i + 1].field, &b);

		if (has_a && has_b)
			log_error("  %-30s %016lx  %-30s %016lx", fields[i].name, (unsigned long)a,
				  fields[i + 1].name, (unsigned long)b);
		else if (has_a || has_b)
			log_error("  %-30s %016lx", fields[has_a ? i : i + 1].name,
				  (unsigned long)(has_a ? a : b));
	}
	if (vmx->entry_failed)
		vmx_report_failed_entry(vcpu);
}
