/*
 * The contract between the loader (boot/) and the kernel (hv/): how the kernel's image describes
 * itself, what the loader tells it, and the calls that the loader makes. It is the only
 * header that both sides include. Nothing in it points into boot-services memory: addresses are
 * either physical addresses inside plinth's own region, or kernel virtual addresses.
 *
 * The region is one physically contiguous range of EfiReservedMemoryType. The loader maps it
 * linearly: the byte at region_base + x is at KERNEL_BASE + x. It holds, in this order, the image
 * (with its .bss), the page tables, this structure, and the heap, which reaches to the end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define KERNEL_BASE         0xffffffff80000000ull
#define KERNEL_WINDOW       0xffffffffc0000000ull /* above the region: the kernel's own mappings */
#define KERNEL_HEADER_MAGIC 0x4c4e524b48544c50ull /* "PLTHKRNL" */
#define BOOT_INFO_MAGIC     0x4f464e4948544c50ull /* "PLTHINFO" */
#define BOOT_INFO_VERSION   1u

/*
 * At offset 0 of the flat kernel image. All offsets count from the image's start (KERNEL_BASE) and
 * are multiples of 4 KiB, except file_size and entry. [0, text_end) is mapped read-execute,
 * [text_end, rodata_end) read-only, everything behind it read-write; only text is executable.
 */
struct kernel_header {
	uint64_t magic;     /* KERNEL_HEADER_MAGIC */
	uint32_t version;   /* BOOT_INFO_VERSION that the kernel was built for */
	uint32_t file_size; /* bytes to copy */
	uint32_t text_end;
	uint32_t rodata_end;
	uint32_t image_size; /* bytes with .bss, which the loader clears */
	uint32_t entry;      /* offset of kernel_entry() */
	uint32_t boot_stack; /* offset of the top of the stack to use while boot_core.stack is 0 */
	uint32_t heap_base_bytes;     /* heap the kernel wants in any case */
	uint32_t heap_bytes_per_core; /* and for each core */
	uint32_t heap_bytes_per_gib;  /* and for each GiB of guest-physical memory below ram_top */
};

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

enum fatal_policy {
	FATAL_STOP,  /* stop every core and keep the report on the line */
	FATAL_RESET, /* reset the machine after the report */
};

/* What plinth.cfg and the load options say to the kernel. */
struct boot_config {
	uint16_t serial_port; /* I/O port of a 16550, 0: none */
	uint8_t log_level;    /* enum log_level */
	uint8_t fatal;        /* enum fatal_policy */
	uint32_t serial_baud; /* bit/s, a divisor of 115200 */
};

/*
 * The processor state of one core as the loader's gate found it (boot/gate.asm), and as the gate
 * restores it when the kernel gives the core back. The gate fills and uses it by its physical
 * address, the kernel by its virtual one.
 */
struct __attribute__((packed)) boot_table_register {
	uint16_t limit;
	uint64_t base;
};

struct gate_state {
	uint64_t rsp; /* points at the gate's frame; the return address is above it */
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
	uint64_t efer;
	uint64_t fs_base;
	uint64_t gs_base;
	uint64_t guest_rip; /* where the guest begins: the gate's success return */
	uint64_t leave_rip; /* where the kernel jumps to give the core back: the gate's tail */
	uint64_t self;      /* this structure's physical address */
	struct boot_table_register gdtr;
	struct boot_table_register idtr;
	uint16_t cs, ss, ds, es, fs, gs, tr, ldtr;
};

struct boot_core {
	uint64_t stack;   /* kernel virtual address of the top of its stack; KERNEL_INIT sets it */
	uint32_t apic_id; /* initial (x2)APIC id as EFI_MP_SERVICES gives it */
	int32_t status;   /* enum boot_status of the last call that the loader saw fail or pass here
			     while it could still touch the region, which a guest cannot */
	struct gate_state gate;
};

enum boot_status {
	BOOT_OK = 0,
	BOOT_UNFIT = -1,       /* requirements are missing: boot_info.report names them */
	BOOT_BAD_INFO = -2,    /* magic, version or size do not match */
	BOOT_NO_MEMORY = -3,   /* the heap is too small */
	BOOT_VIRT_FAILED = -4, /* the core could not enter virtual operation */
	BOOT_NOT_RUN = -5,     /* set by the loader before each call */
};

/* What the loader asks of the kernel, on the core that it runs on. */
enum boot_call {
	KERNEL_INIT,  /* first, on the boot core only: set up heap, log and per-core memory */
	KERNEL_CHECK, /* on every core: is every requirement met? Changes nothing on the core */
	KERNEL_START, /* on every core: become the guest. Returns 0 in the guest, or fails */
	KERNEL_LOG,   /* on the boot core while it is not a guest, once KERNEL_INIT gave BOOT_OK or
			 BOOT_UNFIT, also after a KERNEL_START that failed or was taken back: log
			 each line of notes[], then set notes_length to 0. KERNEL_INIT does the same
			 after its version line */
};

struct boot_info {
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* of this structure with its cores[] */
	uint64_t region_base;
	uint64_t region_size;
	uint64_t page_tables;  /* offset in the region: the level 1 tables of the region, one behind
				  the other, so that PTE n maps the region's page n */
	uint64_t heap;         /* offset in the region of the first free page */
	uint64_t cr3;          /* physical address of the kernel's top-level table */
	uint64_t window_table; /* offset in the region of the empty level 1 table of the 2 MiB at
				  KERNEL_WINDOW; its upper levels are in place */
	uint64_t gate_entry;   /* offset in the region of the top-level entry that maps the gate at
				  its physical address; the kernel clears it when all cores are in */
	uint64_t ram_top;      /* end of the highest RAM that the firmware's map reports */
	uint64_t rsdp;         /* physical address of the ACPI RSDP, 0: none */
	struct boot_config config;
	uint32_t core_count;
	uint32_t report_length; /* bytes of report[] in use */
	char report[8192];      /* KERNEL_CHECK: what is missing, one sentence a line */
	uint32_t notes_length;  /* bytes of notes[] in use */
	char notes[2048];       /* what the loader has to say on the log, one sentence a line, each
				   ended by '\n' and without the "plinth: " of the log */
	char next[512]; /* what the loader starts after PLINTH_SEAL, for the log; may be "" */
	struct boot_core cores[]; /* [0] is the boot core */
};

/* The type of kernel_entry(), and of the gate that calls it. Returns an enum boot_status. */
typedef int64_t kernel_entry_fn(struct boot_info *info, uint64_t call, uint64_t core);
