/*
 * A processor in VMX operation for the whole of hv/ and arch/x86/vmx/: it checks what the manual
 * asks of VMXON, VMCLEAR and VMPTRLD, and its VM entry is a function of the test. Memory of plinth
 * is an arena, memory of the guest another one.
 */
#pragma once

#include "hv/vcpu.h"
#include "tests/unit/fake_cpu.h"
#include "tests/unit/fake_log.h"
#include "tests/unit/fake_vmcs.h"

#define FAKE_MAXPHYADDR  39u
#define FAKE_REGION_BASE 0x3e000000ull
#define FAKE_REGION_SIZE 0x200000ull
#define FAKE_GDT         0x7f5e1000ull /* of the firmware, in the guest's memory */

struct fake_vmx {
	bool on;
	bool fail_vmxon, fail_vmclear, fail_vmptrld;
	hpa_t vmxon_region, cleared, current; /* 0: none */
	unsigned vmxons, vmxoffs, vmclears, vmptrlds, invepts, invvpids;
	uint16_t invvpid_vpid; /* of the last */
	unsigned launches;
	void (*guest)(void); /* what runs when VMLAUNCH succeeds; VMLAUNCH fails when it returns */
	unsigned kicks_answered;
};

extern struct fake_vmx fake_vmx;
extern struct vm fake_vmx_vm;
extern struct vcpu fake_vmx_vcpu;
extern uint64_t fake_guest_page[512]; /* any page of the guest's memory */

/* A processor that can all, in the state in which OVMF leaves the core of INDEX. */
void fake_vmx_reset(unsigned index);

/* vcpu_start() with GUEST as the guest, in a VM that is made for it. What vcpu_start() returns. */
enum boot_status fake_vmx_start(void (*guest)(void));

/* The guest exits for REASON: vmx_handle_exit(). The exit's other fields are set before. */
void fake_vmx_exit(uint32_t reason);

/* The VMCS breaks no rule of VM entry. */
void expect_entry_possible(void);
