/*
 * The manual's rules for VM entry, checked by plinth itself: a processor says only that an entry
 * has failed, and an emulator may let pass what hardware refuses. Pure: looks at a VMCS through a
 * reader and changes nothing, so that tests can break every rule.
 *
 * Covered are the checks on controls, host state and guest state of SDM 3C 26.2 and 26.3.1, for an
 * entry from 64-bit mode outside SMM. A rule of a feature applies when its control is on.
 *
 * Left out, because plinth never turns the control on: posted interrupts and IPI virtualisation,
 * page-modification logging, VM functions and the EPTP list, sub-page write permissions, TSC
 * scaling, tertiary controls and secondary exit controls, Processor Trace, SGX (enclave
 * interruption), FRED, and loading of PERF_GLOBAL_CTRL, BNDCFGS, RTIT_CTL, LBR_CTL, PKRS, UINV and
 * CET state. And because they need more than the VMCS: the virtual-APIC page's TPR, what a VMCS
 * link pointer points at, PDPTEs without EPT, entries of the MSR areas (SDM 3C 26.4), and CPUID's
 * word on RTM and bus locks.
 */
#pragma once

#include "arch/x86/vmx/controls.h"
#include "arch/x86/vmx/vmcs.h"

/* Where the fields come from. A field that the processor lacks reads as anything. */
struct vmcs_reader {
	uint64_t (*read)(void *ctx, enum vmcs_field field);
	void *ctx;
};

/* A broken rule: the field's name and value, what must hold, and where SDM 3C says so. */
typedef void vmx_rule_broken(void *ctx, const char *field, uint64_t value, const char *rule,
			     const char *section);

/*
 * Call BROKEN(CTX, ...) for each rule that the VMCS breaks on a processor with CAPABILITIES and
 * MAXPHYADDR bits of physical address. Returns how many there are.
 */
unsigned vmx_check_entry(const struct vmcs_reader *vmcs,
			 const struct vmx_capabilities *capabilities, unsigned maxphyaddr,
			 vmx_rule_broken *broken, void *ctx);

/* How many rules there are. Each has a text of its own; several fields may share a rule. */
extern const unsigned vmx_entry_rules;
