; Entries of the host's IDT: every vector saves all general registers in a struct trap_frame and
; calls handle_trap(). The host runs with interrupts off, so what arrives is an NMI, a machine
; check, or a fault of our own.

bits 64
default rel

%include "asm-offsets.inc"

global trap_entries
extern handle_trap

section .text


align 16
trap_entries:
%assign vector 0
%rep 32
	align TRAP_ENTRY_SIZE
	; where the processor pushes an error code itself (SDM 3A table 6-1)
	%if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
	%else
	push 0
	%endif
	push vector
	jmp near trap_common
	%assign vector vector + 1
%endrep
	align TRAP_ENTRY_SIZE

trap_common:
	push r15
	push r14
	push r13
	push r12
	push r11
	push r10
	push r9
	push r8
	push rdi
	push rsi
	push rbp
	push rax		; the slot of RSP
	push rbx
	push rdx
	push rcx
	push rax
	cld
	mov rdi, rsp
	call handle_trap
	pop rax
	pop rcx
	pop rdx
	pop rbx
	add rsp, 8
	pop rbp
	pop rsi
	pop rdi
	pop r8
	pop r9
	pop r10
	pop r11
	pop r12
	pop r13
	pop r14
	pop r15
	add rsp, 16		; vector and error code
	iretq
