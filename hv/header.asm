; The image's own description for the loader, at its very start: struct kernel_header of
; hv/boot_info.h. The numbers come from the linker script.

%include "asm-offsets.inc"

extern __text_end_offset
extern __rodata_end_offset
extern __image_size
extern __file_size
extern __entry_offset
extern __boot_stack_offset

section .header align=8

	dq KERNEL_HEADER_MAGIC
	dd BOOT_INFO_VERSION
	dd __file_size
	dd __text_end_offset
	dd __rodata_end_offset
	dd __image_size
	dd __entry_offset
	dd __boot_stack_offset
	dd HEAP_BASE_BYTES
	dd HEAP_BYTES_PER_CORE
	dd HEAP_BYTES_PER_GIB

section .bss align=4096

	resb 4096 * 2		; the loader calls KERNEL_INIT on this
global boot_stack_top
boot_stack_top:
