/*
 * Does what some firmware does: on every core it locks IA32_FEATURE_CONTROL with VMX turned off
 * (SDM 3C 23.7), until the next reset. Then it returns.
 */
#include "tests/guest/guest.h"
#include "boot/mp.h"

#define IA32_FEATURE_CONTROL 0x3a
#define FEATURE_CONTROL_LOCK 1

static EFI_GUID mp_services = EFI_MP_SERVICES_PROTOCOL_GUID;
static volatile uint32_t locked;

static VOID EFIAPI lock_here(VOID *argument)
{
	uint32_t low, high;

	(void)argument;
	__asm__ volatile("wrmsr" : : "c"(IA32_FEATURE_CONTROL), "a"(FEATURE_CONTROL_LOCK), "d"(0));
	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(IA32_FEATURE_CONTROL));
	if (low == FEATURE_CONTROL_LOCK && high == 0)
		__atomic_add_fetch(&locked, 1, __ATOMIC_SEQ_CST);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	EFI_MP_SERVICES_PROTOCOL *mp;
	EFI_STATUS status;
	UINTN count = 1, enabled;

	guest_init(image, system);
	status = BS->LocateProtocol(&mp_services, NULL, (VOID **)&mp);
	if (!EFI_ERROR(status))
		status = mp->GetNumberOfProcessors(mp, &count, &enabled);
	if (EFI_ERROR(status)) {
		say("lockvmx: no EFI_MP_SERVICES: status %#lx", status);
		return status;
	}
	lock_here(NULL);
	if (count > 1)
		mp->StartupAllAPs(mp, lock_here, FALSE, NULL, 0, NULL, NULL);
	say("lockvmx: %u of %lu cores locked", locked, count);
	return EFI_SUCCESS;
}
