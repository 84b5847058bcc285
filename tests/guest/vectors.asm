; The exception handlers of the test programs (guest.h): each saves the registers and calls
; guest_exception() in guest.c, which decides where to go on. guest_bp_vector, for #BP, uses no
; stack at all, so that a breakpoint can be taken with a stack pointer that leads nowhere.

	bits 64
	default rel

	extern guest_exception
	extern guest_resume
	extern guest_fault
	global guest_vectors:data hidden
	global guest_bp_vector:data hidden

%define HAS_ERROR_CODE 0x60227d00 ; vectors 8, 10 to 14, 17, 21, 29, 30 (SDM 3A table 6-1)
%define VECTOR_BP      3

	section .text

; 32 of them, 16 bytes each
	align 16
guest_vectors:
%assign vector 0
%rep 32
	align 16
%if ((HAS_ERROR_CODE >> vector) & 1) == 0
	push 0
%endif
	push vector
	jmp exception
%assign vector vector + 1
%endrep

; The stack holds struct frame of guest.c.
	align 16
exception:
	push rax
	push rcx
	push rdx
	push rbx
	push rbp
	push rsi
	push rdi
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	mov rdi, rsp
	mov rbx, rsp
	cld
	and rsp, -16
	call guest_exception
	mov rsp, rbx
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rdi
	pop rsi
	pop rbp
	pop rbx
	pop rdx
	pop rcx
	pop rax
	add rsp, 16
	iretq

guest_bp_vector:
	mov qword [guest_fault], VECTOR_BP
	mov rsp, [guest_resume + 8]
	jmp [guest_resume]

	section .note.GNU-stack noalloc noexec nowrite progbits
