/* The local APIC, as far as plinth uses it: an NMI to another core. It is the guest's otherwise. */
#pragma once

#include "arch/x86/types.h"

/*
 * Send an NMI to the core with APIC_ID, in whatever mode the guest has put this core's APIC. SELF
 * is this core's index. Leaves the guest's interrupt command register as it was.
 */
void apic_send_nmi(unsigned self, uint32_t apic_id);
