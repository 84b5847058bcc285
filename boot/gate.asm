; The gate between the loader and the kernel; boot/gate.h says what its functions promise.
;
; It runs in two address spaces: firmware's, which maps memory at its physical address, and the
; kernel's, which maps nothing of firmware's world but this page. So the gate does not leave its
; page, is position independent, and touches the firmware's stack only with firmware's CR3.
;
; A core passes the gate in one of four ways, and three of them end in the same frame:
;   gate_call -> kernel -> leave    KERNEL_INIT, _CHECK, _LOG, or a KERNEL_START that failed
;   gate_call -> kernel -> guest    KERNEL_START that worked: the guest begins here
;   gate_leave -> kernel -> leave   the kernel gave the core back
;   gate_leave -> frame             it did not

%include "gate-offsets.inc"

%define IA32_EFER     0xc0000080 ; SDM 4 table 2-2
%define IA32_FS_BASE  0xc0000100
%define IA32_GS_BASE  0xc0000101
%define CR3_FLAGS     0xfff ; PCID, or PWT and PCD
%define DESC_BUSY     2     ; in byte 5 of a TSS descriptor, SDM 3A 8.2.3
%define SELECTOR_BITS 7     ; RPL and table indicator

; What gate_call and gate_leave leave on the firmware's stack; gate_state.rsp points at it.
%macro push_frame 0
	pushfq
	cli
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
%endmacro

%macro return_from_frame 0
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	popfq
	ret
%endmacro

; RAX, RCX and RDX are lost.
%macro save_msr 2 ; address, MSR
	mov ecx, %2
	rdmsr
	shl rdx, 32
	or rax, rdx
	mov [%1], rax
%endmacro

%macro load_msr 2 ; MSR, address
	mov ecx, %1
	mov eax, [%2]
	mov edx, [%2 + 4]
	wrmsr
%endmacro

; The instruction of the other vendor is #UD. RBX, RCX and RDX are lost.
%macro hypercall 1 ; RAX
	xor eax, eax
	cpuid
	mov rax, %1
	cmp ebx, 'Auth' ; AuthenticAMD
	je %%amd
	cmp ebx, 'Hygo' ; HygonGenuine
	je %%amd
	vmcall
	jmp %%done
%%amd:
	vmmcall
%%done:
%endmacro

	bits 64
	default rel

	global gate_start, gate_end
	global gate_call, gate_leave, gate_hypercall

	section .text.gate progbits alloc exec nowrite align=4096

gate_start:

; int64_t gate_call(const struct gate_call *gate, uint64_t call, uint64_t core)
gate_call:
	push_frame
	mov rbx, rdi
	mov r14, rsi
	mov r15, rdx

	mov rdi, [rbx + CALL_STATE]
	mov [rdi + STATE_SELF], rdi
	mov [rdi + STATE_RSP], rsp
	lea rax, [guest]
	mov [rdi + STATE_GUEST_RIP], rax
	lea rax, [leave_plinth]
	mov [rdi + STATE_LEAVE_RIP], rax
	mov rax, cr0
	mov [rdi + STATE_CR0], rax
	mov rax, cr3
	mov [rdi + STATE_CR3], rax
	mov rax, cr4
	mov [rdi + STATE_CR4], rax
	save_msr rdi + STATE_FS_BASE, IA32_FS_BASE
	save_msr rdi + STATE_GS_BASE, IA32_GS_BASE
	save_msr rdi + STATE_EFER, IA32_EFER
	sgdt [rdi + STATE_GDTR]
	sidt [rdi + STATE_IDTR]
	mov [rdi + STATE_CS], cs
	mov [rdi + STATE_SS], ss
	mov [rdi + STATE_DS], ds
	mov [rdi + STATE_ES], es
	mov [rdi + STATE_FS], fs
	mov [rdi + STATE_GS], gs
	str [rdi + STATE_TR]
	sldt [rdi + STATE_LDTR]

	; The kernel's tables may have no-execute bits, which are reserved while EFER.NXE is 0.
	mov eax, [rdi + STATE_EFER]
	mov edx, [rdi + STATE_EFER + 4]
	or eax, [rbx + CALL_EFER_SET]
	mov ecx, IA32_EFER
	wrmsr

	; Firmware's memory is out of reach from the load of CR3 on.
	mov rax, [rbx + CALL_ENTRY]
	mov rdi, [rbx + CALL_INFO]
	mov rsi, r14
	mov rdx, r15
	mov rcx, [rbx + CALL_CR3]
	mov rsp, [rbx + CALL_STACK]
	mov rbx, [rbx + CALL_STATE_VA]
	mov cr3, rcx
	call rax
	mov rdi, rbx

; The kernel jumps here to give the core back, and gate_call goes on here when the kernel returns:
; RAX is the result, RDI the kernel virtual address of the core's struct gate_state, which says
; how the core is to be; interrupts are off and the kernel's CR3 is loaded.
leave_plinth:
	mov r8, rax
	mov rcx, [rdi + STATE_CR3]
	mov rdi, [rdi + STATE_SELF]
	; CR4.PCIDE cannot be set while CR3 holds a PCID (SDM 3A 4.10.1): CR3, CR4, and CR3 in full.
	mov rax, rcx
	and rax, ~CR3_FLAGS
	mov cr3, rax
	mov rsp, [rdi + STATE_RSP]
	mov rax, [rdi + STATE_CR0]
	mov cr0, rax
	mov rax, [rdi + STATE_CR4]
	mov cr4, rax
	mov cr3, rcx
	load_msr IA32_EFER, rdi + STATE_EFER

	lgdt [rdi + STATE_GDTR]
	lidt [rdi + STATE_IDTR]
	movzx eax, word [rdi + STATE_CS]
	push rax
	lea rax, [.cs_loaded]
	push rax
	retfq
.cs_loaded:
	mov ss, [rdi + STATE_SS]
	mov ds, [rdi + STATE_DS]
	mov es, [rdi + STATE_ES]
	mov fs, [rdi + STATE_FS]
	mov gs, [rdi + STATE_GS]
	; Loading the selectors has changed the bases.
	load_msr IA32_FS_BASE, rdi + STATE_FS_BASE
	load_msr IA32_GS_BASE, rdi + STATE_GS_BASE
	lldt [rdi + STATE_LDTR]

	; Firmware often runs without a task register; LTR takes no null selector, and no task that
	; is marked busy, as firmware's own still is. A selector beyond the table is one that the
	; kernel has left here before.
	movzx eax, word [rdi + STATE_TR]
	mov ecx, eax
	and ecx, ~SELECTOR_BITS
	jz .no_task
	cmp cx, [rdi + STATE_GDTR]
	ja .no_task
	add rcx, [rdi + STATE_GDT_BASE]
	and byte [rcx + 5], ~DESC_BUSY & 0xff
	ltr ax
.no_task:
	mov rax, r8
	return_from_frame

; The guest begins here, with RSP and all else as gate_call left it.
guest:
	xor eax, eax
	return_from_frame

; int64_t gate_leave(void): when the kernel gives the core back it goes on at leave_plinth with the
; guest's RSP, so the frame must be on top of the stack at the call.
gate_leave:
	push_frame
	hypercall RAX_LEAVE
	return_from_frame

; int64_t gate_hypercall(uint64_t call)
gate_hypercall:
	push rbx
	hypercall rdi
	pop rbx
	ret

gate_end:

%if gate_end - gate_start > 4096
%error "the gate must lie within one page"
%endif

	section .note.GNU-stack noalloc noexec nowrite progbits
