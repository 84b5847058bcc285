; The world switch. HOST_RSP points at the end of struct vcpu's regs[], so that an exit pushes the
; guest's registers right into the vCPU, whose first member they are; handlers then run on the stack
; that vmx_launch() was called on. RSP itself is in the VMCS; its slot is skipped.

bits 64
default rel

%include "asm-offsets.inc"

global vmx_launch
global vmx_abandon_launch
global vmx_exit_entry
extern vmx_handle_exit
extern vmx_resume_failed

%define GPR_BYTES 16 * 8

section .text

%macro POP_GUEST_REGISTERS 0
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
%endmacro

; enum vmx_launch_result vmx_launch(struct vcpu *vcpu)
align 16
vmx_launch:
	push rbx
	push rbp
	push r12
	push r13
	push r14
	push r15
	sub rsp, 8			; the ABI's alignment for calls from vmx_exit_entry
	mov [rdi + VCPU_HOST_STACK], rsp
	mov rsp, rdi
	POP_GUEST_REGISTERS
	vmlaunch
	lea rdi, [rsp - GPR_BYTES]	; VMfail: RSP still says which vCPU it was
	mov eax, VMX_LAUNCH_VMFAIL
.give_up:
	mov rsp, [rdi + VCPU_HOST_STACK]
	add rsp, 8
	pop r15
	pop r14
	pop r13
	pop r12
	pop rbp
	pop rbx
	ret

; void vmx_abandon_launch(struct vcpu *vcpu): an exit handler found that the first entry failed
vmx_abandon_launch:
	mov eax, VMX_LAUNCH_ABANDONED
	jmp vmx_launch.give_up

align 16
vmx_exit_entry:
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
	push rax			; the slot of RSP
	push rbx
	push rdx
	push rcx
	push rax
	mov rdi, rsp
	mov rsp, [rdi + VCPU_HOST_STACK]
	call vmx_handle_exit		; returns the vCPU
	mov rsp, rax
	POP_GUEST_REGISTERS
	vmresume
	lea rdi, [rsp - GPR_BYTES]
	mov rsp, [rdi + VCPU_HOST_STACK]
	call vmx_resume_failed
	ud2
