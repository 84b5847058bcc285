/*
 * Spin locks for the host. The host runs with interrupts off; an NMI handler must not take a lock
 * that the code it interrupts may hold. Zero-initialised means unlocked.
 */
#pragma once

#include "arch/x86/insn.h"

struct spinlock {
	volatile uint32_t locked;
};

static inline bool spin_trylock(struct spinlock *lock)
{
	uint32_t value = 1;
	__asm__ volatile("xchgl %0, %1" : "+r"(value), "+m"(lock->locked) : : "memory");
	return value == 0;
}

static inline void spin_lock(struct spinlock *lock)
{
	while (!spin_trylock(lock)) {
		while (lock->locked)
			cpu_pause();
	}
}

/* Stores are not reordered with older loads or stores on x86 (SDM 3A 9.2.2): a plain one will do */
static inline void spin_unlock(struct spinlock *lock)
{
	__asm__ volatile("movl $0, %0" : "=m"(lock->locked) : : "memory");
}
