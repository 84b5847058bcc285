; The kernel's flat image inside the loader: bytes to copy, never run where they lie.

	global image_start, image_end

	section .rodata.image progbits alloc noexec nowrite align=16

image_start:
	incbin "plinth-kernel.bin"
image_end:

	section .note.GNU-stack noalloc noexec nowrite progbits
