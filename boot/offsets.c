/*
 * Constants for boot/gate.asm, from the compiler: the build turns the lines that this file's
 * assembly output holds into build/boot/gate-offsets.inc, so that no layout is written twice.
 */
#include "boot/gate.h"
#include "hv/hypercall.h"

#define DEFINE(name, value) __asm__ volatile("\n.ascii \"->" #name " %0\"" : : "i"(value))
#define CALL(name, member)  DEFINE(CALL_##name, offsetof(struct gate_call, member))
#define STATE(name, member) DEFINE(STATE_##name, offsetof(struct gate_state, member))

void gate_offsets(void);

void gate_offsets(void)
{
	DEFINE(RAX_LEAVE, PLINTH_CALL(PLINTH_LEAVE));

	CALL(CR3, cr3);
	CALL(EFER_SET, efer_set);
	CALL(STACK, stack);
	CALL(ENTRY, entry);
	CALL(INFO, info);
	CALL(STATE, state);
	CALL(STATE_VA, state_va);

	STATE(RSP, rsp);
	STATE(CR0, cr0);
	STATE(CR3, cr3);
	STATE(CR4, cr4);
	STATE(EFER, efer);
	STATE(FS_BASE, fs_base);
	STATE(GS_BASE, gs_base);
	STATE(GUEST_RIP, guest_rip);
	STATE(LEAVE_RIP, leave_rip);
	STATE(SELF, self);
	STATE(GDTR, gdtr);
	DEFINE(STATE_GDT_BASE,
	       offsetof(struct gate_state, gdtr) + offsetof(struct boot_table_register, base));
	STATE(IDTR, idtr);
	STATE(CS, cs);
	STATE(SS, ss);
	STATE(DS, ds);
	STATE(ES, es);
	STATE(FS, fs);
	STATE(GS, gs);
	STATE(TR, tr);
	STATE(LDTR, ldtr);
}
