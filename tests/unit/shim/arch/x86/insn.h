/* Found before the real one: the real one, but the test program implements RDMSR and WRMSR. */
#pragma once

#define rdmsr hardware_rdmsr
#define wrmsr hardware_wrmsr
#include "../../../../../arch/x86/insn.h"
#undef rdmsr
#undef wrmsr

uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
