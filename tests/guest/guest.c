/* What the test programs share; see guest.h. */
#include "tests/guest/guest.h"
#include "hv/format.h"

#define COM1           0x3f8
#define UART_LSR       5
#define UART_LSR_THRE  0x20
#define BOCHS_SHUTDOWN 0x8900
#define LINE_MAX       512
#define GATES          256
#define EXCEPTIONS     32
#define VECTOR_BYTES   16
#define GATE_INTERRUPT 0x8e00      /* present, DPL 0, 64-bit interrupt gate */
#define HAS_ERROR_CODE 0x60227d00u /* vectors that push one, SDM 3A table 6-1 */
#define RFLAGS_RF      (1ull << 16)

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t type; /* and IST 0 */
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};

struct __attribute__((packed)) table_register {
	uint16_t limit;
	uint64_t base;
};

/* What vectors.asm and the processor push. */
struct frame {
	uint64_t regs[15];
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct guest_resume guest_resume;
struct fault guest_fault;
int guest_steps = -1;
struct guest_step guest_step[STEPS_MAX];

extern const uint8_t guest_vectors[] __attribute__((visibility("hidden")));
extern const uint8_t guest_bp_vector[] __attribute__((visibility("hidden")));
void guest_exception(struct frame *frame) __attribute__((visibility("hidden")));

static struct gate idt[GATES] __attribute__((aligned(16)));
static EFI_LOADED_IMAGE *loaded;

static uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void put(char c)
{
	while (!(inb(COM1 + UART_LSR) & UART_LSR_THRE))
		;
	outb(COM1, (uint8_t)c);
}

void say(const char *fmt, ...)
{
	char line[LINE_MAX];
	va_list args;

	va_start(args, fmt);
	format_v(line, sizeof(line), fmt, args);
	va_end(args);
	for (const char *c = line; *c; c++)
		put(*c);
	put('\r');
	put('\n');
}

void power_off(void)
{
	for (const char *c = "Shutdown"; *c; c++)
		outb(BOCHS_SHUTDOWN, (uint8_t)*c);
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	for (;;)
		__asm__ volatile("hlt");
}

void guest_init(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	EFI_STATUS status;

	InitializeLib(image, system);
	status = BS->HandleProtocol(image, &LoadedImageProtocol, (void **)&loaded);
	if (EFI_ERROR(status)) {
		say("guest: no loaded image protocol: status %#lx", status);
		power_off();
	}
}

const CHAR16 *load_options(void)
{
	return loaded->LoadOptionsSize ? loaded->LoadOptions : L"";
}

EFI_HANDLE volume(void)
{
	return loaded->DeviceHandle;
}

/* --- Exceptions --------------------------------------------------------------------------------
 */

static void set_gate(unsigned vector, const uint8_t *handler)
{
	uint64_t offset = (uintptr_t)handler;
	uint16_t cs;

	__asm__ volatile("movw %%cs, %0" : "=r"(cs));
	idt[vector] = (struct gate){ .offset_low = (uint16_t)offset,
				     .selector = cs,
				     .type = GATE_INTERRUPT,
				     .offset_middle = (uint16_t)(offset >> 16),
				     .offset_high = (uint32_t)(offset >> 32) };
}

void catch_exceptions(void)
{
	struct table_register idtr = { sizeof(idt) - 1, (uintptr_t)idt };
	struct table_register old;

	__asm__ volatile("cli\n\tsidt %0" : "=m"(old));
	CopyMem(idt, (void *)(uintptr_t)old.base,
		old.limit < sizeof(idt) ? old.limit + 1u : sizeof(idt));
	for (unsigned v = 0; v < EXCEPTIONS; v++)
		set_gate(v, guest_vectors + v * VECTOR_BYTES);
	set_gate(VECTOR_BP, guest_bp_vector);
	__asm__ volatile("lidt %0" : : "m"(idtr));
}

void set_gate_present(unsigned vector, bool present)
{
	idt[vector].type = present ? GATE_INTERRUPT : GATE_INTERRUPT & ~0x8000;
}

/* DR6 afterwards as after a reset (SDM 3A table 9-1). */
static uint64_t take_dr6(void)
{
	uint64_t dr6;

	__asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("movq %0, %%dr6" : : "r"(0xffff0ff0ul));
	return dr6;
}

void guest_exception(struct frame *frame)
{
	uint64_t cr2;

	if (frame->vector == VECTOR_DB && guest_steps >= 0 && guest_steps < STEPS_MAX) {
		guest_step[guest_steps++] = (struct guest_step){ frame->rip, take_dr6() };
		frame->rflags &= ~RFLAGS_TF;
		frame->rflags |= RFLAGS_RF; /* or an instruction breakpoint strikes again */
		return;
	}
	__asm__ volatile("movq %%cr2, %0" : "=r"(cr2));
	if (!guest_resume.rip) {
		say("guest: unexpected exception %lu, error code %#lx, RIP %#lx (image at %p), CR2 "
		    "%#lx",
		    frame->vector, frame->error, frame->rip, loaded->ImageBase, cr2);
		power_off();
	}
	guest_fault = (struct fault){ .vector = (int64_t)frame->vector,
				      .error = frame->error,
				      .rip = frame->rip,
				      .rflags = frame->rflags,
				      .cr2 = cr2 };
	frame->rip = guest_resume.rip;
	frame->rsp = guest_resume.rsp;
	frame->rflags &= ~(RFLAGS_TF | RFLAGS_RF);
}

const char *outcome(void)
{
	static const char *const names[EXCEPTIONS] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "#9",  "#TS",
		"#NP", "#SS", "#GP", "#PF", "#15", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
	};
	static char text[32];
	int64_t vector = guest_fault.vector;

