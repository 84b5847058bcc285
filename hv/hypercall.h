/*
 * The interface between plinth and software in the guest, in registers only. guest/plinthctl and
 * the loader use it; it is the one header that programs in the guest may include.
 *
 * Discovery: CPUID leaf 0x40000000 returns the highest plinth leaf in EAX and PLINTH_SIGNATURE in
 * EBX, ECX, EDX. The hypervisor-present bit (leaf 1, ECX bit 31) is left as the machine has it.
 *
 * Calls: VMCALL (VMMCALL on AMD) with RAX = PLINTH_CALL(number). On return RAX is 0 or a negative
 * enum plinth_error and the results are in RBX, RCX, RDX, RSI, RDI as the number says; other
 * registers are unchanged. Any other RAX is #UD, as on a machine without virtualisation.
 *
 * What user mode may do: the status calls only read counters into registers, take bounded time,
 * cost no more than CPUID (which anyone may execute) and name no address; they work at every
 * privilege level. All others are #UD outside CPL 0.
 */
#pragma once

#define PLINTH_CPUID_BASE    0x40000000u /* EAX: highest leaf; EBX, ECX, EDX: signature */
#define PLINTH_CPUID_VERSION 0x40000001u /* EAX: major << 16 | minor << 8 | patch; EBX: cores */
#define PLINTH_SIGNATURE     "plinthplinth"

#define PLINTH_CALL_MAGIC    0x706c746800000000ull /* "plth" in the upper half of RAX */
#define PLINTH_CALL(n)       (PLINTH_CALL_MAGIC | (n))

enum plinth_call {
	/*
	 * Status: RBX = cores, RCX = bytes of memory plinth keeps for itself, RDX = TSC ticks since
	 * the first core entered, RSI = touches of plinth's memory by the guest, RDI = number of
	 * exit reasons (the limit for PLINTH_EXITS).
	 */
	PLINTH_STATUS = 0,
	/*
	 * Exits: takes RBX = core, RCX = reason. Returns RBX = count since start, and the reason's
	 * name as up to 24 characters, zero-padded, in RCX, RDX, RSI (first character in the lowest
	 * byte). A reason that does not exist has an empty name.
	 */
	PLINTH_EXITS = 1,
	/*
	 * CPU: RBX, RCX, RDX = the vendor contract's name ("VMX") as above, RSI = the calling
	 * core's index.
	 */
	PLINTH_VENDOR = 2,
	/* CPL 0, before PLINTH_SEAL: give this core back to bare metal; see boot/gate.asm. */
	PLINTH_LEAVE = 16,
	/* CPL 0, once: every core is in; plinth forgets the loader. */
	PLINTH_SEAL = 17,
};

enum plinth_error {
	PLINTH_EINVAL = -1, /* no such core, reason or call */
	PLINTH_EPERM = -2,  /* not after PLINTH_SEAL */
};
