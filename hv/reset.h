/* Resetting the machine, as its reset button would. */
#pragma once

_Noreturn void reset_machine(void);