	if (vector == VECTOR_NONE)
		return "ok";
	if (!(HAS_ERROR_CODE >> vector & 1))
		return names[vector] ? names[vector] : "#?";
	format(text, sizeof(text), "%s(%#lx)", names[vector] ? names[vector] : "#?",
	       guest_fault.error);
	return text;
}

/* --- Instructions ------------------------------------------------------------------------------
 */

struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("movq %%cr0, %0" : "=r"(value));
	return value;
}

uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("movq %%cr4, %0" : "=r"(value));
	return value;
}

void write_cr0(uint64_t value)
{
	ATTEMPT("movq %0, %%cr0", : : "r"(value) : ATTEMPT_CLOBBERS);
}

void write_cr4(uint64_t value)
{
	ATTEMPT("movq %0, %%cr4", : : "r"(value) : ATTEMPT_CLOBBERS);
}

uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	ATTEMPT("rdmsr", : "=a"(low), "=d"(high) : "c"(msr), "0"(0), "1"(0) : ATTEMPT_CLOBBERS);
	return (uint64_t)high << 32 | low;
}

void write_msr(uint32_t msr, uint64_t value)
{
	ATTEMPT("wrmsr",
		:
		: "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		: ATTEMPT_CLOBBERS);
}

/* --- plinth ------------------------------------------------------------------------------------
 */

bool plinth_present(void)
{
	struct cpuid r = cpuid(PLINTH_CPUID_BASE, 0);
	uint32_t signature[] = { r.ebx, r.ecx, r.edx };

	return r.eax >= PLINTH_CPUID_VERSION &&
	       CompareMem(signature, PLINTH_SIGNATURE, sizeof(signature)) == 0;
}

void vmcall(struct call *call)
{
	ATTEMPT("vmcall",
		: "+a"(call->rax), "+b"(call->rbx), "+c"(call->rcx), "+d"(call->rdx),
		  "+S"(call->rsi), "+D"(call->rdi)
		:
		: ATTEMPT_CLOBBERS);
}

struct call plinth_status(void)
{
	struct call call = { .rax = PLINTH_CALL(PLINTH_STATUS) };

	vmcall(&call);
	return call;
}

bool find_plinth(uint64_t *base, uint64_t *size)
{
	uint64_t bytes = plinth_status().rcx;
	UINTN count, key, descriptor_size;
	UINT32 version;
	EFI_MEMORY_DESCRIPTOR *map = LibMemoryMap(&count, &key, &descriptor_size, &version);
	bool found = false;

	for (UINTN i = 0; map && i < count && !found; i++) {
		EFI_MEMORY_DESCRIPTOR *range =
			(EFI_MEMORY_DESCRIPTOR *)((uint8_t *)map + i * descriptor_size);

		found = range->Type == EfiReservedMemoryType &&
			range->NumberOfPages * PAGE_SIZE == bytes;
		*base = range->PhysicalStart;
	}
	*size = bytes;
	if (!found)
		say("guest: no reserved range of %lu bytes, which plinth says it has", bytes);
	if (map)
		FreePool(map);
	__asm__ volatile("cli"); /* as it was: firmware's services turn interrupts on */
	return found;
}

void say_exits(void)
{
	struct call status = plinth_status();

	for (uint64_t core = 0; core < status.rbx; core++) {
		for (uint64_t reason = 0; reason < status.rdi; reason++) {
			struct call c = { .rax = PLINTH_CALL(PLINTH_EXITS),
					  .rbx = core,
					  .rcx = reason };
			uint64_t name[4];

			vmcall(&c);
			name[0] = c.rcx;
			name[1] = c.rdx;
			name[2] = c.rsi;
			name[3] = 0;
			if (c.rax || c.rbx)
				say("exits: core %lu reason %lu %s: %lu%s", core, reason,
				    (const char *)name, c.rbx, c.rax ? " (error)" : "");
		}
	}
}
